"""One run of a trace, as it came over the wire, whichever framework and protocol it came by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Span(NamedTuple):
    """A run. `began` and `ended` are seconds after the trace began; `tokens` are in and out, of this run alone.

    `notes` are what is told beside it: what the call's run carries as metadata, and the decision's reason.
    """

    name: str
    kind: str
    depth: int
    began: float
    ended: float
    tokens: tuple[int, int] | None
    notes: tuple[str, ...]


def noted(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The cascade's own figures among what a run carries, by which it can be charted and filtered."""
    figures = {name: told[name] for name in sorted(told) if name in SHOWN}
    return tuple(
        f"{name} {value:.6f}" if name.endswith("_usd") else f"{name} {value}" for name, value in figures.items()
    )


SHOWN = ("automix_action", "automix_cost_usd", "automix_saved_usd", "automix_evidence")
