"""The routing procedure driven by hand: what is given to it, and the paths that it must take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automix_core.decision import Accept, Decision, Draft, Finish, Policy, State, Tally, Verify
from automix_core.policies.always import Always
from automix_core.policies.threshold import Band, Threshold
from automix_core.routing.effects import Checks, Decide, Effect, Failure, Reply, Result
from automix_core.routing.ending import Ending
from automix_core.routing.procedure import route

LATE, BAD = TimeoutError("sk-secret is late"), ValueError("sk-secret is bad")
LOST = Checks(Tally(failed=4), errors=(LATE,) * 4)


@dataclass
class Script:
    """Decides what stands in it, in turn, and keeps the states that it saw."""

    actions: list[Any]
    seen: list[State] = field(default_factory=list)

    def decide(self, state: State) -> Decision:
        self.seen.append(state)
        return Decision(self.actions[len(self.seen) - 1], f"line {len(self.seen)}")


def script(*actions: Any) -> Script:
    return Script(list(actions))


def play(
    policy: Policy, *given: Result, models: int = 2, k: int = 4, raising: bool = False
) -> tuple[Ending, list[Effect]]:
    """Drive the procedure by hand: drafts and checks get what is `given`, in turn, and all of it must be used."""
    left, effects = list(given), list[Effect]()
    flow = route(State.start(models, k), raising=raising)
    sent: Result | None = None
    while True:
        try:
            effect = flow.send(sent)
        except StopIteration as stop:
            assert left == [], "the procedure ended before everything given was used"
            return stop.value, effects
        if isinstance(effect, Decide):
            sent = policy.decide(effect.state)
        else:
            effects.append(effect)
            sent = left.pop(0)


def told(ending: Ending) -> str:
    """The steps and the end in short."""
    steps = [f"{step.do} {step.model}" + (f" x{step.n}" if step.n else "") for step in ending.steps]
    return ", ".join([*steps, *([f"finish {ending.action.model}"] if isinstance(ending.action, Finish) else [])])


A, B, C = Reply("a"), Reply("b"), Reply("c")
YES, NO, MUTE = Checks(Tally(3, 1)), Checks(Tally(1, 3)), Checks(Tally(unreadable=4))
CUT, EMPTY, FILTERED = (Reply("a", problem=p) for p in ("cut off", "empty", "filtered"))

PATHS: list[tuple[str, Policy, tuple[Result, ...], int]] = [
    ("draft 0, verify 0 x4, accept 0", Threshold(0.75), (A, YES), 2),
    ("draft 0, verify 0 x4, finish 1", Threshold(0.75), (A, NO), 2),
    ("draft 0, verify 0 x4, finish 1", Threshold(0), (A, MUTE), 2),
    ("draft 0, verify 0 x4, accept 0", Band(0.5, 0.9), (A, NO), 2),
    ("draft 0, verify 0 x4, draft 1, verify 1 x4, accept 1", Threshold(0.75), (A, NO, B, YES), 3),
    ("draft 0, verify 0 x4, draft 1, verify 1 x4, finish 2", Threshold(0.75), (A, NO, B, NO), 3),
    ("finish 0", Always(0), (), 2),
    ("finish 1", Always(-1), (), 2),
    ("finish 1", Always(1), (), 3),
    ("draft 0, accept 0", script(Draft(0), Accept(0)), (A,), 2),
    ("draft 0, finish 1", script(Draft(0), Finish(1)), (A,), 2),
    ("draft 0, finish 2", script(Draft(0), Finish(2)), (A,), 3),
    ("draft 0, finish 0", script(Draft(0), Finish(0)), (A,), 2),
    ("draft 1, verify 1 x2, accept 1", script(Draft(1), Verify(1, 2), Accept(1)), (B, Checks(Tally(2))), 3),
    ("draft 2, accept 2", script(Draft(2), Accept(2)), (C,), 3),
    (
        "draft 0, verify 0 x1, verify 0 x3, accept 0",
        script(Draft(0), Verify(0, 1), Verify(0, 3), Accept(0)),
        (A, Checks(Tally(0, 1)), Checks(Tally(3))),
        2,
    ),
    (
        "draft 0, draft 1, verify 0 x4, verify 1 x4, accept 0",
        script(Draft(0), Draft(1), Verify(0, 4), Verify(1, 4), Accept(0)),
        (A, B, YES, NO),
        3,
    ),
    # A draft that can't be kept is rejected, and the policy is not asked.
    ("draft 0, finish 1", script(Draft(0)), (EMPTY,), 2),
    ("draft 0, finish 1", script(Draft(0)), (CUT,), 2),
    ("draft 0, finish 1", script(Draft(0)), (FILTERED,), 2),
    ("draft 0, draft 1, accept 1", script(Draft(0), Accept(1)), (CUT, B), 3),
    ("draft 0, draft 1, finish 2", script(Draft(0)), (CUT, EMPTY), 3),
    ("draft 1, accept 1", script(Draft(1)), (CUT,), 2),
    ("draft 0, draft 1, accept 1", script(Draft(0), Draft(1)), (A, CUT), 2),
    ("draft 1, draft 0, accept 1", script(Draft(1), Draft(0)), (B, CUT), 2),
    # So is one that failed, or whose checks all failed.
    ("draft 0, finish 1", script(Draft(0)), (Failure(LATE),), 2),
    ("draft 0, draft 1, finish 2", script(Draft(0)), (Failure(LATE), Failure(BAD)), 3),
    ("draft 0, verify 0 x4, finish 1", Threshold(0), (A, Failure(LATE)), 2),
    ("draft 0, verify 0 x4, finish 1", Threshold(0), (A, LOST), 2),
    ("draft 0, verify 0 x4, draft 1, verify 1 x4, accept 1", Threshold(0.75), (A, LOST, B, YES), 3),
    ("draft 0, verify 0 x2, finish 1", script(Draft(0), Verify(0, 2)), (A, Failure(LATE)), 2),
    ("draft 1, verify 1 x4, accept 1", script(Draft(1), Verify(1, 4)), (B, LOST), 2),
    # A policy can't keep a draft of which nothing could be read, but for the last model's.
    ("draft 0, verify 0 x4, finish 1", script(Draft(0), Verify(0, 4), Accept(0)), (A, MUTE), 2),
    ("draft 0, verify 0 x4, draft 1, accept 1", script(Draft(0), Verify(0, 4), Accept(0), Accept(1)), (A, MUTE, B), 3),
    ("draft 1, verify 1 x4, accept 1", script(Draft(1), Verify(1, 4), Accept(1)), (B, MUTE), 2),
    # A check that broke is no verdict; the others count.
    ("draft 0, verify 0 x4, accept 0", Threshold(0.75), (A, Checks(Tally(1, failed=3), errors=(LATE,) * 3)), 2),
    (
        "draft 0, verify 0 x2, verify 0 x2, accept 0",
        script(Draft(0), Verify(0, 2), Verify(0, 2), Accept(0)),
        (A, Checks(Tally(2)), Failure(LATE)),
        2,
    ),
]
