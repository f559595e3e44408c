"""An estimator that averages three curves, to compare ours with.

The average of three curves of the gain E[l - s | count]: four beta-binomial states, an empirical-Bayes Gaussian process
on the counts, and the paper's kernels.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from automix_core.fitting.kde import kernel_weights
from automix_core.outcomes.columns import Columns
from benchmarks.policies.worlds import Array, K, beta_binomial

_POINTS = product((np.arange(25) + 0.5) / 25, np.linspace(0.03, 0.75, 10))
GRID = np.array([beta_binomial(mean, 1 / correlation - 1) for mean, correlation in _POINTS])
LOG = np.log(GRID)
SHARES = np.arange(K + 1) / K


def ensemble(columns: Columns) -> tuple[Array, Array, Array]:
    """P(count), E[small | count], E[large | count]."""
    counts, small, large = columns.tallies[:, 0, 0], columns.scores[:, 0], columns.scores[:, 1]
    n = len(columns)
    weights = np.stack([small * large, (1 - small) * large, (1 - small) * (1 - large), small * (1 - large)])
    prior = (weights.sum(axis=1) + 0.5) / (n + 2)
    histogram = np.array([np.bincount(counts, weights=w, minlength=K + 1) for w in weights])
    pooled = _posterior(histogram.sum(axis=0))
    helps = [beta_binomial(0.68 if right else 0.45, 2.5) for right in (True, False, False, True)]
    states = np.array([_posterior(h + 2 * pooled + 4 * e) for h, e in zip(histogram, helps, strict=True)])
    joint = prior[:, None] * states
    whole = joint.sum(axis=0)
    gain = np.mean([(joint[1] - joint[3]) / whole, process(counts, large - small), kde_gain(columns)], axis=0)
    pull = math.sqrt(n) + K
    share = (np.bincount(counts, minlength=K + 1) + pull * whole) / (n + pull)
    kept = (joint[0] + joint[3]) / whole
    return share, kept, kept + gain


def kde_gain(columns: Columns) -> Array:
    """The paper's E[l - s | o] at the counts."""
    weights = kernel_weights(columns.scores, columns.tallies[:, 0, 0] / K, SHARES)
    gain: Array = (columns.scores[:, 1] - columns.scores[:, 0]) @ weights / np.maximum(weights.sum(axis=0), 1e-300)
    return gain


def process(counts: NDArray[np.int64], gain: Array) -> Array:
    """The Gaussian process, averaged by marginal likelihood over 52 settings."""
    n = np.bincount(counts, minlength=K + 1)
    mean = np.bincount(counts, weights=gain, minlength=K + 1) / np.maximum(n, 1)
    seen = n > 0
    within = float(gain @ gain - (n * mean**2).sum())
    noise = max((within + 1) / (max(len(gain) - int(seen.sum()), 1) + 4), 0.05)
    apart = (SHARES[:, None] - SHARES[None]) ** 2
    smooth = [(0.0, 0.3), *product((0.01, 0.03, 0.1, 0.3), (0.15, 0.3, 0.6))]
    kernels = np.array(
        [
            0.25 + slope * 4 * np.outer(SHARES - 0.5, SHARES - 0.5) + height * np.exp(-apart / 2 / length**2)
            for (height, length), slope in product(smooth, (0, 0.03, 0.12, 0.4))
        ]
    )
    within_seen = kernels[:, seen][:, :, seen] + np.diag(noise / n[seen])
    factor = np.linalg.cholesky(within_seen)
    means = np.broadcast_to(mean[seen][:, None], (len(kernels), int(seen.sum()), 1))
    solved = np.linalg.solve(within_seen, means)[..., 0]
    evidence = -0.5 * (solved @ mean[seen]) - np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    weight = np.exp(evidence - evidence.max())
    curve: Array = (weight / weight.sum()) @ np.einsum("gij,gj->gi", kernels[:, :, seen], solved)
    return curve


def _posterior(pseudo: Array) -> Array:
    log = LOG @ pseudo
    weight = np.exp(log - log.max())
    mixed: Array = weight / weight.sum() @ GRID
    return mixed
