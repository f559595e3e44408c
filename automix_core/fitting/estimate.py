"""From outcomes to a decision problem: which hidden states there are, how likely, and what checks say in each.

A hidden state says which models are right. Scores between 0 and 1 count in part: a query with scores s and l is "only
the larger right" with weight (1 - s) * l, and so on, which is exact in expectation for any reward linear in the scores.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..outcomes.columns import Columns
from ..outcomes.verdict_cost import VerdictCost
from ..policies.problem import Count, ObservationModel, Problem, final_counts
from .beta_binomial import Array, count_distributions

_UNIFORM = 2.0
"""Pseudo-queries spread evenly over the hidden states."""
_INDEPENDENT = 4.0
"""Pseudo-queries spread as if the models were right independently of each other; used for three models and more."""
_STEPS = 20
"""A direct confidence is kept to the nearest 1 / 20."""
_SMOOTH, _SMOOTH_POWER = 8.0, 0.7
"""The weight of the smooth fit against the counts themselves: _SMOOTH * (n ** _SMOOTH_POWER + k) queries."""
_CHECKED = (3, 2)
"""The most models that are checked, without and with unreadable verdicts: more would make the table very large."""


def estimate(columns: Columns, cost_weight: float = 0.0) -> Problem:
    """The decision problem that `columns` speak for, with the mean costs of its rows.

    Raises `DataError` where a model has both verdicts and direct confidences, or too many models to tell apart.
    """
    models = columns.models
    if models > 10:
        raise DataError(f"The outcomes have {models} models; fitting takes 10 at most.")
    bits = np.array(list(product((True, False), repeat=models)))
    weights = np.prod(np.where(bits[None], columns.scores[:, None], 1 - columns.scores[:, None]), axis=2)
    prior = _prior(columns.scores, weights, bits)
    checked = _worth_checking(columns)
    observations = [
        _observation_model(columns, m, weights, bits[:, m]) if m in checked else None for m in range(models)
    ]
    return Problem(
        prior=prior.tolist(),
        scores=bits.astype(float).tolist(),
        costs=columns.costs.mean(axis=0).tolist(),
        observations=observations,
        cost_weight=cost_weight,
        states=[_name(columns.names, row) for row in bits],
    )


def _prior(scores: Array, weights: Array, bits: NDArray[np.bool_]) -> Array:
    """The posterior mean of the states' probabilities."""
    pseudo = np.full(len(bits), _UNIFORM / len(bits))
    if bits.shape[1] > 2:
        mean = (scores.sum(axis=0) + 1) / (len(scores) + 2)
        pseudo += _INDEPENDENT * np.prod(np.where(bits, mean, 1 - mean), axis=1)
    prior: Array = weights.sum(axis=0) + pseudo
    prior /= prior.sum()
    return prior


def _name(names: tuple[str, ...], right: NDArray[np.bool_]) -> str:
    if right.all():
        return "all right"
    held = [name for name, is_right in zip(names, right, strict=True) if is_right]
    return f"right: {', '.join(held)}" if held else "none right"


def _worth_checking(columns: Columns) -> set[int]:
    """The models that have checks; if they are many, those nearest the hull of cost and score."""
    has = [m for m in range(columns.models) if columns.recorded[:, m].any()]
    most = _CHECKED[bool(columns.tallies[..., 2].any())]
    if len(has) <= most:
        return set(has)
    cost, score = columns.costs.mean(axis=0), columns.scores.mean(axis=0)
    last = columns.models - 1
    chord = score[0] + (score[last] - score[0]) * (cost - cost[0]) / max(cost[last] - cost[0], 1e-12)
    above = sorted((m for m in has if m > 0), key=lambda m: float(chord[m] - score[m]))
    return {*(m for m in has if m == 0), *above[: most - 1]}


def _observation_model(columns: Columns, m: int, weights: Array, right: NDArray[np.bool_]) -> ObservationModel:
    direct = ~np.isnan(columns.probability[:, m])
    said = columns.tallies[:, m]
    if direct.any() and said.any():
        raise DataError(
            f"Model {columns.names[m]!r} has verdicts on some rows and a probability on others; fitting needs one kind."
        )
    if direct.any():
        steps = np.floor(np.where(direct, columns.probability[:, m], 0) * _STEPS + 0.5).astype(np.int64)
        said = np.stack([steps, _STEPS - steps, np.zeros_like(steps)], axis=1)[direct]
        weights = weights[direct]
    k = int(said.sum(axis=1).max())
    finals = final_counts(k) if said[:, 2].any() else final_counts(k)[: k + 1]
    likelihood = _likelihood(said, weights, right, k, finals)
    price = columns.verdict_cost[columns.recorded[:, m] > 0, m].mean(axis=0)
    return ObservationModel(k, likelihood.tolist(), VerdictCost(*map(float, price)), direct=bool(direct.any()))


def _likelihood(
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
