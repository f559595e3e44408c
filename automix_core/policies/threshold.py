"""Rules on the confidence of the latest draft, climbing the cascade one model at a time (paper, section 3.2)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from ..decision import Accept, Decision, Draft, Finish, State, Verify
from ..errors import ConfigError


def climb(state: State, model: int, reason: str) -> Decision:
    """Go from `model` to the next one: a draft, or the finishing answer when it is the last."""
    following = model + 1
    last = len(state.drafted) - 1
    return Decision(Finish(last) if following >= last else Draft(following), reason)


def said(state: State, model: int) -> str:
    """The verdicts on the draft of `model`, in words."""
    tally = state.tallies[model]
    if tally.probability is not None:
        return f"confidence {tally.probability:.2f}"
    readable = tally.correct + tally.incorrect
    if not readable:
        return "no verdict could be read" if tally.drawn or tally.failed else "no verdict was drawn"
    return f"{tally.correct} of {readable} readable verdicts say correct"


def unit_interval(name: str, value: float) -> None:
    """Raise `ConfigError` unless `value` is a number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name} must be a number from 0 to 1, not {value!r}.")


@dataclass(frozen=True, slots=True, repr=False)
class Threshold:
    """Keep a draft whose confidence is at least `threshold`; an undefined confidence escalates.

    All available verdicts are drawn in one batch. With more than two models the same threshold holds for each; the
    last model's answer is never checked.

    Raises `ConfigError` if `threshold` is not in [0, 1].

    >>> Threshold(0.75).decide(State.start(models=2, available=8)).action
    Draft(model=0)
    """

    threshold: float = 0.75
    query_signal_names: ClassVar[tuple[str, ...]] = ()
    """It does not look at the query."""
    by_latest: ClassVar[bool] = True
    """It looks at the latest draft alone, and a check that failed is to it as one that can't be read."""

    def __post_init__(self) -> None:
        unit_interval("Threshold(threshold)", self.threshold)

    def __repr__(self) -> str:
        return f"Threshold({self.threshold:g})"

    def sees(self, state: State) -> Hashable:
        """All of `state` that it looks at."""
        return state.drafted, state.tallies, state.available

    def decide(self, state: State) -> Decision:
        """Draft, draw every verdict there is, then compare."""
        model = state.latest
        if model is None:
            return Decision(Draft(0), "The smallest model answers first.")
        if state.tallies[model].probability is None and state.available[model] > 0:
            return Decision(Verify(model, state.available[model]), "The draft is checked before it is kept.")
        confidence = state.tallies[model].confidence
        words = said(state, model)
        values = {"confidence": confidence, "threshold": self.threshold}
        if confidence is not None and confidence >= self.threshold:
            return Decision(Accept(model), f"Kept: {words}, at least {self.threshold:g}.", values)
        why = f"Escalated: {words}" + ("." if confidence is None else f", below {self.threshold:g}.")
        return Decision(climb(state, model, why).action, why, values)


@dataclass(frozen=True, slots=True, repr=False)
class Band:
    """Escalate only while `low` <= confidence < `high`.

    Above the band the draft is probably right; below it the question is probably beyond the larger model too, so
    paying for that model would buy nothing (the paper's unsolvable queries). An undefined confidence escalates.
    `Band(0, t)` decides as `Threshold(t)`.

    Raises `ConfigError` unless 0 <= low <= high <= 1.
    """

    low: float
    high: float
    query_signal_names: ClassVar[tuple[str, ...]] = ()
    """It does not look at the query."""
    by_latest: ClassVar[bool] = True
    """As `Threshold` does."""

    def __post_init__(self) -> None:
        unit_interval("Band(low)", self.low)
        unit_interval("Band(high)", self.high)
        if self.low > self.high:
            raise ConfigError(f"Band(low, high) needs low <= high, not {self.low!r} and {self.high!r}.")

    def __repr__(self) -> str:
        return f"Band({self.low:g}, {self.high:g})"

    def sees(self, state: State) -> Hashable:
        """All of `state` that it looks at."""
        return state.drafted, state.tallies, state.available

    def decide(self, state: State) -> Decision:
        """As `Threshold(high)`, but a confidence below `low` keeps the draft."""
        decision = Threshold(self.high).decide(state)
        model = state.latest
        if model is None or isinstance(decision.action, Verify):
            return decision
        confidence = state.tallies[model].confidence
        values = {"confidence": confidence, "low": self.low, "high": self.high}
        if confidence is not None and confidence < self.low:
            why = f"Kept: {said(state, model)}, below {self.low:g}, so a larger model is unlikely to do better."
            return Decision(Accept(model), why, values)
        return Decision(decision.action, decision.reason, values)
