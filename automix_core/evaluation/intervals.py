"""How sure a mean is: bootstrap intervals over questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DRAWS = 1000
_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


def resampled_means(figures: Array, seed: int = 0) -> Array:
    """Means [draw, figure] of `figures` [question, figure] over 1,000 resamples of the questions."""
    n = len(figures)
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // n)
    parts = []
    for start in range(0, _DRAWS, step):
        times = rng.multinomial(n, np.full(n, 1 / n), size=min(step, _DRAWS - start))
        parts.append(times @ figures / n)
    return np.concatenate(parts)


def interval(values: Array) -> Interval:
    """The mean of `values`, one a question, with its bootstrap percentile interval."""
    draws = resampled_means(values[:, None])[:, 0]
    return between(float(values.mean()), draws)


def between(mean: float, draws: Array) -> Interval:
    """The interval that holds 95 % of `draws`."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(mean, float(low), float(high))
