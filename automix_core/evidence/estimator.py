"""From signals to evidence: the probability that a draft is right. Plain numbers, evaluated by the standard library.

An `Estimator` adds up terms, each a signal bent by a piecewise linear curve and weighted:

    z = bias + sum_i weight_i * curve_i(signal_i)        evidence = 1 / (1 + exp(-z)), or z itself if not `logistic`

Curves hold both scales that fitting chooses between: ranks among the training values, and log-odds. A signal that is
missing can't be replaced by a guess in silence: `Evidence` holds an estimator for every set of signals that was met in
fitting, the fullest first, and uses the first whose signals are all there.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import ConfigError


@dataclass(frozen=True, slots=True)
class Term:
    """One signal's part: `weight` times the curve through the points (`at`, `to`), level beyond its ends.

    Raises `ConfigError` unless `at` rises and all numbers are finite.
    """

    name: str
    weight: float
    at: Sequence[float]
    to: Sequence[float]

    def __post_init__(self) -> None:
        for field in ("at", "to"):
            object.__setattr__(self, field, tuple(float(x) for x in getattr(self, field)))
        if not all(map(math.isfinite, (self.weight, *self.at, *self.to))):
            raise ConfigError(f"The estimator's term {self.name!r} holds a number that is not finite.")
        if len(self.at) != len(self.to) or not self.at or any(a >= b for a, b in pairwise(self.at)):
            raise ConfigError(
                f"The estimator's term {self.name!r} needs rising values in `at` and as many in `to`, "
                f"not {len(self.at)} and {len(self.to)}."
            )

    def of(self, value: float) -> float:
        """The weighted height of the curve at `value`."""
        at, to = self.at, self.to
        place = bisect_right(at, value)
        if place == 0:
            return self.weight * to[0]
        if place == len(at):
            return self.weight * to[-1]
        low, high = at[place - 1], at[place]
        part = (value - low) / (high - low)
        return self.weight * (to[place - 1] + part * (to[place] - to[place - 1]))


@dataclass(frozen=True, slots=True)
class Estimator:
    """Evidence from exactly the signals of its terms."""

    terms: Sequence[Term]
    bias: float = 0.0
    logistic: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(self.terms))
        names = [term.name for term in self.terms]
        if not names or len(set(names)) < len(names) or not math.isfinite(self.bias):
            raise ConfigError("An estimator needs terms of different signals and a finite bias.")

    @property
    def names(self) -> tuple[str, ...]:
        """The signals it needs."""
        return tuple(term.name for term in self.terms)

    def of(self, signals: Mapping[str, float]) -> float | None:
        """The evidence, None where a signal is missing or not a finite number."""
        z = self.bias
        for term in self.terms:
            value = signals.get(term.name)
            if value is None or not math.isfinite(value):
                return None
            z += term.of(value)
        return sigmoid(z) if self.logistic else min(max(z, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The estimators of one model's drafts, those of more signals first."""

    estimators: Sequence[Estimator]

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimators", tuple(self.estimators))
        if not self.estimators:
            raise ConfigError("Evidence needs an estimator at least.")

    @property
    def names(self) -> tuple[str, ...]:
        """Every signal that any of them uses, sorted."""
        return tuple(sorted({name for estimator in self.estimators for name in estimator.names}))

    def estimator(self, signals: Mapping[str, float]) -> Estimator | None:
        """The one that is used for these signals; None where they fit none."""
        return next((e for e in self.estimators if e.of(signals) is not None), None)

    def of(self, signals: Mapping[str, float]) -> float | None:
        """The evidence by the fullest estimator whose signals are all there; None where there is none."""
        for estimator in self.estimators:
            found = estimator.of(signals)
            if found is not None:
                return found
        return None

    def missing(self, signals: Mapping[str, float]) -> tuple[str, ...]:
        """The signals that the fullest estimator would need and that `signals` lacks."""
        return tuple(
            name for name in self.estimators[0].names if name not in signals or not math.isfinite(signals[name])
        )


def sigmoid(z: float) -> float:
    """1 / (1 + exp(-z)), without overflow."""
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def log_odds(p: float, most: float = 6.0) -> float:
    """log(p / (1 - p)), clipped to +-`most`: saturated probabilities stay apart, and none is infinite."""
    edge = 1 / (1 + math.exp(most))
    p = min(max(p, edge), 1 - edge)
    return math.log(p / (1 - p))
