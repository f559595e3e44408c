"""The interface between a policy and whoever carries out its decisions.

A policy sees a `State` (the history of one call and nothing else) and returns a `Decision`: one action, a reason in
words, and the values behind it. The state is what the POMDP literature calls a history; with the policy's own tables
it determines the belief (paper, section 3.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypedDict, cast, runtime_checkable


@dataclass(frozen=True, slots=True)
class Draft:
    """Let `model` answer; the answer may still be rejected."""

    model: int


@dataclass(frozen=True, slots=True)
class Verify:
    """Draw `n` more verdicts on the draft of `model`."""

    model: int
    n: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Get the signal `name` of the draft of `model`, which is paid for."""

    model: int
    name: str


@dataclass(frozen=True, slots=True)
class Accept:
    """Return the draft of `model`; any draft held may be accepted."""

    model: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Let `model` answer the caller; the answer is not looked at again, so it can stream."""

    model: int


Action: TypeAlias = Draft | Verify | Measure | Accept | Finish

Signals: TypeAlias = tuple[tuple[str, float], ...]
"""Signals by name, sorted; hashable."""


class Counts(TypedDict):
    """What the checks of one draft said."""

    correct: int
    incorrect: int
    unreadable: int
    failed: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What the checks of one draft said so far.

    `failed` counts checks that broke; a check that broke is no verdict. `probability` is a direct confidence (from
    log-probabilities or a classifier) and stands in place of counted verdicts.
    """

    correct: int = 0
    incorrect: int = 0
    unreadable: int = 0
    failed: int = 0
    probability: float | None = None

    @property
    def drawn(self) -> int:
        """Verdicts drawn, readable or not."""
        return self.correct + self.incorrect + self.unreadable

    @property
    def confidence(self) -> float | None:
        """correct / (correct + incorrect), or the direct confidence; None when nothing could be read."""
        if self.probability is not None:
            return self.probability
        readable = self.correct + self.incorrect
        return self.correct / readable if readable else None

    @property
    def mute(self) -> bool:
        """True if the draft was checked and nothing could be read from any check."""
        return self.confidence is None and self.drawn + self.failed > 0

    def __add__(self, other: Tally) -> Tally:
        """Both batches of checks together; the later direct confidence stands."""
        return Tally(
            self.correct + other.correct,
            self.incorrect + other.incorrect,
            self.unreadable + other.unreadable,
            self.failed + other.failed,
            self.probability if other.probability is None else other.probability,
        )

    def to_dict(self) -> Counts:
        """The four counts, as a route records them."""
        return {
            "correct": self.correct,
            "incorrect": self.incorrect,
            "unreadable": self.unreadable,
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class State:
    """The history of one call, one entry a model, cheapest first.

    `drafted` says which drafts are held, `tallies` what their checks said, `available` how many verdicts can still be
    drawn on each model's draft. `coin` in [0, 1) is drawn once a call; mixed policies use it.

    `signals` are what is known about each draft beside its verdicts (empty until it is held), `query_signals` what is
    known before any draft, `purchasable` the names that `Measure` can still get for each draft. Of the first and the
    last an empty tuple stands for "nothing for any model".
    """

    drafted: tuple[bool, ...]
    tallies: tuple[Tally, ...]
    available: tuple[int, ...]
    coin: float = 0.0
    signals: tuple[Signals, ...] = ()
    query_signals: Signals = ()
    purchasable: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def start(
        cls,
        models: int,
        available: int | tuple[int, ...],
        coin: float = 0.0,
        *,
        query_signals: Mapping[str, float] | None = None,
        purchasable: Iterable[str] | tuple[tuple[str, ...], ...] = (),
    ) -> State:
        """The state before anything was done, with `available` verdicts a draft.

        `purchasable` are the names that can be measured, the same for every draft or a tuple of them for each.
        """
        left = (available,) * models if isinstance(available, int) else available
        names = tuple(purchasable)
        each = names if all(isinstance(name, tuple) for name in names) else (tuple(sorted(map(str, names))),) * models
        return cls(
            (False,) * models,
            (Tally(),) * models,
            left,
            coin,
            query_signals=sorted_signals(query_signals or {}),
            purchasable=cast("tuple[tuple[str, ...], ...]", each),
        )

    def signals_of(self, model: int) -> dict[str, float]:
        """The signals known about the draft of `model`."""
        return dict(self.signals[model]) if self.signals else {}

    def purchasable_of(self, model: int) -> tuple[str, ...]:
        """The names that can still be measured of the draft of `model`."""
        return self.purchasable[model] if self.purchasable else ()

    @property
    def latest(self) -> int | None:
        """The largest model whose draft is held, or None."""
        for model in range(len(self.drafted) - 1, -1, -1):
            if self.drafted[model]:
                return model
        return None


def sorted_signals(signals: Mapping[str, float]) -> Signals:
    """Signals as a state holds them; what is not a finite number is missing."""
    return tuple(sorted((str(name), float(value)) for name, value in signals.items() if math.isfinite(value)))


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do next, why (for people; nothing parses it), and the values behind it (expected values, belief)."""

    action: Action
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Policy(Protocol):
    """The meta-verifier: a pure, frozen, shareable rule.

    `decide` must return the same decision for the same state, never ask for more verdicts than are available or a
    signal that is not purchasable, and never accept a draft that is not held. A policy that fits some numbers of models
    only may have a second method, `check_models(models)`, which raises `PolicyError`: a cascade asks it when it is put
    together.
    """

    def decide(self, state: State) -> Decision:
        """The next action in `state`."""
        ...


def check_models(policy: Policy, models: int) -> None:
    """Raise `PolicyError` if `policy` tells that it can't decide for a cascade of `models`.

    One that has only `decide` is taken to fit any number.
    """
    check = getattr(policy, "check_models", None)
    if callable(check):
        check(models)
