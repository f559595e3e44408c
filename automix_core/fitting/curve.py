"""Cost against quality: what a policy's whole family does, its hull, and the paper's five cost regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..decision import Policy
from ..evaluation.evaluate import baseline_names, ratios
from ..evaluation.replay import replay
from ..outcomes.columns import Columns, Floats
from ..policies import POMDP, Always, Band, Curtailed, Mixture, Skipping, Threshold
from ..policies.timed import untimed
from .family import thresholds
from .frontier import frontier

_REGIONS = 5


@dataclass(frozen=True, slots=True)
class Spot:
    """A policy's measured mean cost and performance."""

    policy: str
    cost: float
    performance: float

    @property
    def at(self) -> tuple[float, float]:
        """Where it lies: cost and performance."""
        return self.cost, self.performance


@dataclass(frozen=True, slots=True)
class Region:
    """delta_ibc in the middle of one of five equal spans of cost, None where it is undefined."""

    low: float
    high: float
    delta_ibc: float | None


def curve(policy: Policy, columns: Columns) -> list[Spot]:
    """What the policies that differ from `policy` only in how they weigh cost do on `columns`, cheapest first.

    A POMDP is solved again for other cost weights, a threshold moved; the single models are always there.
    """
    spots = []
    for name, each in kin(policy, columns.names, partial(thresholds, columns)):
        done = replay(each, columns)
        spots.append(Spot(name, float(done.cost.mean()), float(done.score.mean())))
    return in_order(spots)


def in_order(spots: Sequence[Spot]) -> list[Spot]:
    """The cheapest first."""
    return sorted(spots, key=lambda spot: (spot.cost, spot.performance))


def kin(policy: Policy, names: Sequence[str], cuts: Callable[[], list[Threshold]]) -> list[tuple[str, Policy]]:
    """The policies of a curve with their names; `cuts` gives the thresholds that can be told apart."""
    single = [*zip(baseline_names(names), map(Always, range(len(names))), strict=True)]
    return [*single, *((repr(relative), relative) for relative in _relatives(untimed(policy), cuts))]


def _relatives(policy: Policy, cuts: Callable[[], list[Threshold]]) -> list[Policy]:
    match policy:
        case POMDP():
            points = frontier(policy.problem, fixed=policy.fixed)
            return [built for point in points if not isinstance(built := point.build(), Always)]
        case Threshold():
            return list(cuts())
        case Band():
            return [policy]
        case Mixture():
            chosen = next((p for p in (policy.first, policy.second) if not isinstance(p, Always)), policy.first)
            return _relatives(chosen, cuts)
        case Curtailed():
            return [Curtailed(relative) for relative in _relatives(policy.policy, cuts)]
        case Skipping():
            return [replace(policy, policy=relative) for relative in _relatives(policy.policy, cuts)]
        case Always():
            return []
    return [policy]


def regions(spots: Sequence[Spot], columns: Columns) -> list[Region]:
    """delta_ibc of the curve in five equal-width spans of cost between the first and the last model (paper, section 4).

    In the middle of each span the performance is that of mixing the two spots beside it; nothing is chosen with
    hindsight.
    """
    return regions_between(spots, columns.scores.mean(axis=0), columns.costs.mean(axis=0))


def regions_between(spots: Sequence[Spot], scores: Floats, costs: Floats) -> list[Region]:
    """The same from the models' mean scores and costs."""
    low, high = float(costs[0]), float(costs[-1])
    if not high > low:
        return []
    edges = np.linspace(low, high, _REGIONS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    performance = np.interp(middle, [s.cost for s in spots], [s.performance for s in spots])
    ends = np.broadcast_to([scores[0], costs[0], scores[-1], costs[-1]], (_REGIONS, 4))
    delta = ratios(np.column_stack([performance, middle, ends]))[1]
    return [
        Region(float(a), float(b), float(d) if np.isfinite(d) else None)
        for a, b, d in zip(edges[:-1], edges[1:], delta, strict=True)
    ]
