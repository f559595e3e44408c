"""A direct confidence most of which is above 0.99: how near `fit` comes to the best of simpler rules.

P(right) and p depend on a normal z, so what a rule earns is computed on 4,000 of its quantiles, not sampled.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from automix_core import Policy, evaluate, solve
from automix_core.fitting.estimate import estimate
from automix_core.fitting.evidence import platt
from automix_core.fitting.family import family
from automix_core.fitting.fit import Objective, cost_weight_of
from automix_core.fitting.steps import by_counts, wide
from automix_core.outcomes.columns import MISSING, Columns

Array = NDArray[np.float64]
LARGE, PRICE, CHECK = 0.9, 30.0, 0.5
QUANTILES = 4000
WAYS = ("fit", "threshold", "Platt", "ranks")


def table(seeds: int = 100) -> list[str]:
    """A line a cell: points of the gap above the better single model, and fit less the best of the others."""
    lines = [f"slope    n   seeds  {'  '.join(f'{way:>9}' for way in WAYS)}  fit less the best (standard error)"]
    for slope in (0.8, 1.6, 3.2):
        test = world(np.array([NormalDist().inv_cdf((i + 0.5) / QUANTILES) for i in range(QUANTILES)]), slope, None)
        for n in (50, 200, 1000):
            draws = [row(n, slope, seed, test) for seed in range(seeds if n < 1000 else seeds // 4)]
            rows = np.array([drawn for drawn in draws if drawn is not None])
            means = rows.mean(axis=0)
            best = 1 + int(means[1:].argmax())
            less = rows[:, 0] - rows[:, best]
            told = "  ".join(f"{mean:9.1f}" for mean in means)
            error = less.std() / np.sqrt(len(less))
            lines.append(f"{slope:5}  {n:5}  {len(rows):4}  {told}  {less.mean():+.2f} ({error:.2f}), {WAYS[best]}")
    return lines


def row(n: int, slope: float, seed: int, test: Columns) -> list[float] | None:
    """Points of each way, learned from n labels; None where the sample has no gap."""
    rng = np.random.default_rng([seed, n, int(10 * slope)])
    train = world(rng.normal(size=n), slope, rng)
    weight, why = cost_weight_of(train, Objective())
    if why:
        return None
    means, costs = test.scores.mean(axis=0), test.costs.mean(axis=0)
    single = float((means - weight * costs).max())
    ranks = [replace(each, probability=ranked(train, each)) for each in (train, test)]
    found = [
        earned(family("pomdp", train).best(weight).build(), test, weight),
        earned(family("threshold", train).best(weight).build(), test, weight),
        by_platt(train, test, weight),
        earned(by_rank(ranks[0], weight), ranks[1], weight),
    ]
    return [100 * (reward - single) / float(means[1] - means[0]) for reward in found]


def earned(policy: Policy, test: Columns, weight: float) -> float:
    done = evaluate(policy, test)
    return done.performance - weight * done.cost


def by_platt(train: Columns, test: Columns, weight: float) -> float:
    """Keep a draft whose probability by a logistic regression on the log-odds is worth the large model's."""
    odds = [np.log(c.probability[:, 0]) - np.log1p(-c.probability[:, 0]) for c in (train, test)]
    z = [(each - odds[0].mean()) / odds[0].std() for each in odds]
    rise, bias = platt(z[0], train.scores[:, 0])
    keep = train.scores[:, 1].mean() - 1 / (1 + np.exp(-(rise * z[1] + bias))) <= weight * PRICE
    score = np.where(keep, test.scores[:, 0], test.scores[:, 1]).mean()
    return float(score - weight * (1 + CHECK + PRICE * (~keep).mean()))


def by_rank(train: Columns, weight: float) -> Policy:
    """The exact policy on the confidence's rank among the training ones, in twenty equal steps."""
    problem = estimate(train, weight)
    weights = np.stack([_both(train, s, w) for s, w in ((1, 1), (1, 0), (0, 1), (0, 0))], axis=1)
    values = train.probability[:, 0]
    edges = wide(values)
    likelihood = by_counts(values, weights, np.array([True, True, False, False]), edges)
    model = problem.observations[0]
    assert model is not None
    ranked = replace(model, k=len(edges), likelihood=likelihood.tolist(), edges=edges)
    return solve(replace(problem, observations=[ranked, None]))


def _both(columns: Columns, small: int, large: int) -> Array:
    s, w = columns.scores.T
    both: Array = np.where(small, s, 1 - s) * np.where(large, w, 1 - w)
    return both


def ranked(train: Columns, columns: Columns) -> Array:
    ordered = np.sort(train.probability[:, 0])
    ranks = np.searchsorted(ordered, columns.probability[:, 0]) / len(ordered)
    return np.stack([ranks, np.full(len(columns), np.nan)], axis=1)


def world(z: Array, slope: float, rng: np.random.Generator | None) -> Columns:
    """p = sigma(6.9 + 2.8 z), P(right) = sigma(0.6 + slope z), cost 1 : 30; expected scores without `rng`."""
    n, right = len(z), 1 / (1 + np.exp(-(0.6 + slope * z)))
    p = 1 / (1 + np.exp(-np.log(10) * (3 + 1.2 * z)))
    scores = np.stack([right, np.full(n, LARGE)], axis=1)
    if rng is not None:
        scores = (rng.random((n, 2)) < scores).astype(float)
    return Columns(
        ids=tuple(map(str, range(n))),
        names=("small", "large"),
        scores=scores,
        costs=np.tile([1.0, PRICE], (n, 1)),
        verdicts=np.full((n, 2, 0), MISSING, dtype=np.int8),
        probability=np.stack([np.clip(p, 0, 1 - 1e-12), np.full(n, np.nan)], axis=1),
        verdict_cost=np.tile([[0, 0, CHECK, 0], [0, 0, 0, 0]], (n, 1, 1)).astype(float),
        empty=np.zeros((n, 2), dtype=bool),
        free=np.zeros(n, dtype=bool),
    )
