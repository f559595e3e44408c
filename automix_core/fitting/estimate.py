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
from ..policies.problem import ObservationModel, Problem, final_counts
from .beta_binomial import Array
from .signals import signal_models
from .steps import WIDE, in_steps, likelihood, mass, odds, wide

_UNIFORM = 2.0
"""Pseudo-queries spread evenly over the hidden states."""
_INDEPENDENT = 4.0
"""Pseudo-queries spread as if the models were right independently of each other; used for three models and more."""
_CUTS = (mass(WIDE), mass(WIDE // 2), odds)
"""Where a direct confidence may be cut."""
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
        _observation_model(columns, m, weights, bits[:, m]) if m in checked and columns.recorded[:, m].any() else None
        for m in range(models)
    ]
    signals = [
        signal_models(columns, m, weights, bits[:, m]) if m in checked and m < models - 1 else () for m in range(models)
    ]
    return Problem(
        prior=prior.tolist(),
        scores=bits.astype(float).tolist(),
        costs=columns.costs.mean(axis=0).tolist(),
        observations=observations,
        cost_weight=cost_weight,
        states=[_name(columns.names, row) for row in bits],
        signals=signals,
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
    """The models that have checks or signals; if they are many, those nearest the hull of cost and score."""
    last = columns.models - 1
    has = [m for m in range(columns.models) if columns.recorded[:, m].any() or (m < last and _told_of(columns, m))]
    most = _CHECKED[bool(columns.tallies[..., 2].any())]
    if len(has) <= most:
        return set(has)
    cost, score = columns.costs.mean(axis=0), columns.scores.mean(axis=0)
    chord = score[0] + (score[last] - score[0]) * (cost - cost[0]) / max(cost[last] - cost[0], 1e-12)
    above = sorted((m for m in has if m > 0), key=lambda m: float(chord[m] - score[m]))
    return {*(m for m in has if m == 0), *above[: most - 1]}


def _told_of(columns: Columns, m: int) -> bool:
    return bool(columns.known(m) or columns.known(m, paid=True))


def _observation_model(columns: Columns, m: int, weights: Array, right: NDArray[np.bool_]) -> ObservationModel:
    direct = ~np.isnan(columns.probability[:, m])
    said = columns.tallies[:, m]
    if direct.any() and said.any():
        raise DataError(
            f"Model {columns.names[m]!r} has verdicts on some rows and a probability on others; fitting needs one kind."
        )
    price = VerdictCost(*map(float, columns.verdict_cost[columns.recorded[:, m] > 0, m].mean(axis=0)))
    if direct.any():
        found = in_steps(columns.probability[direct, m], weights[direct], right, _CUTS, must=True)
        assert found is not None
        k, edges = len(found.edges), () if found.edges == wide(weights) else found.edges
        return ObservationModel(max(k, 1), _two(found.likelihood), price, direct=True, edges=edges)
    k = int(said.sum(axis=1).max())
    finals = final_counts(k) if said[:, 2].any() else final_counts(k)[: k + 1]
    table = likelihood(said, weights, right, k, finals)
    return ObservationModel(k, table.tolist(), price)


def _two(table: Array) -> list[list[float]]:
    """A table of two steps at least: where all confidences are one, the upper step never comes up."""
    return [[*row, 0.0] if len(row) == 1 else row for row in table.tolist()]
