"""The families of policies that can be fitted: each gives its best policy at a cost weight, and its frontier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Protocol

import numpy as np

from ..decision import Policy
from ..errors import ConfigError, DataError
from ..evaluation.levels import Levels
from ..evaluation.reliability import checked
from ..evaluation.replay import replay
from ..outcomes.columns import Columns
from ..policies import Always, Band, Problem, Threshold
from ..policies.expected import Value
from .estimate import estimate
from .frontier import Point, frontier, hull, solved
from .kde import kde_problem
from .method import Method

_CUTS = 9


class Family(Protocol):
    """Policies of one kind, learned from some outcomes."""

    def best(self, cost_weight: float) -> Point:
        """The policy of highest expected reward."""
        ...

    def frontier(self) -> Sequence[Point]:
        """The best trade-offs, cheapest first."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """The solutions of one decision problem."""

    problem: Problem
    fixed: bool = False

    def best(self, cost_weight: float) -> Point:
        """Solve the problem."""
        return solved(self.problem, cost_weight, fixed=self.fixed)

    def frontier(self) -> Sequence[Point]:
        """Solve it for every cost weight that matters."""
        return frontier(self.problem, fixed=self.fixed)


@dataclass(frozen=True, slots=True)
class Listed:
    """A few policies, valued by replaying the outcomes they are chosen on."""

    points: tuple[Point, ...]

    def best(self, cost_weight: float) -> Point:
        """The one of highest reward; of equals the cheapest."""
        return max(self.points, key=lambda p: (p.reward(cost_weight), -p.value.cost))

    def frontier(self) -> Sequence[Point]:
        """Those on the hull."""
        return hull(self.points)


def _pomdp(columns: Columns) -> Family:
    return Exact(estimate(columns))


def _kde(columns: Columns) -> Family:
    return Exact(kde_problem(columns, 0.0), fixed=True)


def _always(columns: Columns) -> Family:
    return _listed(columns, [Always(m) for m in range(columns.models)])


def _threshold(columns: Columns) -> Family:
    return _listed(columns, thresholds(columns))


def _band(columns: Columns) -> Family:
    cuts = _cuts(columns)
    return _listed(columns, [*(Band(0, cut) for cut in cuts), *(Band(*pair) for pair in combinations(cuts, 2))])


METHODS: Mapping[Method, Callable[[Columns], Family]] = {
    "pomdp": _pomdp,
    "kde": _kde,
    "threshold": _threshold,
    "band": _band,
    "always": _always,
}


def family(method: Method, columns: Columns) -> Family:
    """The family called `method`, learned from `columns`. Raises `ConfigError` for an unknown name."""
    if method not in METHODS:
        raise ConfigError(f"There is no method {method!r}; the methods are {', '.join(METHODS)}.")
    return METHODS[method](columns)


def thresholds(columns: Columns) -> list[Threshold]:
    """The thresholds between which `columns` can tell."""
    return [Threshold(cut) for cut in _cuts(columns)]


def thresholds_of(confidences: Levels) -> list[Threshold]:
    """The thresholds between which these confidences can tell. Raises `DataError` without any."""
    return [Threshold(cut) for cut in _cuts_of(confidences)]


def _cuts(columns: Columns) -> list[float]:
    seen = Levels(most=columns.scores.size)
    for m in range(columns.models):
        _, confidence = checked(columns, m)
        seen.add(confidence, np.ones(len(confidence), dtype=bool))
    return _cuts_of(seen)


def _cuts_of(confidences: Levels) -> list[float]:
    """Confidences between which a threshold can lie: those observed, thinned to a few."""
    seen = confidences.values
    if not len(seen):
        raise DataError("No outcome has a readable verdict or a probability; a threshold needs some.")
    if len(seen) > _CUTS:
        seen = np.unique(confidences.quantiles(np.linspace(0, 1, _CUTS)))
    return [float(cut) for cut in seen]


def _listed(columns: Columns, policies: Sequence[Policy]) -> Listed:
    return Listed(tuple(Point(_measured(policy, columns), partial(_same, policy)) for policy in policies))


def _same(policy: Policy) -> Policy:
    return policy


def _measured(policy: Policy, columns: Columns) -> Value:
    done = replay(policy, columns)
    score, cost = float(done.score.mean()), float(done.cost.mean())
    return Value(score, score, cost, float(done.used.sum(axis=1).mean()))
