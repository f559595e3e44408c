"""The decision problem that a POMDP policy solves: hidden states, what answers are worth, what checks say and cost.

As in POMDPs.jl a problem is apart from its solver (`solver.py`) and from the policy that solving returns (`pomdp.py`).

Sampled checks of one draft are exchangeable given the query: after m of them the tally is sufficient and the order
says nothing. So a table over the tallies of all k checks is enough, and shorter prefixes are thinnings of it: drawing m
of k checks without replacement is multivariate hypergeometric.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from ..errors import ConfigError
from ..evidence.estimator import Evidence
from ..outcomes.verdict_cost import VerdictCost

Count: TypeAlias = tuple[int, int, int]
"""Correct, incorrect and unreadable verdicts."""

Seen: TypeAlias = tuple[int, ...]
"""What is known of a draft: its `Count`, then the bin of each of its signal models, `UNSEEN` where it is not known."""

UNSEEN = -1
FREE = "evidence"
"""The name of the evidence that costs nothing."""

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
    is over its steps, there is one check to draw, and it costs as a batch of one. Step c of 0..k holds the confidences
    from `edges[c - 1]` to below `edges[c]`; without `edges` the nearest multiple of 1 / k is taken.
    """

    k: int
    likelihood: Sequence[Sequence[float]]
    cost: VerdictCost = field(default_factory=VerdictCost)
    direct: bool = False
    edges: Sequence[float] = ()

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
        object.__setattr__(self, "edges", _rising("edges", self.edges) if self.edges else ())
        if self.edges and (len(self.edges) != self.k or not self.direct):
            raise ConfigError(f"edges are for a direct confidence, one for each of its {self.k} upper steps.")

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

    def step(self, confidence: float) -> int:
        """The step of a direct confidence."""
        return bisect_right(self.edges, confidence) if self.edges else int(confidence * self.k + 0.5)

    def confidence(self, step: int) -> float:
        """A confidence that lies in `step`."""
        return between(self.edges, step, 0.0, 1.0) if self.edges else step / self.k

    def of(self, count: Count) -> tuple[float, ...]:
        """The probability, in each hidden state, that the first sum(count) checks are tallied as `count`."""
        thin = [(f, thinning(count, final)) for f, final in enumerate(self.finals)]
        thin = [(f, h) for f, h in thin if h > 0]
        return tuple(math.fsum(row[f] * h for f, h in thin) for row in self.likelihood)

    def table(self) -> dict[Count, tuple[float, ...]]:
        """`of` for every tally in `seen`, each from those that one check more leads to.

        Of d + 1 checks one is the last, each as likely: P(t) = sum_i (t_i + 1) / (d + 1) P(t + e_i).
        """
        if self.direct:
            return {count: self.of(count) for count in self.seen}
        found: dict[Count, tuple[float, ...]] = dict(zip(self.finals, zip(*self.likelihood, strict=True), strict=True))
        for c, w, u in reversed(tallies(self.k, self.reads)):
            if (drawn := c + w + u) < self.k:
                after = [(c + 1, found[c + 1, w, u]), (w + 1, found[c, w + 1, u])]
                after += [(u + 1, found[c, w, u + 1])] if self.reads else []
                found[c, w, u] = tuple(
                    math.fsum(n * row[s] for n, row in after) / (drawn + 1) for s in range(len(self.likelihood))
                )
        return found


@dataclass(frozen=True, slots=True)
class SignalModel:
    """What one number known about a draft says in each hidden state, and what getting it costs.

    The number is cut into bins at `edges` (a value on an edge is in the upper bin); `likelihood[s]` is the distribution
    over the bins in hidden state s. The model called "evidence" is free: it is seen as soon as the draft is held, and
    `evidence` makes the number from the draft's signals. Any other `name` is the signal that `Measure` gets for `cost`,
    the number as it is.

    Given the hidden state, signals and verdicts are taken to be independent of each other; fitting weakens a paid
    signal's likelihood by what the free ones already say.
    """

    edges: Sequence[float]
    likelihood: Sequence[Sequence[float]]
    name: str = FREE
    cost: float = 0.0
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        _set(self, "edges", _rising(f"edges of {self.name!r}", self.edges))
        _set(self, "likelihood", _table("likelihood", self.likelihood))
        _numbers(f"the cost of {self.name!r}", (self.cost,), 0, math.inf)
        for s, row in enumerate(self.likelihood):
            if len(row) != len(self.edges) + 1:
                raise ConfigError(
                    f"likelihood[{s}] of {self.name!r} has {len(row)} entries for {len(self.edges) + 1} bins."
                )
            _distribution(f"likelihood[{s}] of {self.name!r}", row)

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return len(self.edges) + 1

    def place(self, signals: Mapping[str, float]) -> int:
        """The bin of a draft's number, `UNSEEN` where it is not known."""
        value = signals.get(self.name)
        if value is None and self.evidence is not None:
            value = self.evidence.of(signals)
        return UNSEEN if value is None else bisect_right(self.edges, value)

    def value(self, place: int) -> float:
        """A number that lies in the bin."""
        return between(self.edges, place, *((0.0, 1.0) if self.name == FREE else (-math.inf, math.inf)))

    def of(self, place: int) -> tuple[float, ...]:
        """The probability, in each hidden state, that the number is in the bin; 1 where it is not known."""
        return tuple(1.0 if place == UNSEEN else row[place] for row in self.likelihood)


def between(edges: Sequence[float], place: int, low: float, high: float) -> float:
    """The middle of a bin; at an end without bound, a little beyond its edge."""
    if not edges:
        return (low + high) / 2 if math.isfinite(low + high) else 0.0
    left, right = edges[place - 1] if place else low, edges[place] if place < len(edges) else high
    if not math.isfinite(left):
        return right - 1
    return (left + right) / 2 if math.isfinite(right) else left + 1


@dataclass(frozen=True, slots=True)
class Problem:
    """A cascade's decision problem: the POMDP of the paper (section 3.3) with the number of checks as an action.

    `prior[s]` is the chance of hidden state s, `scores[s][m]` the expected score of model m in it, `costs[m]` the cost
    of its answer, `observations[m]` what checks of its draft say (None: it can't be checked; missing entries count as
    None). The reward is score - `cost_weight` * cost. `states` names the hidden states for explanations. `signals[m]`
    are the signal models of model m's draft, the free one first (missing entries count as none).

    Raises `ConfigError` if the tables don't fit together.
    """

    prior: Sequence[float]
    scores: Sequence[Sequence[float]]
    costs: Sequence[float]
    observations: Sequence[ObservationModel | None]
    cost_weight: float
    states: Sequence[str] = ()
    signals: Sequence[Sequence[SignalModel]] = ()

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
        if len(self.signals) > models:
            raise ConfigError(f"signals has {len(self.signals)} entries for {models} models.")
        known = [tuple(sorted(some, key=lambda model: model.name != FREE)) for some in self.signals]
        _set(self, "signals", (*known, *((),) * (models - len(known))))
        for m, some in enumerate(self.signals):
            if len({model.name for model in some}) < len(some):
                raise ConfigError(f"signals[{m}] has two models of one name.")
            if any(len(model.likelihood) != len(self.prior) for model in some):
                raise ConfigError(f"signals[{m}] needs a row for each of {len(self.prior)} hidden states.")
        names = tuple(self.states) or tuple(f"state {s}" for s in range(len(self.prior)))
        if len(names) != len(self.prior):
            raise ConfigError(f"states names {len(names)} hidden states, prior has {len(self.prior)}.")
        _set(self, "states", names)

    @property
    def models(self) -> int:
        """The number of models in the cascade."""
        return len(self.costs)

    def judged(self, model: int) -> bool:
        """Whether anything can be learned about the model's draft before it is accepted."""
        return self.observations[model] is not None or bool(self.signals[model])

    def checks(self, model: int) -> int:
        """The most checks of the model's draft."""
        observed = self.observations[model]
        return 0 if observed is None else observed.k

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


def _rising(name: str, values: Iterable[float]) -> tuple[float, ...]:
    try:
        edges = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be numbers.") from None
    if not all(map(math.isfinite, edges)) or any(a >= b for a, b in pairwise(edges)):
        raise ConfigError(f"{name} must be finite numbers, each above the one before.")
    return edges


def _distribution(name: str, values: Sequence[float]) -> None:
    _numbers(name, values, 0, 1 + _TOLERANCE)
    if abs(math.fsum(values) - 1) > _TOLERANCE:
        raise ConfigError(f"{name} must sum to 1, not to {math.fsum(values):.6g}.")
