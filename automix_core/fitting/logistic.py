"""Logistic regression by Newton's steps (numpy)."""

from __future__ import annotations

import numpy as np

from ..evidence.arrays import Array, sigmoid

_STEPS, _LONGEST, _CLOSE = 50, 2.0, 1e-9


def logistic(
    x: Array, y: Array, start: Array, pull: Array, towards: Array, size: Array | float = 1.0, floor: float = 0
) -> Array:
    """Weights of the columns of `x` for labels `y` in [0, 1], each of weight `size`, drawn `towards` by `pull`.

    No step is longer than 2 in any weight; curvatures are `floor` at least.
    """
    theta = start
    for _ in range(_STEPS):
        p = sigmoid(x @ theta)
        gradient = x.T @ (size * (p - y)) + pull * (theta - towards)
        spread = size * np.maximum(p * (1 - p), floor)
        curvature = (x * spread[:, None]).T @ x + np.diag(np.maximum(pull, floor))
        step = np.linalg.solve(curvature, gradient)
        theta = theta - np.clip(step, -_LONGEST, _LONGEST)
        if np.abs(step).max() < _CLOSE:
            break
    return theta
