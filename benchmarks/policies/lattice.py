"""The exact solution for two models and many prices at once, and what a table of choices earns in a world.

The same recursion as `automix_core.policies.solver`, vectorised over prices; `check` compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automix_core.outcomes.verdict_cost import VerdictCost
from automix_core.policies.problem import Problem, tallies, thinning
from automix_core.policies.solver import value
from benchmarks.policies.worlds import Array, K, Prices, World

COUNTS = tallies(K, False)
DRAWN = np.array([sum(count) for count in COUNTS])
THIN = np.array([[thinning(part, whole) for whole in COUNTS] for part in COUNTS])
FINAL = THIN[:, DRAWN == K]
ACCEPT, ROUTE, DRAW = 0, 1, 2
"""Choices: keep the draft, let the large model answer, and DRAW + b - 1 for b more verdicts."""


@dataclass(frozen=True)
class Choices:
    """A policy for each price: a choice for each tally, and whether the small model is skipped."""

    at: NDArray[np.int64]
    skip: NDArray[np.bool_]


def solve(vectors: tuple[Array, Array, Array], prices: Prices, *, fixed: bool = False) -> Choices:
    """The best choices if `vectors` are the truth; with `fixed`, 8 verdicts are drawn on every draft."""
    p, small, large = vectors
    mass, keep = FINAL @ p, FINAL @ (p * small)
    route = (FINAL @ (p * large))[None] - np.multiply.outer(prices.cost_weight * prices.ratio, mass)
    rows = len(prices.ratio)
    best, choice = np.zeros((rows, len(COUNTS))), np.zeros((rows, len(COUNTS)), dtype=np.int64)
    for drawn in range(K, -1, -1):
        at = np.flatnonzero(drawn == DRAWN)
        options = [np.broadcast_to(keep[at], (rows, len(at))), route[:, at]]
        for b in range(1, K - drawn + 1):
            ahead = np.flatnonzero(drawn + b == DRAWN)
            price = prices.cost_weight * ((prices.first if drawn == 0 else prices.again) + b * prices.each)
            options.append(best[:, ahead] @ THIN[np.ix_(at, ahead)].T - np.multiply.outer(price, mass[at]))
        values = np.stack(options)
        if fixed and drawn == 0:
            chosen = np.full((rows, 1), DRAW + K - 1)
        else:
            values = values[:2] if fixed else values
            chosen = (values >= values.max(axis=0) - 1e-11).argmax(axis=0)
        choice[:, at] = chosen
        best[:, at] = np.take_along_axis(values, chosen[None], axis=0)[0]
    small_first = best[:, 0] - prices.cost_weight
    skip = (p @ large - prices.cost_weight * prices.ratio > small_first) & (not fixed)
    return Choices(choice, skip)


def from_counts(routed: NDArray[np.bool_]) -> Choices:
    """Choices [price, tally] that draw 8 verdicts and route at the counts where `routed` [price, count]."""
    at = np.zeros((len(routed), len(COUNTS)), dtype=np.int64)
    at[:, 0] = DRAW + K - 1
    at[:, DRAWN == K] = routed
    return Choices(at, np.zeros(len(routed), dtype=bool))


def play(choices: Choices, world: World, prices: Prices) -> tuple[Array, Array]:
    """The reward and the verdicts a query of `choices` in `world`, for each price."""
    p, small, large = world.vectors
    mass, keep = FINAL @ p, FINAL @ (p * small)
    route = (FINAL @ (p * large))[None] - np.multiply.outer(prices.cost_weight * prices.ratio, mass)
    reward = np.where(choices.at == ROUTE, route, np.broadcast_to(keep, choices.at.shape))
    verdicts = np.zeros(choices.at.shape)
    for drawn in range(K - 1, -1, -1):
        at = np.flatnonzero(drawn == DRAWN)
        for b in range(1, K - drawn + 1):
            chosen = choices.at[:, at] == DRAW + b - 1
            if chosen.any():
                ahead = np.flatnonzero(drawn + b == DRAWN)
                thin = THIN[np.ix_(at, ahead)].T
                price = prices.cost_weight * ((prices.first if drawn == 0 else prices.again) + b * prices.each)
                after = reward[:, ahead] @ thin - np.multiply.outer(price, mass[at])
                reward[:, at] = np.where(chosen, after, reward[:, at])
                verdicts[:, at] = np.where(chosen, verdicts[:, ahead] @ thin + b * mass[at], verdicts[:, at])
    skipped = p @ large - prices.cost_weight * prices.ratio
    return (
        np.where(choices.skip, skipped, reward[:, 0] - prices.cost_weight),
        np.where(choices.skip, 0.0, verdicts[:, 0]),
    )


def points(choices: Choices, world: World, prices: Prices) -> Array:
    """Points above the better single model."""
    reward, _ = play(choices, world, prices)
    single = np.maximum(world.singles[0] - prices.cost_weight, world.singles[1] - prices.cost_weight * prices.ratio)
    above: Array = 100 * (reward - single) / world.gap
    return above


def problem_vectors(problem: Problem) -> tuple[Array, Array, Array]:
    """The three vectors of a two-model problem without unreadable verdicts."""
    from benchmarks.policies.worlds import vectors

    model = problem.observations[0]
    assert model is not None
    return vectors(np.array(problem.prior), np.array(model.likelihood), np.array(problem.scores))


def check(world: World) -> float:
    """The largest difference between this recursion and the library's solver over all prices of `world`."""
    prices = Prices.of(world)
    reward, _ = play(solve(world.vectors, prices), world, prices)
    exact = [
        value(world.problem(VerdictCost(f, a, e), r, w)).reward
        for f, a, e, r, w in zip(prices.first, prices.again, prices.each, prices.ratio, prices.cost_weight, strict=True)
    ]
    return float(np.abs(reward - np.array(exact)).max())
