"""The routing procedure by hand, against a clock that goes on by what each step takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automix_core.decision import State
from automix_core.routing.effects import Decide, Result
from automix_core.routing.ending import Ending
from automix_core.routing.limits import Allowance, Limits
from automix_core.routing.procedure import route


@dataclass
class Clock:
    """A clock that goes on by what each step takes."""

    now: float = 0.0
    steps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now


def play(policy: Any, given: list[tuple[Result, float]], limits: Limits, models: int = 2, **known: Any) -> Ending:
    """The procedure by hand; each result takes its seconds."""
    clock = Clock()
    allowance = Allowance.of(limits, clock=clock, **known)
    flow, left, sent = route(State.start(models, 4), allowance=allowance), list(given), None
    while True:
        try:
            effect = flow.send(sent)
        except StopIteration as stop:
            assert left == []
            ending: Ending = stop.value
            return ending
        if isinstance(effect, Decide):
            sent = policy.decide(effect.state)
        else:
            sent, seconds = left.pop(0)
            clock.now += seconds
