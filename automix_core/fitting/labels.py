"""Labels only where the models disagree: what outcomes without gold answers say.

Where the answers agree the larger model gains nothing, whatever the gold answer. So the gain at a confidence is
P(disagree) * beta, with beta the mean gain of labelled disagreements; without any label beta is 1, the assumption that
the largest model is always right.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..outcomes.columns import Columns, Floats

_PSEUDO = 6.0
_EXPECTED = 0.4
"""Pseudo-labels that draw beta towards its mean, and that mean towards what is usual."""
_WIDTH = 0.2
"""How near two confidences must be to inform each other."""


def with_assumed_labels(columns: Columns) -> Columns:
    """`columns` with the scores of rows that have no gold answer corrected by what labelled disagreements taught.

    A row scored against the largest model's answer has that model's score 1 and, for a smaller one, its agreement a.
    Its expected gain is (1 - a) * beta, so the smaller model's score becomes 1 - (1 - a) * beta; where beta is negative
    the last model's score is what is lowered. Unchanged if no row, or every row, has gold answers.
    """
    gold = ~columns.free
    if gold.all() or not gold.any():
        return columns
    scores, gains = columns.scores.copy(), np.zeros((int(columns.free.sum()), columns.models))
    for m in range(columns.models - 1):
        gain = columns.scores[gold, -1] - columns.scores[gold, m]
        apart = gain != 0
        beta = _beta(_confidence(columns, m)[gold][apart], gain[apart], _confidence(columns, m)[columns.free])
        gains[:, m] = (1 - scores[columns.free, m]) * beta
    last = 1 + np.minimum(gains.min(axis=1), 0)
    scores[columns.free] = np.clip(last[:, None] - gains, 0, 1)
    return replace(columns, scores=scores)


def _confidence(columns: Columns, m: int) -> Floats:
    """The share of readable verdicts that say correct, or the direct confidence; 1/2 where there is neither."""
    said = columns.tallies[:, m, :2]
    readable = said.sum(axis=1)
    counted = np.where(readable > 0, said[:, 0] / np.maximum(readable, 1), 0.5)
    return np.where(np.isnan(columns.probability[:, m]), counted, columns.probability[:, m])


def _beta(seen: Floats, gain: Floats, at: Floats) -> Floats:
    """The mean gain of disagreements at the confidences `at`, drawn towards their overall mean."""
    overall = (gain.sum() + _PSEUDO * _EXPECTED) / (len(gain) + _PSEUDO)
    near = np.exp(-0.5 * ((at[:, None] - seen[None]) / _WIDTH) ** 2)
    return np.asarray((near @ gain + _PSEUDO * overall) / (near.sum(axis=1) + _PSEUDO), dtype=np.float64)
