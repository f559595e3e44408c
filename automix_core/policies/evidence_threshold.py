"""A rule on the evidence of the latest draft, for people without labels."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ..decision import Accept, Decision, Draft, State, Verify
from ..errors import ConfigError
from ..evidence.estimator import Evidence, log_odds, sigmoid
from ..evidence.unfitted import UNFITTED
from .problem import FREE
from .threshold import climb, said, unit_interval

VERDICT = 0.35
"""Log-odds by which a verdict that a draft is correct raises the evidence, and one that it isn't lowers it: checks of
small models tell little (eight of one 0.5B model have an AUROC of 0.63)."""


@dataclass(frozen=True, slots=True, repr=False)
class EvidenceThreshold:
    """Keep a draft with evidence of `keep` or more, escalate one below `escalate`, and check the others.

    `evidence` makes the number from the draft's signals; by default it has fixed weights and needs no labels. Where no
    signal is known the verdicts decide alone, from evidence of 1/2. With `escalate` left out nothing is ever checked.

    Raises `ConfigError` unless 0 <= escalate <= keep <= 1.

    >>> from automix_core.decision import Tally
    >>> state = State((True, False), (Tally(), Tally()), (8, 8), signals=((("support", 1.0),), ()))
    >>> EvidenceThreshold(0.6).decide(state).action
    Accept(model=0)
    """

    keep: float = 0.6
    escalate: float | None = None
    evidence: Evidence = field(default=UNFITTED)
    query_signal_names: ClassVar[tuple[str, ...]] = ()
    """It does not look at the query."""
    by_latest: ClassVar[bool] = True
    """As `Threshold` does."""

    def __post_init__(self) -> None:
        unit_interval("EvidenceThreshold(keep)", self.keep)
        unit_interval("EvidenceThreshold(escalate)", self.low)
        if self.low > self.keep:
            raise ConfigError(f"EvidenceThreshold needs escalate <= keep, not {self.escalate!r} and {self.keep!r}.")

    def __repr__(self) -> str:
        between = "" if self.escalate is None else f", escalate={self.escalate:.3g}"
        return f"EvidenceThreshold({self.keep:.3g}{between})"

    @property
    def low(self) -> float:
        """The evidence below which a draft is not checked but rejected."""
        return self.keep if self.escalate is None else self.escalate

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The free signals that it uses, sorted."""
        return self.evidence.names

    def missing(self, model: int, signals: Mapping[str, float]) -> tuple[str, ...]:
        """The signals that its fullest estimator would need and that a draft lacks."""
        return () if FREE in signals else self.evidence.missing(signals)

    def decide(self, state: State) -> Decision:
        """Draft, look at the evidence, and check the draft only where that leaves it open."""
        model = state.latest
        if model is None:
            return Decision(Draft(0), "The smallest model answers first.")
        evidence, words = self._weigh(state, model)
        values = {"evidence": evidence, "keep": self.keep, "escalate": self.low}
        tally = state.tallies[model]
        unsure = evidence is None or self.low <= evidence < self.keep
        if unsure and tally.probability is None and state.available[model]:
            why = f"Checked: {words} leave the draft open."
            return Decision(Verify(model, state.available[model]), why, values)
        if evidence is not None and evidence >= (self.keep if not tally.drawn else (self.low + self.keep) / 2):
            return Decision(Accept(model), f"Kept: {words}.", values)
        return Decision(climb(state, model, "").action, f"Escalated: {words}.", values)

    def sees(self, state: State) -> Hashable | None:
        """All of `state` that it looks at while it checks a draft: of the signals, how many verdicts decide."""
        model = state.latest
        if model is None:
            return None
        free, tally = self._free(state.signals_of(model)), state.tallies[model]
        if free is None or not self.low <= free < self.keep:
            return None if free is not None else (state.drafted, state.tallies, state.available, None)
        most, between = tally.drawn + state.available[model], (self.low + self.keep) / 2
        odds = log_odds(free)
        enough = next((d for d in range(-most, most + 1) if sigmoid(odds + VERDICT * d) >= between), None)
        return state.drafted, state.tallies, state.available, enough, most

    def _free(self, signals: Mapping[str, float]) -> float | None:
        """The evidence of a draft before any verdict."""
        known = signals.get(FREE)
        return self.evidence.of(signals) if known is None else min(max(known, 0.0), 1.0)

    def _weigh(self, state: State, model: int) -> tuple[float | None, str]:
        """The evidence, with what verdicts add, and words for it."""
        free, tally = self._free(state.signals_of(model)), state.tallies[model]
        words = [] if free is None else [f"evidence {free:.2f}"]
        if tally.probability is None and not tally.drawn:
            return free, words[0] if words else "no signal is known"
        said_so = log_odds(tally.probability) if tally.probability is not None else VERDICT * (
            tally.correct - tally.incorrect
        )  # fmt: skip
        if tally.confidence is None:
            return None, f"{' and '.join([*words, said(state, model)])}"
        return sigmoid(log_odds(0.5 if free is None else free) + said_so), " and ".join([*words, said(state, model)])
