"""The effects that the routing procedure yields, and the results it is sent.

`Draft` (automix_core.decision) is an effect as it stands; its result is a `Reply`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ..checking.thoughts import final_text
from ..decision import Decision, Draft, Measure, State, Tally, Verify
from ..usage import Usage
from .price import Price


@dataclass(frozen=True, slots=True)
class Batch:
    """Verdicts on the draft of `model` that the policy asked for: `left` are not drawn yet.

    `price` is what one more round trip is worth, in verdicts; infinity: all of them are had for one.
    """

    model: int
    left: int
    price: float


@dataclass(frozen=True, slots=True)
class Decide:
    """Effect: ask the policy what to do in `state`; while a `batch` is drawn, whether its rest matters.

    `automix_core.policies.rounds.in_rounds(policy, batch)` decides both.
    """

    state: State
    batch: Batch | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Result of `Draft`: what a model answered, `native` being the framework's own object.

    `problem` says why the draft can't be kept, e.g. "cut off"; `passes` why it is kept without being judged, e.g.
    because it calls a tool and so answers nothing yet. `name` is the model's name as the provider gave it. `signals`
    are what is known about the draft for nothing; a missing one is missing. Here and below, `seconds` is how long it
    took, as the driver measured. `is_data`: the text is an object's, or a call's arguments.
    """

    text: str
    usage: Usage | None = None
    native: Any = None
    problem: str = ""
    name: str | None = None
    passes: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = field(default=None, compare=False)
    is_data: bool = False

    @property
    def judged(self) -> Reply:
        """The draft as it is judged: by its final text; data whole, as a thought mark in a field is served with it."""
        text = self.text if self.is_data else final_text(self.text)
        return self if text == self.text else replace(self, text=text)


@dataclass(frozen=True, slots=True)
class Check(Verify):
    """Effect: draw `n` verdicts on `reply`, the draft of `model`."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Checks:
    """Result of `Verify`: the verdicts of one batch.

    `model` is the model that gave them, None for a verifier outside the cascade, whose `price` may then be known.
    `estimated` marks usage that the provider reported incompletely. `errors` are those of the `tally.failed` checks.
    `cut` counts the checks that ran into the output limit without a verdict, `requests` those that were answered.
    """

    tally: Tally
    usage: Usage | None = None
    model: int | None = None
    price: Price | None = None
    estimated: bool = False
    truncated: bool = False
    errors: tuple[BaseException, ...] = ()
    cut: int = 0
    requests: int = 1
    seconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Gauge(Measure):
    """Effect: measure the signal `name` of `reply`, the draft of `model`."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of `Measure`: the signal's value, None where it could not be read.

    `by` is the model that gave it, None for one outside the cascade, whose `price` may then be known. `estimated` and
    `truncated` as of `Checks`.
    """

    value: float | None
    usage: Usage | None = None
    by: int | None = None
    price: Price | None = None
    estimated: bool = False
    truncated: bool = False
    seconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Ahead:
    """Effect: begin the answer that may be needed after the checks of `reply`, the latest draft, in `state`."""

    state: State
    reply: Reply


@dataclass(frozen=True, slots=True)
class Begun:
    """Result of `Ahead`: the model whose answer is under way, None where none was begun."""

    model: int | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """What became of an answer that was begun ahead and not needed.

    `usage` is what its provider reported if it had come to its end, `estimated` if it had not.
    """

    usage: Usage | None
    estimated: bool = False
    seconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """Result of any effect that raised. `left`: it was still going on, and nobody knows what it will have used."""

    error: BaseException
    left: bool = False
    seconds: float | None = field(default=None, compare=False)


Effect: TypeAlias = Decide | Draft | Check
"""What every driver performs; `Gauge` comes up only where a driver offers something to measure, `Ahead` only where it
can begin an answer ahead."""
Result: TypeAlias = Decision | Reply | Checks | Measured | Begun | Failure
