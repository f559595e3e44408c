"""Verdicts saved: pricing each verdict, and curtailment, against always drawing eight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from automix_core.decision import Policy
from automix_core.fitting.estimate import estimate
from automix_core.outcomes.verdict_cost import VerdictCost
from automix_core.policies import Curtailed, Problem, solve
from automix_core.policies.expected import expected
from benchmarks.policies.tables import sample
from benchmarks.policies.worlds import KAPPAS, World, worlds

PRICES = (0.002, 0.004)
"""The price of a verdict, as a share of the gap."""


def saved(labels: int, seeds: int, kinds: Sequence[World] | None = None) -> list[list[str]]:
    """Shares of the eight verdicts saved and points lost (verdicts not charged), at 1:50 and three kappas.

    Only where verification matters: where the policy that draws eight does not do the same whatever they say.
    """
    names = ["curtailment, exact", *(f"verdict price {p:.1%} of the gap" for p in PRICES)]
    known: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    learned: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    cases = 0
    for world in kinds or worlds():
        for kappa in KAPPAS:
            weight = kappa * world.gap / 49
            truth = world.problem(VerdictCost(), 50, weight)
            guesses = [(truth, known)]
            for seed in range(seeds):
                guess = estimate(sample(world, labels, seed))
                guesses.append((replace(guess, costs=truth.costs, cost_weight=weight), learned))
            for problem, table in guesses:
                cases += 1
                eight = solve(_priced(problem, 0.0), fixed=True)
                if not _matters(eight):
                    continue
                free = expected(eight, truth)
                for name, price in zip(names, (0.0, *PRICES), strict=True):
                    policy: Policy = Curtailed(eight)
                    if price:
                        policy = solve(_priced(problem, price * world.gap / weight))
                    found = expected(policy, truth)
                    lost = 100 * (free.reward - found.reward) / world.gap
                    table[name].append((1 - found.verdicts / free.verdicts, lost))
    counted = len(known[names[0]]) + len(learned[names[0]])
    rows = [["", "tables known: saved", "points lost", f"n = {labels}: saved", "points lost"]]
    for name in names:
        line = [name]
        for table in (known, learned):
            figures = np.array(table[name])
            line += [f"{figures[:, 0].mean():.1%}", f"{figures[:, 1].mean():.2f}"]
        rows.append(line)
    return [*rows, [f"{counted} of {cases} cases where verification matters", "", "", "", ""]]


def _priced(problem: Problem, each: float) -> Problem:
    model = problem.observations[0]
    assert model is not None
    return replace(problem, observations=[replace(model, cost=VerdictCost(each=each))])


def _matters(eight: Policy) -> bool:
    from automix_core.decision import State, Tally

    ends = {eight.decide(State((True, False), (Tally(c, 8 - c), Tally()), (0, 0))).action for c in range(9)}
    return len(ends) > 1
