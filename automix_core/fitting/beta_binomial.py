"""Beta-binomial mixtures on a grid: what few verdicts say about a hidden state, averaged over what can't be told apart.

A query's verdict rate varies within a hidden state, so counts are over-dispersed: BetaBin(n, mean, correlation). A
state's distribution is the posterior mean over a grid of both. Priors are given as pseudo-queries: expected
log-likelihoods of counts drawn from some distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MEANS = (np.arange(25) + 0.5) / 25
_CORRELATIONS = np.linspace(0.03, 0.75, 10)
_POOLED = 2.0
"""Pseudo-queries drawn from the fit to all queries."""
_EXPECTED = 4.0
"""Pseudo-queries of "the verifier helps, weakly"."""
_HELPS = (0.45, 0.68)
"""Mean rate of "correct" on wrong and on right drafts, before any data, and its concentration below."""
_CONCENTRATION = 2.5
_SHARED = 2.0
"""Pseudo-queries by which a state leans on all states in which the draft is as right or as wrong."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """log P(c of c + w | grid point), [c, w, point], -inf beyond k verdicts."""

    log: Array

    def pmf(self, weights: Array, n: int) -> Array:
        """The distribution of 0..n correct among n, for mixtures [state, point] of grid points."""
        c = np.arange(n + 1)
        mixed: Array = weights @ np.exp(self.log[c, n - c]).T
        return mixed


@lru_cache(maxsize=8)
def _grid(k: int) -> _Grid:
    mean, correlation = (g.ravel() for g in np.meshgrid(_MEANS, _CORRELATIONS, indexing="ij"))
    strength = 1 / correlation - 1
    return _Grid(_log_beta_binomial(k, mean * strength, (1 - mean) * strength))


def _log_beta_binomial(k: int, a: Array, b: Array) -> Array:
    """[c, w, point] for c + w <= k, by rising factorials."""

    def rising(start: Array) -> Array:
        steps = np.log(start[None] + np.arange(k)[:, None])
        return np.concatenate([np.zeros((1, len(start))), np.cumsum(steps, axis=0)])

    up, down, both = rising(a), rising(b), rising(a + b)
    c, w = np.meshgrid(np.arange(k + 1), np.arange(k + 1), indexing="ij")
    n = np.minimum(c + w, k)
    ways = np.array([[math.log(math.comb(i + j, i)) for j in range(k + 1)] for i in range(k + 1)])
    table: Array = np.where((c + w <= k)[:, :, None], ways[:, :, None] + up[c] + down[w] - both[n], -np.inf)
    return table


def count_distributions(counts: Array, right: NDArray[np.bool_], *, helps: bool) -> list[Array]:
    """For each n up to k, the distribution [state, 0..n] of correct verdicts among n.

    `counts[state, c, w]` are the weights of queries with c correct and w incorrect verdicts, `right[state]` says
    whether the draft is right in that state; with `helps`, right drafts are expected to be called correct more often.

    Two readings are averaged by how well they predict the counts: that the verifier sees only whether the draft is
    right, so that states alike in this share one distribution, and that each state has its own, leaning on the shared
    one. Few labels favour the first, and a verifier that tells unsolvable queries from solvable ones earns the second.
    """
    k = counts.shape[1] - 1
    grid = _grid(k)
    some = np.nonzero(counts.sum(axis=0))
    log, seen = grid.log[some], counts[:, some[0], some[1]]
    full = grid.log[np.arange(k + 1), k - np.arange(k + 1)]

    pooled = _posterior(seen.sum(axis=0) @ log)
    prior = _POOLED * (grid.pmf(pooled[None], k)[0] @ full)
    shares, evidence = [], 0.0
    for side in (False, True):
        expected = prior + _EXPECTED * (_expected(k, _HELPS[side]) @ full) if helps else prior
        heard = seen[right == side].sum(axis=0) @ log
        shares.append(_posterior(expected + heard))
        evidence += _log_mean(expected, heard)
    shared = np.array(shares)[right.astype(int)]
    leaning = _SHARED * (grid.pmf(shared, k) @ full)
    heard = seen @ log
    own = np.array([_posterior(x) for x in leaning + heard])
    apart = sum(_log_mean(expected, said) for expected, said in zip(leaning, heard, strict=True))
    weight = 1 / (1 + math.exp(min(max(evidence - apart, -700.0), 700.0)))
    mixed = (1 - weight) * shared + weight * own
    return [grid.pmf(mixed, n) for n in range(k + 1)]


def _expected(k: int, mean: float) -> Array:
    a, b = np.array([mean * _CONCENTRATION]), np.array([(1 - mean) * _CONCENTRATION])
    log = _log_beta_binomial(k, a, b)
    c = np.arange(k + 1)
    pmf: Array = np.exp(log[c, k - c, 0])
    return pmf


def _posterior(log: Array) -> Array:
    weights = np.exp(log - log.max())
    normal: Array = weights / weights.sum()
    return normal


def _log_mean(prior: Array, heard: Array) -> float:
    """The log of the mean likelihood under a prior known up to a factor."""
    return _log_sum(prior + heard) - _log_sum(prior)


def _log_sum(log: Array) -> float:
    return float(log.max() + np.log(np.exp(log - log.max()).sum()))
