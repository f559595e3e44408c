"""A policy that knows what a second is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..decision import Decision, Policy, State, check_models
from ..errors import ConfigError


@dataclass(frozen=True, slots=True, repr=False)
class Timed:
    """Decides as `policy`, in whose making a second was worth `second_worth`, in the unit of the costs (USD).

    With `hedge=True` it says when an answer is to begin while a draft is still checked: `escalated` is the share of
    each model's checked drafts that were not kept in the end, `sooner` by how many seconds the last model's answer
    would then come sooner, both as in the outcomes that it was fitted on; None where they don't tell. `rounds` is what
    one more round trip of checks is worth for each model's drafts, in verdicts: its seconds at their worth, over the
    price of a verdict; verdicts that are requests of their own are drawn in larger rounds the more it is.

    Raises `ConfigError` for numbers that can't be meant.
    """

    policy: Policy
    second_worth: float
    escalated: tuple[float | None, ...] = ()
    sooner: tuple[float | None, ...] = ()
    rounds: tuple[float | None, ...] = field(default=(), metadata={"optional": True})

    def __post_init__(self) -> None:
        wrong = not math.isfinite(self.second_worth) or self.second_worth < 0 or len(self.escalated) != len(self.sooner)
        shares = (share for share in self.escalated if share is not None)
        seconds = (number for number in (*self.sooner, *self.rounds) if number is not None)
        if wrong or any(not 0 <= share <= 1 for share in shares) or any(not number >= 0 for number in seconds):
            raise ConfigError(
                "Timed needs a worth, seconds and rounds of 0 or more, and for each model a share from 0 to 1."
            )

    def __repr__(self) -> str:
        return repr(self.policy)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).__slots__:
            raise AttributeError(name)
        return getattr(self.policy, name)

    def decide(self, state: State) -> Decision:
        """The policy's decision."""
        return self.policy.decide(state)

    def pays_ahead(self, model: int, price: float) -> bool:
        """Whether an answer of `price` in USD is worth beginning while the draft of `model` is checked.

        It is where the time saved, if the draft is not kept, is worth more than the answer wasted if it is.
        """
        if model >= len(self.escalated):
            return False
        share, seconds = self.escalated[model], self.sooner[model]
        if share is None or seconds is None:
            return False
        return share * seconds * self.second_worth > (1 - share) * price

    def worth_of_round(self, model: int) -> float | None:
        """What one more round trip is worth in checks of the draft of `model`, in verdicts; None if nobody knows."""
        return self.rounds[model] if model < len(self.rounds) else None

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` if the policy can't decide for a cascade of `models`."""
        check_models(self.policy, models)


def untimed(policy: Policy) -> Policy:
    """The policy itself, whatever a second is worth."""
    return untimed(policy.policy) if isinstance(policy, Timed) else policy


def second_worth_of(policy: Policy) -> float:
    """What a second was worth in the making of `policy`; 0 where time was no matter."""
    return policy.second_worth if isinstance(policy, Timed) else 0.0
