"""The interface between a policy and whoever carries out its decisions.

A policy sees a `State` (the history of one call and nothing else) and returns a `Decision`: one action, a reason in
words, and the values behind it. The state is what the POMDP literature calls a history; with the policy's own tables
it determines the belief (paper, section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable


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
class Accept:
    """Return the draft of `model`; any draft held may be accepted."""

    model: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Let `model` answer the caller; the answer is not looked at again, so it can stream."""

    model: int


Action: TypeAlias = Draft | Verify | Accept | Finish


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

    def to_dict(self) -> dict[str, int]:
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
    """

    drafted: tuple[bool, ...]
    tallies: tuple[Tally, ...]
    available: tuple[int, ...]
    coin: float = 0.0

    @classmethod
    def start(cls, models: int, available: int | tuple[int, ...], coin: float = 0.0) -> State:
        """The state before anything was done, with `available` verdicts a draft."""
        left = (available,) * models if isinstance(available, int) else available
        return cls((False,) * models, (Tally(),) * models, left, coin)

    @property
    def latest(self) -> int | None:
        """The largest model whose draft is held, or None."""
        return max((m for m, held in enumerate(self.drafted) if held), default=None)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do next, why (for people; nothing parses it), and the values behind it (expected values, belief)."""

    action: Action
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Policy(Protocol):
    """The meta-verifier: a pure, frozen, shareable rule.

    `decide` must return the same decision for the same state, never ask for more verdicts than are available, and
    never accept a draft that is not held. A policy that fits some numbers of models only may have a second method,
    `check_models(models)`, which raises `PolicyError`: a cascade asks it when it is put together.
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
