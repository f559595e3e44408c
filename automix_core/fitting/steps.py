"""A number in steps: where to cut it, and what its steps say in each hidden state (numpy).

A direct confidence and the evidence of signals are cut into steps, so that the decision can be solved exactly. Where to
cut is chosen by what predicts the hidden states of questions left out (five folds, log-likelihood): at equal masses
(ranks: saturated probabilities stay apart), or at equal widths, of the log-odds or the number itself, where that is
better by more than its standard error; and so is how much is learned about the steps, a slope alone or each step's
counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence.estimator import sigmoid
from ..policies.problem import Count, final_counts
from .beta_binomial import Array, count_distributions
from .evidence import platt

WIDE = 20
"""Steps of equal width in a direct confidence, beside the first."""
_MOST_ODDS = 6.0
_FOLDS = 5
_SMOOTH, _SMOOTH_POWER = 8.0, 0.7
"""The weight of the smooth fit against the counts themselves: _SMOOTH * (n ** _SMOOTH_POWER + k) queries."""
_EVENLY = 2.0


@dataclass(frozen=True, slots=True)
class Steps:
    """Where a number is cut, and `likelihood[state, step]`."""

    edges: tuple[float, ...]
    likelihood: Array


Cut = Callable[[Array], tuple[float, ...]]
"""From training values to edges."""
Table = Callable[[Array, Array, NDArray[np.bool_], Sequence[float]], Array]
"""From values, the hidden states' weights, which states are right and edges to P(step | state)."""


def wide(values: Array) -> tuple[float, ...]:
    """Equal widths: step c holds the values whose nearest multiple of 1 / 20 is c / 20."""
    return tuple((c - 0.5) / WIDE for c in range(1, WIDE + 1))


def odds(values: Array) -> tuple[float, ...]:
    """Equal widths of the log-odds, clipped to +-6."""
    return tuple(sigmoid(z) for z in np.linspace(-_MOST_ODDS, _MOST_ODDS, WIDE + 1)[1:-1].tolist())


def mass(bins: int) -> Cut:
    """Equal masses: as many of the values in each of `bins` bins as ties allow."""

    def cut(values: Array) -> tuple[float, ...]:
        edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="higher"))
        return tuple(edges[edges > values.min()].tolist())

    return cut


def in_steps(
    values: Array, weights: Array, right: NDArray[np.bool_], cuts: Sequence[Cut], *, must: bool = False
) -> Steps | None:
    """The steps of `values` that say most about the hidden states; None if nothing is said, unless they `must` be.

    Of `cuts` an earlier one is kept unless a later one is better by more than its standard error: with few labels the
    best of several is too often the luckiest.

    `weights` [question, state] are the weights of each question's hidden states, `right` [state] says in which of them
    the draft is right.
    """
    folds = np.array_split(np.random.default_rng(0).permutation(len(values)), _FOLDS)
    told = [[_told(values, weights, right, (cut, table), folds) for table in _TABLES] for cut in cuts]
    bests = [max(some, key=np.sum) for some in told]
    best = 0
    for place, each in enumerate(bests):
        more = each - bests[best]
        if more.sum() > more.std() * np.sqrt(len(values)):
            best = place
    if not must and bests[best].sum() <= _told(values, weights, right, None, folds).sum():
        return None
    edges = cuts[best](values)
    sums = np.sum(told[best], axis=1)
    trust = np.exp(sums - sums.max())
    tables = np.array([table(values, weights, right, edges) for table in _TABLES])
    mixed: Array = np.tensordot(trust / trust.sum(), tables, axes=1)
    return Steps(edges, mixed) if edges or must else None


def _told(
    values: Array,
    weights: Array,
    right: NDArray[np.bool_],
    way: tuple[Cut, Table] | None,
    folds: Sequence[NDArray[np.intp]],
) -> Array:
    """Each question's log-likelihood by tables learned without it; without a `way` by the prior alone."""
    told = np.zeros(len(values))
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(values)), fold)
        prior = weights[rest].sum(axis=0) + _EVENLY / weights.shape[1]
        joint = np.tile(prior / prior.sum(), (len(fold), 1))
        if way is not None and (edges := way[0](values[rest])):
            table = way[1](values[rest], weights[rest], right, edges)
            joint = joint * table[:, np.searchsorted(edges, values[fold], "right")].T
            joint /= joint.sum(axis=1, keepdims=True)
        told[fold] = (weights[fold] * np.log(np.maximum(joint, 1e-9))).sum(axis=1)
    return told


def by_slope(values: Array, weights: Array, right: NDArray[np.bool_], edges: Sequence[float]) -> Array:
    """P(step | state), [state, step], if only whether the draft is right matters, and its log-odds rise evenly.

    Two numbers are learned (Platt), so few labels do.
    """
    step, steps = np.searchsorted(edges, values, "right"), np.arange(len(edges) + 1)
    scale = max(len(edges), 1)
    slope, bias = platt(step / scale, weights[:, right].sum(axis=1))
    mass = np.bincount(step, minlength=len(steps)) + 1 / len(steps)
    good = 1 / (1 + np.exp(-np.clip(slope * steps / scale + bias, -30, 30)))
    table: Array = np.where(right[:, None], mass * good, mass * (1 - good))
    table /= table.sum(axis=1, keepdims=True)
    return table


def by_counts(values: Array, weights: Array, right: NDArray[np.bool_], edges: Sequence[float]) -> Array:
    """P(step | state), [state, step]: beta-binomial mixtures, drawn towards the counts as these grow."""
    k = len(edges)
    step = np.searchsorted(edges, values, "right")
    said = np.stack([step, k - step, np.zeros_like(step)], axis=1)
    return likelihood(said, weights, right, k, final_counts(k)[: k + 1]) if k else np.ones((weights.shape[1], 1))


_TABLES: tuple[Table, ...] = (by_counts, by_slope)
"""Mixed by how well they predict drafts left out."""


def likelihood(
    said: NDArray[np.int64], weights: Array, right: NDArray[np.bool_], k: int, finals: tuple[Count, ...]
) -> Array:
    """P(final tally | state), [state, final]: a smooth fit, drawn towards the counts themselves as these grow."""
    states = weights.shape[1]
    correct, incorrect, unreadable = said.T
    readable = np.zeros((k + 1, k + 1, states))
    np.add.at(readable, (correct, incorrect), weights)
    of_readable = count_distributions(readable.transpose(2, 0, 1), right, helps=True)
    if len(finals) == k + 1:
        smooth = of_readable[k]
    else:
        mute = np.zeros((k + 1, k + 1, states))
        np.add.at(mute, (unreadable, correct + incorrect), weights)
        of_mute = count_distributions(mute.transpose(2, 0, 1), right, helps=False)[k]
        smooth = np.stack([of_mute[:, u] * of_readable[c + w][:, c] for c, w, u in finals], axis=1)
    whole = said.sum(axis=1) == k
    place = unreadable * (2 * k + 3 - unreadable) // 2 + correct  # where `final_counts` has this tally
    counted = np.zeros((len(finals), states))
    np.add.at(counted, place[whole], weights[whole])
    n = counted.sum(axis=0)
    pull = _SMOOTH * (n**_SMOOTH_POWER + k)
    mixed: Array = ((counted + pull * smooth.T) / (n + pull)).T
    mixed /= mixed.sum(axis=1, keepdims=True)
    return mixed
