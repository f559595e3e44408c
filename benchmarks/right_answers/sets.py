"""The recorded questions: outcomes, what each step took, and what cascadeflow asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automix_core import read_outcomes
from automix_core.outcomes.columns import Columns, Ints
from benchmarks.right_answers.record import SQUAD, THREE

Array = NDArray[np.float64]
OUTCOMES = Path(__file__).parents[1] / "evidence"
RECORDED_RATIO, OUTPUT = 50, 4
"""What the recorded costs take a token of the large model for, and one that is written, in tokens that are read."""
IN, OUT = {"small": 195.0, "large": 80.0}, {"small": 58.0, "large": 34.0}
"""Tokens a second that the embedded pair reads and writes on two cores, as measured on their own."""


@dataclass(frozen=True, eq=False)
class Meter:
    """What steps take, in one unit: each model's answer [n, 2], a request for checks [n], a verdict [n]."""

    answers: Array
    request: Array
    verdict: Array

    def of(self, asked: Array, rounds: Array, used: Array) -> Array:
        """What each question took: answers asked of either model, requests for checks, verdicts read."""
        answers: Array = (asked * self.answers).sum(axis=1)
        return answers + rounds * self.request + used * self.verdict

    def rows(self, rows: Ints) -> Meter:
        """That of some questions."""
        return Meter(self.answers[rows], self.request[rows], self.verdict[rows])


@dataclass(frozen=True, eq=False)
class Recorded:
    """Questions with a meter for tokens, where they are known, and one for seconds; requests of cascadeflow [n, 2].

    `remark` says how far seconds by the pair's speeds are from recorded ones.
    """

    columns: Columns
    tokens: Meter | None
    seconds: Meter
    theirs: dict[str, Array]
    remark: str = ""

    def at(self, ratio: float) -> Recorded:
        """The same where a token of the large model costs `ratio` of the small one's."""
        return replace(self, columns=replace(self.columns, costs=self.columns.costs * [1, ratio / RECORDED_RATIO]))


def three_sets() -> Recorded:
    """SQuAD 2.0, FairytaleQA and PubMedQA: tokens as recorded, seconds by the pair's speeds."""
    columns, rows = _read("outcomes-embedded.jsonl", THREE)
    counts = {step: np.array([row["tokens"][step] for row in rows], float) for step in ("small", "checks", "large")}
    return Recorded(columns, in_tokens(counts), in_seconds(counts), _theirs(rows))


def squad() -> Recorded:
    """SQuAD under another prompt, no log-probabilities: seconds as recorded, tokens in and out not apart."""
    columns, rows = _read("outcomes-squad.jsonl", SQUAD)
    took = {step: np.array([row["seconds"][step] for row in rows]) for step in ("small", "checks", "large")}
    answers = np.column_stack([took["small"], took["large"]])
    each = took["checks"] / columns.recorded[:, 0]  # a verdict takes its share of the request
    read, _, paid, _ = columns.verdict_cost[:, 0].T
    derived = read / IN["small"] + columns.recorded[:, 0] * paid / OUTPUT / OUT["small"]
    remark = (
        f"A request for {columns.recorded[0, 0]} verdicts took {took['checks'].mean():.1f} s on average; by the speeds "
        f"that the other sets' seconds are derived from it would take {derived.mean():.1f} s."
    )
    return Recorded(columns, None, Meter(answers, np.zeros(len(rows)), each), _theirs(rows), remark)


def in_tokens(counts: dict[str, Array]) -> Meter:
    """Tokens read and written: the prompt of a request for checks once, and each verdict."""
    answers = np.column_stack([counts[name].sum(axis=1) for name in ("small", "large")])
    return Meter(answers, *counts["checks"].T)


def in_seconds(counts: dict[str, Array]) -> Meter:
    """The same at the speeds of `IN` and `OUT`: nothing cached, verdicts of one request written one after the other."""
    answers = [counts[name][:, 0] / IN[name] + counts[name][:, 1] / OUT[name] for name in ("small", "large")]
    read, written = counts["checks"].T
    return Meter(np.column_stack(answers), read / IN["small"], written / OUT["small"])


def _read(outcomes: str, numbers: Path) -> tuple[Columns, list[dict[str, dict[str, list[float]]]]]:
    columns = Columns.of(read_outcomes(OUTCOMES / outcomes))
    rows = {row["id"]: row for row in map(json.loads, numbers.read_text("utf-8").splitlines())}
    return columns, [rows[name] for name in columns.ids]


def _theirs(rows: list[dict[str, dict[str, list[float]]]]) -> dict[str, Array]:
    return {name: np.array([row["cascadeflow"][name] for row in rows], float) for name in rows[0]["cascadeflow"]}
