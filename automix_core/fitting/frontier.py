"""The best trade-offs between score and cost: points, their concave hull, and what to take from it.

The frontier F(B) = max E[score] subject to E[cost] <= B is concave, because two policies can be mixed by a coin; its
vertices are optimal for some cost weight, and are found by asking for the weight at which two known neighbours tie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, TypeVar

from ..decision import Finish, Policy, State
from ..errors import ConfigError
from ..policies import Always, Mixture, Problem
from ..policies.expected import Value
from ..policies.solver import solve, value

_MOST = 64
_GAIN = 1e-7


@dataclass(frozen=True, slots=True)
class Point:
    """A policy, made when it is asked for, and what it is expected to do."""

    value: Value
    build: Callable[[], Policy]

    @property
    def at(self) -> tuple[float, float]:
        """Where it lies: cost and score."""
        return self.value.cost, self.value.score

    def reward(self, cost_weight: float) -> float:
        """Score less `cost_weight` times cost."""
        return self.value.score - cost_weight * self.value.cost


class Placed(Protocol):
    """Anything that costs something and is worth something; `at` is cost and score."""

    @property
    def at(self) -> tuple[float, float]:
        """Cost and score."""
        ...


P = TypeVar("P", bound=Placed)


def hull(points: Iterable[P]) -> list[P]:
    """The points that some mixture of others does not beat, cheapest first: the upper concave hull, rising part."""
    best: list[P] = []
    for point in sorted(points, key=lambda p: (p.at[0], -p.at[1])):
        if best and point.at[1] <= best[-1].at[1] + _GAIN:
            continue
        while len(best) > 1 and _slope(best[-2], point) >= _slope(best[-2], best[-1]):
            best.pop()
        best.append(point)
    return best


def solved(problem: Problem, cost_weight: float, *, fixed: bool = False) -> Point:
    """The policy of highest reward at `cost_weight`."""
    priced = replace(problem, cost_weight=cost_weight)
    return Point(value(priced, fixed=fixed), lambda: _plain(priced, fixed))


def _plain(problem: Problem, fixed: bool) -> Policy:
    """The solution; a single model that answers everything is that and nothing more."""
    policy = solve(problem, fixed=fixed)
    first = policy.decide(State.start(problem.models, 1 << 30)).action
    return Always(first.model) if isinstance(first, Finish) else policy


def frontier(problem: Problem, *, fixed: bool = False) -> list[Point]:
    """The vertices of the problem's frontier, cheapest first: at most 64, each a policy that `solve` returns."""
    expensive = solved(problem, 0.0, fixed=fixed)
    cheap = solved(problem, 1e6 / (max(problem.costs) or 1.0), fixed=fixed)
    found = [cheap, expensive]
    todo = [(cheap, expensive)]
    while todo and len(found) < _MOST:
        left, right = todo.pop(0)
        rise, run = right.value.score - left.value.score, right.value.cost - left.value.cost
        if rise <= _GAIN or run <= 0:
            continue
        between = solved(problem, rise / run, fixed=fixed)
        if between.reward(rise / run) > left.reward(rise / run) + _GAIN:
            found.append(between)
            todo += [(left, between), (between, right)]
    return hull(found)


def within_cost(points: Sequence[Point], budget: float) -> Point:
    """The best mix of two neighbours on the hull whose mean cost is at most `budget`.

    Raises `ConfigError` if even the cheapest costs more.
    """
    if budget < points[0].value.cost * (1 - 1e-9):
        raise ConfigError(
            f"No policy costs as little as {budget:g} a question: the cheapest is expected to cost "
            f"{points[0].value.cost:.4g}."
        )
    return _mix(points, lambda value: value.cost, budget)


def at_quality(points: Sequence[Point], target: float) -> Point:
    """The cheapest mix of two neighbours on the hull whose mean score is at least `target`.

    Raises `ConfigError` if even the best scores less.
    """
    if target > points[-1].value.score * (1 + 1e-9):
        raise ConfigError(
            f"No policy scores as much as {target:g}: the best is expected to score {points[-1].value.score:.4f}."
        )
    return _mix(points, lambda value: value.score, target)


def _mix(points: Sequence[Point], figure: Callable[[Value], float], target: float) -> Point:
    for left, right in pairwise(points):
        low, high = figure(left.value), figure(right.value)
        if target < high:
            weight = (target - low) / (high - low)
            return left if weight <= 0 else mixed(right, left, weight)
    return points[-1]


def mixed(first: Point, second: Point, weight: float) -> Point:
    """A share `weight` of the calls to `first`, the rest to `second`."""
    return Point(first.value.mixed(second.value, weight), lambda: Mixture(first.build(), second.build(), weight))


def _slope(left: Placed, right: Placed) -> float:
    run, rise = (b - a for a, b in zip(left.at, right.at, strict=True))
    return rise / run if run > 0 else float("inf")
