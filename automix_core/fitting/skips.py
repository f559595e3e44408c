"""Learning when a draft would be wasted, from signals of the query alone, and whether that is worth keeping (numpy).

What a skipped draft gains on a question is the later model's reward less the policy's own, held out. A logistic
regression, ridge-drawn and weighted by the size of the gain, learns its sign from the query's signals. It is tried on
questions that it was not learned from, and kept only if what it wins there is more than twice its standard error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence.arrays import Array, evidence_of
from ..evidence.estimator import Estimator, Evidence, Term
from ..outcomes.columns import Columns, Ints
from .logistic import logistic

FEWEST = 50
"""Questions below which nothing is tried."""
_DRAWN = 10.0
"""Labels that draw the weights to 0."""
_SURE = 2.0
"""Standard errors of the gain on questions left out that it must be above 0."""


@dataclass(frozen=True, slots=True)
class Skip:
    """When to skip to `model`, and on which questions one learned without them did."""

    wasted: Evidence
    model: int
    skipped: NDArray[np.bool_]
    gain: float


def learn_skip(columns: Columns, reward: Array, weight: float, folds: Sequence[Ints]) -> Skip | None:
    """The skip that wins against a policy which earned `reward` on each question held out; None if none does."""
    signals = usable(columns)
    if not signals or len(columns) < FEWEST:
        return None
    rewards = columns.scores - weight * columns.costs
    model = 1 + int(rewards[:, 1:].mean(axis=0).argmax())
    gain = rewards[:, model] - reward
    skipped = cross_skips(signals, gain, folds)
    won = np.where(skipped, gain, 0.0)
    learned = wasted_by(signals, gain)
    if learned is None or not won.mean() > _SURE * won.std() / np.sqrt(len(won)):
        return None
    return Skip(learned, model, skipped, float(won.mean()))


def usable(columns: Columns) -> dict[str, Array]:
    """The query's signals that are known of nine questions in ten."""
    return {name: values for name, values in columns.query_signals.items() if np.isfinite(values).mean() > 0.9}


def cross_skips(signals: Mapping[str, Array], gain: Array, folds: Sequence[Ints]) -> NDArray[np.bool_]:
    """The questions on which skips learned without them would be taken."""
    skipped = np.zeros(len(gain), dtype=bool)
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(gain)), fold)
        wasted = wasted_by({name: values[rest] for name, values in signals.items()}, gain[rest])
        if wasted is not None:
            told = evidence_of(wasted, {name: values[fold] for name, values in signals.items()}, len(fold))
            skipped[fold] = told >= 0.5
    return skipped


def wasted_by(signals: Mapping[str, Array], gain: Array) -> Evidence | None:
    """The chance that the gain is above 0, its sizes being weights; None where nothing varies."""
    names = [name for name, values in signals.items() if np.nanstd(values) > 1e-9 * (1 + abs(np.nanmean(values)))]
    if not names:
        return None
    values = np.column_stack([signals[name] for name in names])
    rows = np.isfinite(values).all(axis=1) & (np.abs(gain) > 0)
    if rows.sum() < 2 or not 0 < (gain[rows] > 0).mean() < 1:
        return None
    size = np.abs(gain[rows]) / np.abs(gain[rows]).mean()
    ends = [(v.mean() - 2 * v.std(), v.mean() + 2 * v.std()) for v in values[rows].T]
    if any(low >= high for low, high in ends):
        return None
    x = np.column_stack([*(np.interp(v, at, (-1.0, 1.0)) for v, at in zip(values[rows].T, ends, strict=True)),
                         np.ones(int(rows.sum()))])  # fmt: skip
    pull = np.append(np.full(x.shape[1] - 1, _DRAWN) * x[:, :-1].var(axis=0), 1e-3)  # the bias hardly
    theta = logistic(x, (gain[rows] > 0).astype(float), np.zeros(x.shape[1]), pull, np.zeros(x.shape[1]), size, 1e-6)
    terms = [Term(n, float(w), at, (-1.0, 1.0)) for n, w, at in zip(names, theta[:-1], ends, strict=True)]
    return Evidence([Estimator(terms, float(theta[-1]))])
