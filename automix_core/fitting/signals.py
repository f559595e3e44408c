"""From recorded signals to what they say in each hidden state: the bins that the exact policy sees (numpy)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..evidence.arrays import evidence_of
from ..evidence.estimator import Evidence
from ..evidence.signs import SIGNS
from ..outcomes.columns import Columns
from ..policies.problem import SignalModel
from .beta_binomial import Array
from .evidence import FEWEST, fit_evidence
from .folds import folds
from .steps import Cut, in_steps, mass

_CUTS = (mass(3), mass(5), mass(8))
_FEW_CUTS = (mass(3), mass(4))
"""Bins of equal mass that are tried, for two models and for more: bins multiply the policy's table."""
_MOST_PAID = 2
"""Paid signals that a policy may ask for: each multiplies the table."""
_FOLDS = 5
_DRAWN = 4.0


def signal_models(columns: Columns, m: int, weights: Array, right: NDArray[np.bool_]) -> tuple[SignalModel, ...]:
    """The free evidence of model m's drafts and the signals worth asking for; those that say nothing are left out.

    `weights` [question, state] are the weights of the hidden states, `right` [state] says in which the draft is right.
    """
    cuts = _CUTS if columns.models == 2 else _FEW_CUTS
    score = columns.scores[:, m]
    found: list[SignalModel] = []
    free = columns.known(m)
    evidence, held_out = _held_out(free, score)
    if evidence is not None:
        rows = ~np.isnan(held_out)
        steps = in_steps(held_out[rows], weights[rows], right, cuts)
        if steps is not None:
            found.append(SignalModel(steps.edges, steps.likelihood.tolist(), evidence=evidence))
    known = held_out if found else np.full(len(score), np.nan)
    paid = [_paid(columns, m, name, values, weights, right, known, cuts) for name, values in _paid_for(columns, m)]
    return (*found, *[model for model in paid if model is not None][:_MOST_PAID])


def _held_out(signals: dict[str, Array], score: Array) -> tuple[Evidence | None, Array]:
    """The estimators learned from all drafts, and each draft's evidence by those learned without it."""
    values = np.full(len(score), np.nan)
    evidence = fit_evidence(signals, score) if signals else None
    if evidence is None:
        return None, values
    for fold in folds(score, _FOLDS):
        rest = np.setdiff1d(np.arange(len(score)), fold)
        part = fit_evidence({name: column[rest] for name, column in signals.items()}, score[rest])
        values[fold] = evidence_of(part or evidence, {n: column[fold] for n, column in signals.items()}, len(fold))
    return evidence, values


def _paid_for(columns: Columns, m: int) -> list[tuple[str, Array]]:
    return sorted(columns.known(m, paid=True).items())


def _paid(
    columns: Columns,
    m: int,
    name: str,
    values: Array,
    weights: Array,
    right: NDArray[np.bool_],
    known: Array,
    cuts: tuple[Cut, ...],
) -> SignalModel | None:
    """A signal that is paid for; its likelihood is weakened by what the free evidence already says."""
    rows = ~np.isnan(values)
    sign = SIGNS.get(name, 1) or 1
    if rows.sum() < FEWEST:
        return None
    steps = in_steps(sign * values[rows], weights[rows], right, cuts)
    if steps is None:
        return None
    table = steps.likelihood ** _share_left(sign * values[rows], known[rows], columns.scores[rows, m])
    table /= table.sum(axis=1, keepdims=True)
    edges = steps.edges
    if sign < 0:
        edges, table = tuple(-edge for edge in reversed(edges)), table[:, ::-1]
    price = float(columns.signal_cost[name][rows, m].mean())
    return SignalModel(edges, table.tolist(), name, price)


def _share_left(values: Array, known: Array, score: Array) -> float:
    """How much of the log-likelihood ratio of a signal is left once the evidence `known` is: 0 to 1.

    The slope of a linear fit of the score on both, over the slope on the signal alone, drawn towards 1.
    """
    rows = ~np.isnan(known)
    if rows.sum() < FEWEST:
        return 1.0
    ranks = np.argsort(np.argsort(values[rows])) / rows.sum()
    x = np.column_stack([ranks - ranks.mean(), known[rows] - known[rows].mean()])
    y = score[rows] - score[rows].mean()
    drawn = _DRAWN * np.diag(np.maximum(x.var(axis=0), 1e-9))
    both = np.linalg.solve(x.T @ x + drawn, x.T @ y)[0]
    alone = float(x[:, 0] @ y / (x[:, 0] @ x[:, 0] + drawn[0, 0]))
    return float(np.clip(both / alone, 0.0, 1.0)) if alone > 1e-9 else 1.0
