"""Recorded outcomes, as policies are fitted and judged on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automix_cli.prices import repriced
from automix_cli.printing import naming
from automix_core.outcomes.outcome import Outcome, read_outcomes


def recorded(path: Path, prices: Sequence[str] = ()) -> tuple[list[Outcome], list[str]]:
    """The outcomes in `path` that policies are about, at the prices given by --price, and a sentence where others,
    which a policy is not asked about, are left out.

    Raises `DataError` for what can't be read, `ConfigError` for a price that is none.
    """
    records = read_outcomes(path)
    with naming(path):
        records = repriced(records, prices)
    kept = [record for record in records if record.routed]
    left = len(records) - len(kept)
    said = [f"{left} outcomes of calls without context are left out: no policy is asked about those."] if left else []
    return kept, said
