"""The effects that the routing procedure yields, and the results it is sent.

`Draft` (automix_core.decision) is an effect as it stands; its result is a `Reply`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from ..decision import Decision, Draft, State, Tally, Verify
from ..usage import Usage
from .price import Price


@dataclass(frozen=True, slots=True)
class Decide:
    """Effect: ask the policy what to do in `state`."""

    state: State


@dataclass(frozen=True, slots=True)
class Reply:
    """Result of `Draft`: what a model answered, `native` being the host's own object.

    `problem` says why the draft can't be kept, e.g. "cut off"; `passes` why it is kept without being judged, e.g.
    because it calls a tool and so answers nothing yet. `name` is the model's name as the provider gave it.
    """

    text: str
    usage: Usage | None = None
    native: Any = None
    problem: str = ""
    name: str | None = None
    passes: str = ""


@dataclass(frozen=True, slots=True)
class Check(Verify):
    """Effect: draw `n` verdicts on `reply`, the draft of `model`."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Checks:
    """Result of `Verify`: the verdicts of one batch.

    `model` is the model that gave them, None for a verifier outside the cascade, whose `price` may then be known.
    `estimated` marks usage that the provider reported incompletely. `errors` are those of the `tally.failed` checks.
    """

    tally: Tally
    usage: Usage | None = None
    model: int | None = None
    price: Price | None = None
    estimated: bool = False
    truncated: bool = False
    errors: tuple[BaseException, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Result of any effect that raised."""

    error: Exception


Effect: TypeAlias = Decide | Draft | Check
Result: TypeAlias = Decision | Reply | Checks | Failure
