"""Evidence of many drafts at once (numpy), for replaying and fitting; a live call needs one and no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .estimator import Evidence, Term

Array: TypeAlias = NDArray[np.float64]


def evidence_of(evidence: Evidence, signals: Mapping[str, Array], n: int) -> Array:
    """`evidence.of` for n drafts at once; NaN where it is None."""
    found = np.full(n, np.nan)
    for estimator in evidence.estimators:
        todo = np.isnan(found)
        for name in estimator.names:
            todo &= np.isfinite(signals[name]) if name in signals else False
        if todo.any():
            parts = [_bent(term, signals[term.name][todo]) for term in estimator.terms]
            z: Array = estimator.bias + np.sum(parts, axis=0)
            found[todo] = sigmoid(z) if estimator.logistic else np.clip(z, 0, 1)
    return found


def _bent(term: Term, values: Array) -> Array:
    heights: Array = term.weight * np.interp(values, term.at, term.to)
    return heights


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), which no z is too large for."""
    half: Array = 0.5 * (1 + np.tanh(0.5 * z))
    return half
