"""Where ways to answer lie in cost and quality: the policy, each model alone, and plain thresholds on the checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from automix_core.errors import DataError
from automix_core.evaluation.intervals import Interval, between, resampled_means
from automix_core.evaluation.replay import replay
from automix_core.fitting.family import thresholds
from automix_core.outcomes.columns import Floats

from .subject import Subject


@dataclass(frozen=True, slots=True)
class Place:
    """One way to answer: its mean cost and mean score a question."""

    name: str
    cost: Interval
    score: Interval

    @property
    def at(self) -> tuple[float, float]:
        """Cost and score."""
        return self.cost.mean, self.score.mean


@dataclass(frozen=True, slots=True)
class Places:
    """All of them, their intervals from the same resampled questions."""

    ours: Place
    singles: list[Place]
    cuts: list[Place]

    @property
    def everything(self) -> list[Place]:
        """The policy first."""
        return [self.ours, *self.singles, *self.cuts]


def places(subject: Subject) -> Places:
    """Where the policy, every single model and plain thresholds lie; no thresholds where nothing was checked."""
    columns = subject.columns
    named: list[tuple[str, Floats, Floats]] = [("this policy", subject.done.cost, subject.done.score)]
    named += [(f"always {name}", columns.costs[:, m], columns.scores[:, m]) for m, name in enumerate(subject.names)]
    try:
        rules = thresholds(columns)
    except DataError:
        rules = []
    for rule in rules:
        done = replay(rule, columns, subject.file.k)
        named.append((f"threshold {rule.threshold:.2f}", done.cost, done.score))
    figures = np.column_stack([values for _, cost, score in named for values in (cost, score)])
    draws, means = resampled_means(figures), figures.mean(axis=0)

    def at(column: int) -> Interval:
        return between(float(means[column]), draws[:, column])

    found = [Place(name, at(2 * i), at(2 * i + 1)) for i, (name, _, _) in enumerate(named)]
    return Places(found[0], found[1 : 1 + columns.models], found[1 + columns.models :])
