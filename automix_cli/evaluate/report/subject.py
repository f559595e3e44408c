"""What a report is about: a policy, the outcomes it was replayed on, and the figures found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automix_cli.printing import amount
from automix_core.evaluation.replay import Replayed, replay
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.outcomes.stored import IN_MEMORY, Stored, convert
from automix_core.outcomes.timing import timed
from automix_core.policies.saving import PolicyFile

THOUSAND = 1000
"""Money is told of so many questions: prices of one are too small to be read."""


@dataclass(frozen=True, eq=False)
class Subject:
    """`facts` are those of `automix evaluate --json`, of all outcomes; `columns` and `done` hold all of them or, of
    very many, some drawn by lot.

    `source` is the file that their texts are in, `files` name the policy and the outcomes, `prices` are those given on
    the command line, as they were typed.
    """

    facts: Mapping[str, Any]
    file: PolicyFile
    columns: Columns
    done: Replayed
    source: Path
    files: tuple[str, str]
    prices: Sequence[str] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names; of two that are the same each with its place."""
        names = self.columns.names
        return tuple(f"{name} ({m + 1})" if names.count(name) > 1 else name for m, name in enumerate(names))

    @property
    def unit(self) -> str:
        """What costs are counted in."""
        return self.facts["currency"] or "cost units"

    def money(self, cost: float) -> str:
        """The cost of 1,000 questions that cost this much each."""
        said = amount(THOUSAND * cost)
        return f"{said} {self.unit}" if self.facts["currency"] is None else f"{self.unit} {said}"

    def texts(self, rows: Collection[int]) -> dict[int, Outcome]:
        """The outcomes of some rows, with their texts, read once more from the file."""
        wanted = {self.columns.ids[row]: row for row in rows}
        return {wanted[outcome.id]: outcome for outcome in convert(self.source) if outcome.id in wanted}


def drawn(found: Stored, worth: float, file: PolicyFile) -> tuple[Columns, Replayed]:
    """Some of very many outcomes, drawn by lot, their seconds `worth` something, and what the policy does on them."""
    columns = timed(found.columns(IN_MEMORY), worth)
    return columns, replay(file.policy, columns, file.k)
