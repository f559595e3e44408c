"""How sure a mean is: bootstrap intervals over questions.

Of more than `MANY` questions means are drawn from the normal distribution that resampling them would come to: for a
mean of 20,000 numbers the two differ by less than a thousand draws tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DRAWS = 1000
_CELLS = 4_000_000
MANY = 20_000
"""Questions above which nothing is resampled one by one."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g})"


class Moments:
    """Means and covariances of figures, taken in some questions at a time."""

    def __init__(self, figures: int) -> None:
        self.n = 0
        self.mean: Array = np.zeros(figures)
        self._spread: Array = np.zeros((figures, figures))

    def add(self, figures: Array) -> None:
        """Take in `figures` [question, figure] (Chan, Golub and LeVeque 1983)."""
        n, mean = len(figures), figures.mean(axis=0)
        apart, total = mean - self.mean, self.n + n
        for start in range(0, n, MANY):
            centred = figures[start : start + MANY] - mean
            self._spread += centred.T @ centred
        self._spread += np.outer(apart, apart) * (self.n * n / total)
        self.mean = self.mean + apart * (n / total)
        self.n = total

    @property
    def covariance(self) -> Array:
        """The covariances of the figures."""
        return self._spread / self.n

    def draws(self, seed: int = 0) -> Array:
        """Means [draw, figure] as resampling the questions 1,000 times would give them."""
        values, vectors = np.linalg.eigh(self.covariance / self.n)
        normal = np.random.default_rng(seed).standard_normal((_DRAWS, len(values)))
        drawn: Array = self.mean + (normal * np.sqrt(np.maximum(values, 0))) @ vectors.T
        return drawn


def resampled_means(figures: Array, seed: int = 0) -> Array:
    """Means [draw, figure] of `figures` [question, figure] over 1,000 resamples of the questions."""
    n = len(figures)
    if n > MANY:
        moments = Moments(figures.shape[1])
        moments.add(figures)
        return moments.draws(seed)
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
