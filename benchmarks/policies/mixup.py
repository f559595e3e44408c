"""A trial: does mixing labelled outcomes help the estimator where labels are few?

Mixup (Zhang et al. 2018) trains on convex combinations of examples; the namesake AutoMix (Liu et al. 2021) learns the
mixing. Here two outcomes are mixed with a weight from Beta(alpha, alpha): scores linearly, verdicts one by one from
either parent with that weight, and the mixed outcomes are added to, or replace, the labelled ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from automix_core.fitting.estimate import estimate
from automix_core.outcomes.columns import Columns
from benchmarks.policies.lattice import points, problem_vectors, solve
from benchmarks.policies.tables import sample
from benchmarks.policies.worlds import Prices, worlds

ALPHAS = (0.2, 1.0)


def mixed(columns: Columns, alpha: float, rng: np.random.Generator, *, alike: bool = False) -> Columns:
    """As many mixed outcomes as there are; with `alike` only outcomes of equally right small drafts are mixed."""
    n = len(columns)
    other = rng.permutation(n)
    if alike:
        order = np.argsort(columns.scores[:, 0] + 0.01 * rng.random(n))
        other = np.empty(n, dtype=np.int64)
        other[order] = order[np.minimum(np.arange(n) + 1, n - 1)]
    weight = rng.beta(alpha, alpha, n)
    scores = weight[:, None] * columns.scores + (1 - weight[:, None]) * columns.scores[other]
    first = rng.random(columns.verdicts.shape) < weight[:, None, None]
    verdicts = np.where(first, columns.verdicts, columns.verdicts[other])
    return replace(columns, ids=tuple(f"m{i}" for i in range(n)), scores=scores, verdicts=verdicts)


def both(one: Columns, other: Columns) -> Columns:
    """All rows of both."""
    joined = {
        name: np.concatenate([getattr(one, name), getattr(other, name)])
        for name in ("scores", "costs", "verdicts", "probability", "verdict_cost", "empty", "free")
    }
    return Columns(ids=one.ids + other.ids, names=one.names, **joined)


def trial(labels: tuple[int, ...], seeds: int) -> list[list[str]]:
    """Mean points above the better single model, pooled over all cells; less the estimator without mixing, paired."""
    names = ["no mixing", *(f"{kind}, alpha {a:g}" for a in ALPHAS for kind in ("added", "replaced", "added, alike"))]
    rows = [["", *(f"n = {n}" for n in labels)], *([name] for name in names)]
    for n in labels:
        found: list[list[float]] = [[] for _ in names]
        for place, world in enumerate(worlds()):
            prices = Prices.of(world)
            for seed in range(seeds):
                columns = sample(world, n, seed)
                rng = np.random.default_rng([seed, n, place])
                variants = [columns]
                for alpha in ALPHAS:
                    mix = mixed(columns, alpha, rng)
                    variants += [both(columns, mix), mix, both(columns, mixed(columns, alpha, rng, alike=True))]
                for each, variant in zip(found, variants, strict=True):
                    each.append(float(points(solve(problem_vectors(estimate(variant)), prices), world, prices).mean()))
        base = np.array(found[0])
        for row, each in zip(rows[1:], found, strict=True):
            less = np.array(each) - base
            error = less.std(ddof=1) / np.sqrt(len(less))
            row.append(f"{np.mean(each):.2f}" + ("" if row is rows[1] else f" ({less.mean():+.2f} ± {error:.2f})"))
    return rows
