"""The paper's POMDP (section 3.3, appendix A.3) for two models: Gaussian kernels at the training points.

Each training point is a particle s = (small score, large score) with observation o, its confidence. With
P(o | s) = P(s, o) / P(s), both kernel density estimates, the belief after o gives particle i the weight

    W[i, o] = sum_j K_s(i, j) K_o(o_j, o) / sum_j K_s(i, j)

and for two models the POMDP is a one-step decision: route iff E[l - s | o] > cost_weight * cost of the large model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..outcomes.columns import Columns
from ..outcomes.verdict_cost import VerdictCost
from ..policies.problem import ObservationModel, Problem
from .beta_binomial import Array

_NARROWEST = 1e-3
_PARTICLES = 500
"""Distinct pairs of scores; with more, scores are rounded to 1 / 20."""


def kernel_weights(scores: Array, observed: Array, at: Array) -> Array:
    """W[i, o] of the module's formula for the points `at`; `scores` [n, 2], `observed` [n]."""
    scale = len(scores) ** (-1 / 7)
    width = np.maximum(scores.std(axis=0, ddof=1) * scale, _NARROWEST)
    wide = max(float(observed.std(ddof=1)) * scale, _NARROWEST)
    points, inverse, count = np.unique(scores, axis=0, return_inverse=True, return_counts=True)
    if len(points) > _PARTICLES:
        points, inverse, count = np.unique(np.round(scores * 20) / 20, axis=0, return_inverse=True, return_counts=True)
    near = np.exp(-0.5 * (((points[:, None] - points[None]) / width) ** 2).sum(axis=2))
    saw = np.exp(-0.5 * ((observed[:, None] - at[None]) / wide) ** 2)
    sums = np.zeros((len(points), len(at)))
    np.add.at(sums, inverse.ravel(), saw)
    weights: Array = ((near @ sums) / (near @ count)[:, None])[inverse.ravel()]
    return weights


def kde_problem(columns: Columns, cost_weight: float) -> Problem:
    """The paper's POMDP as a problem whose hidden states are the final counts; solve it with `fixed=True`.

    Unreadable verdicts are dropped, as in the paper. Raises `DataError` unless there are two models and verdicts.
    """
    if columns.models != 2:
        raise DataError(f"The KDE POMDP is for two models; the outcomes have {columns.models}.")
    said = columns.tallies[:, 0]
    readable = said[:, 0] + said[:, 1]
    rows = readable > 0
    if rows.sum() < 3:
        raise DataError("The KDE POMDP needs readable verdicts on three outcomes or more.")
    k = int(readable.max())
    shares = np.arange(k + 1) / k
    observed = said[rows, 0] / readable[rows]
    weights = kernel_weights(columns.scores[rows], observed, shares)
    belief = weights / np.maximum(weights.sum(axis=0), 1e-300)
    seen = _nearest(observed, k)
    counts = (np.bincount(seen, minlength=k + 1) + 1 / (k + 1)) / (len(seen) + 1)
    price = columns.verdict_cost[columns.recorded[:, 0] > 0, 0].mean(axis=0)
    return Problem(
        prior=(counts / counts.sum()).tolist(),
        scores=np.clip(belief.T @ columns.scores[rows], 0, 1).tolist(),
        costs=columns.costs.mean(axis=0).tolist(),
        observations=[ObservationModel(k, np.eye(k + 1).tolist(), VerdictCost(*map(float, price)))],
        cost_weight=cost_weight,
        states=[f"{c} of {k} correct" for c in range(k + 1)],
    )


def _nearest(shares: Array, k: int) -> NDArray[np.int64]:
    return np.floor(shares * k + 0.5).astype(np.int64)
