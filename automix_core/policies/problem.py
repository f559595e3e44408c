"""The decision problem that a POMDP policy solves: hidden states, what answers are worth, what checks say and cost.

As in POMDPs.jl a problem is apart from its solver (`solver.py`) and from the policy that solving returns (`pomdp.py`).

Sampled checks of one draft are exchangeable given the query: after m of them the tally is sufficient and the order
says nothing. So a table over the tallies of all k checks is enough, and shorter prefixes are thinnings of it: drawing m
of k checks without replacement is multivariate hypergeometric.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from ..errors import ConfigError
from ..outcomes.verdict_cost import VerdictCost

Count: TypeAlias = tuple[int, int, int]
"""Correct, incorrect and unreadable verdicts."""

_TOLERANCE = 1e-6


@lru_cache(maxsize=64)
def final_counts(k: int) -> tuple[Count, ...]:
    """All tallies of k checks, by unreadable and then correct ones: the first k + 1 have no unreadable verdict.

    >>> final_counts(1)
    ((0, 1, 0), (1, 0, 0), (0, 0, 1))
    """
    return tuple((c, k - u - c, u) for u in range(k + 1) for c in range(k - u + 1))


@lru_cache(maxsize=64)
def tallies(k: int, reads: bool) -> tuple[Count, ...]:
    """All tallies of 0 to k checks, fewer first; without `reads` those with unreadable verdicts are left out."""
    return tuple(count for m in range(k + 1) for count in final_counts(m) if reads or not count[2])


@lru_cache(maxsize=1 << 16)
def thinning(part: Count, whole: Count) -> float:
    """The chance that the first sum(part) of the checks in `whole` are tallied as `part`."""
    if any(p > w for p, w in zip(part, whole, strict=True)):
        return 0.0
    ways = math.prod(math.comb(w, p) for p, w in zip(part, whole, strict=True))
    return ways / math.comb(sum(whole), sum(part))


@dataclass(frozen=True, slots=True)
class ObservationModel:
    """What up to `k` checks of one model's draft say in each hidden state, and what drawing them costs.

    `likelihood[s]` is the distribution of the final tally in hidden state s, over `final_counts(k)`. If it has k + 1
    entries it is over the number of correct verdicts alone, and unreadable verdicts are taken to say nothing.

    With `direct` one check gives a confidence (from log-probabilities or a classifier) in place of verdicts: the table
    is over its nearest multiple of 1 / k, there is one check to draw, and it costs as a batch of one.
    """

    k: int
    likelihood: Sequence[Sequence[float]]
    cost: VerdictCost = field(default_factory=VerdictCost)
    direct: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ConfigError(f"An observation model needs k, a whole number of checks from 1 on, not {self.k!r}.")
        object.__setattr__(self, "likelihood", _table("likelihood", self.likelihood))
        for s, row in enumerate(self.likelihood):
            tallied = (self.k + 1) * (self.k + 2) // 2
            if len(row) not in (self.k + 1, tallied):
                raise ConfigError(
                    f"likelihood[{s}] has {len(row)} entries; {self.k} checks have {self.k + 1} counts of correct "
                    f"verdicts, or {tallied} tallies with unreadable ones."
                )
            _distribution(f"likelihood[{s}]", row)
        if len({len(row) for row in self.likelihood}) > 1:
            raise ConfigError("All rows of a likelihood must have the same length.")

    @property
    def reads(self) -> bool:
        """True if unreadable verdicts are an outcome of their own."""
        return bool(self.likelihood) and len(self.likelihood[0]) > self.k + 1

    @property
    def finals(self) -> tuple[Count, ...]:
        """The final tallies, in the order of the likelihood's rows."""
        return final_counts(self.k)[: len(self.likelihood[0])]

    @property
    def seen(self) -> tuple[Count, ...]:
        """The tallies that can come up, fewer verdicts first."""
        return ((0, 0, 0), *self.finals) if self.direct else tallies(self.k, self.reads)

    def of(self, count: Count) -> tuple[float, ...]:
        """The probability, in each hidden state, that the first sum(count) checks are tallied as `count`."""
        thin = [(f, thinning(count, final)) for f, final in enumerate(self.finals)]
        thin = [(f, h) for f, h in thin if h > 0]
        return tuple(math.fsum(row[f] * h for f, h in thin) for row in self.likelihood)


@dataclass(frozen=True, slots=True)
class Problem:
    """A cascade's decision problem: the POMDP of the paper (section 3.3) with the number of checks as an action.

    `prior[s]` is the chance of hidden state s, `scores[s][m]` the expected score of model m in it, `costs[m]` the cost
    of its answer, `observations[m]` what checks of its draft say (None: it can't be checked; missing entries count as
    None). The reward is score - `cost_weight` * cost. `states` names the hidden states for explanations.

    Raises `ConfigError` if the tables don't fit together.
    """

    prior: Sequence[float]
    scores: Sequence[Sequence[float]]
    costs: Sequence[float]
    observations: Sequence[ObservationModel | None]
    cost_weight: float
    states: Sequence[str] = ()

    def __post_init__(self) -> None:
        _set(self, "prior", tuple(float(p) for p in self.prior))
        _set(self, "scores", _table("scores", self.scores))
        _set(self, "costs", tuple(float(c) for c in self.costs))
        _distribution("prior", self.prior)
        models = len(self.costs)
        if models < 2:
            raise ConfigError(f"A cascade needs two models or more; costs has {models}.")
        _numbers("costs", self.costs, 0, math.inf)
        _numbers("cost_weight", (self.cost_weight,), 0, math.inf)
        if len(self.scores) != len(self.prior) or any(len(row) != models for row in self.scores):
            raise ConfigError(
                f"scores must have a row for each of {len(self.prior)} hidden states, {models} numbers each."
            )
        for s, row in enumerate(self.scores):
            _numbers(f"scores[{s}]", row, 0, 1)
        if len(self.observations) > models:
            raise ConfigError(f"observations has {len(self.observations)} entries for {models} models.")
        _set(self, "observations", (*self.observations, *(None,) * (models - len(self.observations))))
        for m, model in enumerate(self.observations):
            if model is not None and len(model.likelihood) != len(self.prior):
                raise ConfigError(
                    f"observations[{m}] has {len(model.likelihood)} rows for {len(self.prior)} hidden states."
                )
        names = tuple(self.states) or tuple(f"state {s}" for s in range(len(self.prior)))
        if len(names) != len(self.prior):
            raise ConfigError(f"states names {len(names)} hidden states, prior has {len(self.prior)}.")
        _set(self, "states", names)

    @property
    def models(self) -> int:
        """The number of models in the cascade."""
        return len(self.costs)

    def price(self, model: int) -> float:
        """What an answer of `model` takes from the reward."""
        return self.cost_weight * self.costs[model]


def _set(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)


def _table(name: str, rows: Iterable[Iterable[float]]) -> tuple[tuple[float, ...], ...]:
    try:
        return tuple(tuple(float(value) for value in row) for row in rows)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be rows of numbers.") from None


def _numbers(name: str, values: Iterable[float], low: float, high: float) -> None:
    for value in values:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
            or value == math.inf
        ):
            span = f"from {low} to {high}" if math.isfinite(high) else f"{low} or more"
            raise ConfigError(f"{name} must be numbers {span}, not {value!r}.")


def _distribution(name: str, values: Sequence[float]) -> None:
    _numbers(name, values, 0, 1 + _TOLERANCE)
    if abs(math.fsum(values) - 1) > _TOLERANCE:
        raise ConfigError(f"{name} must sum to 1, not to {math.fsum(values):.6g}.")
