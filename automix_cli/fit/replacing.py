"""`automix fit --replace`: a new policy takes the place of the running one only if it does no worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automix_cli.evaluate.command import matching
from automix_cli.printing import bounds
from automix_core.policies.saving import load_policy_file

if TYPE_CHECKING:
    from automix_core.fitting.fit import Fitted, Objective
    from automix_core.fitting.held_out import Contest
    from automix_core.outcomes.columns import Columns


@dataclass(frozen=True)
class Apart:
    """What is kept from fitting: the outcomes to judge on, and the digest of all."""

    columns: Columns
    digest: str


@dataclass(frozen=True)
class Judged:
    """Whether the new policy is to be published, and the sentences that say why."""

    published: bool
    said: tuple[str, ...]
    contest: Contest | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it."""
        found: dict[str, Any] = {"published": self.published, "said": list(self.said)}
        if (won := self.contest) is None:
            return found
        sides = {"new": won.new, "running": won.running}
        found |= {name: {"score": score, "cost": cost} for name, (score, cost) in sides.items()}
        return found | {"held_out": won.n, "compared": won.of, "less": bounds(won.less)}


def held_out(replace: bool) -> Callable[[str], bool] | None:
    """Which outcomes are kept from fitting, by their ids, where policies are compared."""
    from automix_core.fitting.held_out import is_held_out

    return is_held_out if replace else None


def parted(columns: Columns, digest: str) -> tuple[Columns, Apart]:
    """The outcomes to fit on, and those to judge on; `digest` is that of all."""
    import numpy as np

    from automix_core.fitting.held_out import is_held_out

    apart = np.array([is_held_out(name) for name in columns.ids], dtype=bool)
    return columns.rows(~apart), Apart(columns.rows(apart), digest)


def judge(
    found: Fitted, output: Path, whole: Columns, apart: Apart, objective: Objective, max_loss: float | None
) -> Judged:
    """The new policy against the one at `output`, on the outcomes held out.

    Raises `PolicyError` if what is there is no policy or one of another number of models, `DataError` for too few
    outcomes.
    """
    from automix_core.fitting.held_out import contest

    if not output.exists():
        return Judged(True, (f"There was no policy at {output} to compare with, so the new one is published.",))
    running = load_policy_file(output)
    notes = matching(running, whole.names, output)
    if running.data is not None and running.data.sha256 == apart.digest:
        notes.append(
            "The running policy was fitted on all of these outcomes, those held out among them, which favours it; "
            "fit with --replace from the first time on."
        )
    won = contest(
        found.policy,
        running.policy,
        apart.columns,
        objective,
        found.cost_weight,
        max_loss=max_loss,
        k=(found.k or None, running.k),
    )
    end = "it is published" if won.better else "the new one is not published"
    return Judged(won.better, (f"{str(won).rstrip('.')}, so {end}.", *notes), won)
