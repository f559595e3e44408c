"""The routing procedure, driven by hand: every action, every hand-over, and what no policy can break."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.decision import Accept, Decision, Draft, Finish, Policy, State, Tally, Verify
from automix_core.effects import Check, Checks, Decide, Effect, Failure, Reply, Result
from automix_core.errors import PolicyError
from automix_core.policies.always import Always
from automix_core.policies.threshold import Band, Threshold
from automix_core.routing import Ending, arun, bypass, route, run
from tests.strategies import Anything, results

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


@pytest.mark.parametrize(("path", "policy", "given", "models"), PATHS)
def test_paths(path: str, policy: Policy, given: tuple[Result, ...], models: int) -> None:
    if isinstance(policy, Script):
        policy.seen.clear()
    ending, effects = play(policy, *given, models=models)
    assert told(ending) == path
    assert [type(effect) for effect in effects] == [Draft if "draft" in s else Check for s in path.split(", ")[:-1]]
    if isinstance(policy, Script):
        assert len(policy.seen) == len(policy.actions), "the policy was asked as often as it had something to say"
    if isinstance(ending.action, Accept):
        kept = [step.result for step in ending.steps if step.do == "draft" and step.model == ending.action.model]
        assert ending.reply is kept[-1]
    else:
        assert ending.reply is None


def test_the_policy_sees_the_history_and_nothing_else() -> None:
    policy = script(Draft(0), Verify(0, 1), Verify(0, 2), Draft(1), Accept(0))
    flow = route(State.start(3, (4, 2, 0), coin=0.25))
    sent: list[Result] = [A, Checks(Tally(0, 1)), Checks(Tally(1, 0, 1)), B]
    run(flow, lambda effect: policy.decide(effect.state) if isinstance(effect, Decide) else sent.pop(0))
    none = Tally()
    first, both = (True, False, False), (True, True, False)
    assert policy.seen == [
        State((False,) * 3, (none,) * 3, (4, 2, 0), 0.25),
        State(first, (none,) * 3, (4, 2, 0), 0.25),
        State(first, (Tally(0, 1), none, none), (3, 2, 0), 0.25),
        State(first, (Tally(1, 1, 1), none, none), (1, 2, 0), 0.25),
        State(both, (Tally(1, 1, 1), none, none), (1, 2, 0), 0.25),
    ]


@pytest.mark.parametrize(
    ("checks", "left"),
    [
        (Checks(Tally(1, 1)), 6),
        (Checks(Tally(1, 0, 1)), 6),
        (Checks(Tally(1, failed=1), errors=(LATE,)), 6),
        (Checks(Tally(1)), 0),  # fewer than asked for: there are no more
        (Checks(Tally()), 0),
        (Checks(Tally(probability=0.5)), 0),
    ],
)
def test_how_many_verdicts_are_left(checks: Checks, left: int) -> None:
    policy = script(Draft(0), Verify(0, 2), Finish(1))
    play(policy, A, checks, k=8)
    assert policy.seen[-1].available == (left, 8)


def test_the_check_gets_the_final_text_of_the_draft() -> None:
    said = Reply("<think>\nVerrin? Or Tarn?\n</think>\n\nOda Verrin.", native=object())
    ending, effects = play(Threshold(0.75), said, YES)
    check = effects[1]
    assert isinstance(check, Check)
    assert check.reply.text == "Oda Verrin."
    assert check.reply.native is said.native
    assert ending.reply is said, "the answer itself is not touched"


def test_a_draft_that_passes_ends_the_call_unjudged() -> None:
    ending, _ = play(script(Draft(0)), Reply("", passes="It calls a tool."))
    assert (told(ending), ending.bypass, ending.reason) == ("draft 0, accept 0", True, "It calls a tool.")


def test_a_second_draft_replaces_a_rejected_one() -> None:
    again = Reply("better")
    policy = script(Draft(0), Verify(0, 2), Accept(0), Draft(0), Accept(0))
    ending, _ = play(policy, A, Checks(Tally(unreadable=2)), B, again, models=3)
    assert policy.seen[-1].tallies[0] == Tally(), "what was said of the first draft is not about the second"
    assert ending.reply is again
    assert told(ending) == "draft 0, verify 0 x2, draft 1, draft 0, accept 0"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((EMPTY,), "model 0 is empty: rejected unverified"),
        ((CUT,), "model 0 is cut off: rejected unverified"),
        ((FILTERED,), "model 0 is filtered: rejected unverified"),
        ((Failure(LATE),), "Model 0 failed to draft (TimeoutError)"),
        ((A, Failure(LATE)), "No check of model 0's draft worked"),
        ((A, MUTE), "no verdict could be read"),
    ],
)
def test_reasons(given: tuple[Result, ...], words: str) -> None:
    ending, _ = play(Threshold(0.75), *given)
    assert words in ending.reason


def test_the_confidence_is_that_of_the_last_verified_draft() -> None:
    ending, _ = play(script(Draft(0), Verify(0, 4), Draft(1), Accept(1)), A, NO, B, models=3)
    assert ending.tally == Tally(1, 3)
    ending, _ = play(script(Draft(0), Verify(0, 2), Verify(0, 2), Finish(1)), A, Checks(Tally(2)), Checks(Tally(0, 2)))
    assert ending.tally == Tally(2, 2)


def test_failures_are_named_and_logged_without_their_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "automix"):
        ending, _ = play(Threshold(0.75), Failure(LATE), B, Checks(Tally(1, failed=3), errors=(BAD,) * 3), models=3)
    assert ending.errors == ("TimeoutError", "ValueError", "ValueError", "ValueError")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 4
    assert "TimeoutError" in caplog.text
    assert "sk-secret" not in caplog.text
    assert logging.getLogger("automix").handlers == []


@pytest.mark.parametrize(
    "given",
    [(Failure(LATE),), (A, Failure(LATE)), (A, Checks(Tally(3, failed=1), errors=(LATE,)))],
)
def test_the_first_error_of_any_step_may_be_raised(given: tuple[Result, ...]) -> None:
    with pytest.raises(TimeoutError):
        play(Threshold(0.75), *given, raising=True)


def test_the_last_models_error_is_raised_as_it_is() -> None:
    with pytest.raises(TimeoutError) as caught:
        play(script(Draft(0), Draft(1)), A, Failure(LATE))
    assert caught.value is LATE
    with pytest.raises(RuntimeError) as stopped:
        play(script(Draft(1)), Failure(StopIteration("over")))
    assert isinstance(stopped.value.__cause__, StopIteration), "no generator can raise it as it is"


IMPOSSIBLE: list[tuple[tuple[Any, ...], str]] = [
    ((Draft(2),), "0 to 1"),
    ((Draft(-1),), "0 to 1"),
    ((Finish(2),), "0 to 1"),
    ((Draft(0.5),), "0 to 1"),  # type: ignore[arg-type]
    ((Draft("0"),), "0 to 1"),  # type: ignore[arg-type]
    ((Accept(0),), "draft first"),
    ((Verify(0, 1),), "draft first"),
    ((Draft(0), Draft(0)), "accept it or go on"),
    ((Draft(0), Accept(1)), "draft first"),
    ((Draft(0), Verify(0, 0)), "4 verdicts are available"),
    ((Draft(0), Verify(0, -1)), "4 verdicts are available"),
    ((Draft(0), Verify(0, 5)), "4 verdicts are available"),
    ((Draft(0), Verify(0, 1.5)), "4 verdicts are available"),  # type: ignore[arg-type]
    (("accept",), "Draft, Verify, Accept or Finish"),
    ((None,), "Draft, Verify, Accept or Finish"),
]


@pytest.mark.parametrize(("actions", "words"), IMPOSSIBLE)
def test_an_impossible_decision_is_the_policys_error(actions: tuple[Any, ...], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        play(script(*actions), *([A] if len(actions) > 1 else []))


def test_no_decision_at_all_is_the_policys_error() -> None:
    class Silent:
        def decide(self, state: State) -> Any:
            return None

    with pytest.raises(PolicyError, match="return a Decision"):
        play(Silent())


def test_whole_numbers_of_any_library_will_do() -> None:
    numpy = pytest.importorskip("numpy")
    policy = script(Draft(numpy.int64(0)), Verify(numpy.int64(0), numpy.int64(4)), Accept(numpy.int64(0)))
    ending, _ = play(policy, A, YES)
    assert told(ending) == "draft 0, verify 0 x4, accept 0"
    numbers = [
        ending.action.model,
        *(step.model for step in ending.steps),
        *(step.n for step in ending.steps if step.n),
    ]
    assert {type(number) for number in numbers} == {int}, "plain ones, which JSON can write"


def test_a_policy_that_breaks_breaks_the_call() -> None:
    def perform(effect: Effect) -> Result:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(route(State.start(2, 4)), perform)


# The finishing call, which belongs to the caller


def test_bypass_asks_nobody() -> None:
    assert run(bypass(1, 2, "why not"), lambda effect: pytest.fail("no effect")) == Ending(
        Finish(1), "why not", bypass=True, models=2
    )


def test_a_finishing_model_that_fails_hands_over() -> None:
    ending, _ = play(Always(0), models=3)
    second = ending.after(LATE)
    third = second.after(BAD)
    assert (third.action, third.errors) == (Finish(2), ("TimeoutError", "ValueError"))
    with pytest.raises(ValueError, match="is bad"):
        third.after(BAD)
    ending, _ = play(Always(0), models=3, raising=True)
    with pytest.raises(TimeoutError):
        ending.after(LATE)


# The drivers


def actor(policy: Policy, *given: Result) -> Callable[[Effect], Result]:
    """Performs effects: decisions by the policy; drafts and checks as given, failures raised."""
    left = list(given)

    def perform(effect: Effect) -> Result:
        if isinstance(effect, Decide):
            return policy.decide(effect.state)
        result = left.pop(0)
        if isinstance(result, Failure):
            raise result.error
        return result

    return perform


def awaited(perform: Callable[[Effect], Result]) -> Callable[[Effect], Any]:
    async def aperform(effect: Effect) -> Result:
        await asyncio.sleep(0)
        return perform(effect)

    return aperform


@pytest.mark.parametrize(("path", "policy", "given", "models"), PATHS)
async def test_both_drivers_do_as_the_hand(path: str, policy: Policy, given: tuple[Result, ...], models: int) -> None:
    endings = []
    for driver in ("run", "arun"):
        if isinstance(policy, Script):
            policy.seen.clear()
        flow, perform = route(State.start(models, 4)), actor(policy, *given)
        endings.append(run(flow, perform) if driver == "run" else await arun(flow, awaited(perform)))
    assert told(endings[0]) == path
    assert endings[0] == endings[1]


async def test_a_stop_iteration_raised_by_a_model_is_a_failure_like_any_other() -> None:
    given = (Failure(StopIteration("over")), B, YES)
    ending = run(route(State.start(3, 4)), actor(Threshold(0.75), *given))
    assert (told(ending), ending.errors) == ("draft 0, draft 1, verify 1 x4, accept 1", ("StopIteration",))

    async def aperform(effect: Effect) -> Result:  # inside a coroutine it can't be raised as it is
        return given[0] if effect == Draft(0) else perform(effect)

    perform = actor(Threshold(0.75), *given[1:])
    assert await arun(route(State.start(3, 4)), aperform) == ending


class Watched(Generator[Effect, Any, Ending]):
    """A flow that notes its closing."""

    def __init__(self) -> None:
        self.flow, self.closed = route(State.start(2, 4)), False

    def send(self, value: Any) -> Effect:
        return self.flow.send(value)

    def throw(self, *args: Any) -> Effect:
        return self.flow.throw(*args)

    def close(self) -> None:
        self.closed = True
        self.flow.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_an_interruption_passes_and_closes_the_flow(error: type[BaseException]) -> None:
    def perform(effect: Effect) -> Result:
        raise error

    flow = Watched()
    with pytest.raises(error):
        run(flow, perform)
    assert flow.closed


async def test_a_cancelled_task_closes_the_flow() -> None:
    flow, reached = Watched(), asyncio.Event()

    async def aperform(effect: Effect) -> Result:
        reached.set()
        await asyncio.sleep(60)
        raise AssertionError

    task = asyncio.ensure_future(arun(flow, aperform))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert flow.closed


# Whatever the policy does and whatever happens


@settings(deadline=None, max_examples=150)
@given(data=st.data(), seed=st.integers(), models=st.integers(2, 4), k=st.integers(0, 5))
def test_what_no_policy_can_break(data: st.DataObject, seed: int, models: int, k: int) -> None:
    history: list[tuple[Effect, Result]] = []

    def perform(effect: Effect) -> Result:
        assert len(history) < 20 * models * (k + 1), "the procedure must come to an end"
        if isinstance(effect, Decide):
            result: Result = Anything(seed).decide(effect.state)
        else:
            result = data.draw(results(effect))
        history.append((effect, result))
        if isinstance(result, Failure):
            raise result.error
        return result

    raised: list[BaseException | None] = []
    try:
        ending = run(route(State.start(models, k)), perform)
    except (TimeoutError, ValueError, RuntimeError) as error:
        raised = [error, error.__cause__]
    if raised:
        effect, result = history[-1]
        assert effect == Draft(models - 1), "only the last model's own failure is raised"
        assert isinstance(result, Failure)
        assert result.error in raised
        return
    last, model = models - 1, ending.action.model
    drafts = [(e, r) for e, r in history if isinstance(e, Draft)]
    checks = [(e, r) for e, r in history if isinstance(e, Check)]
    failures = [r for _, r in history if isinstance(r, Failure)]
    assert sum(step.do == "draft" for step in ending.steps) == len(drafts)
    assert sum(step.do == "verify" for step in ending.steps) == len(checks)
    for number in range(models):
        assert sum(effect.n for effect, _ in checks if effect.model == number) <= k
    broken = [e for _, r in checks if isinstance(r, Checks) for e in r.errors]
    assert len(ending.errors) == len(failures) + len(broken)
    for effect, _ in checks:
        assert not effect.reply.problem or effect.model == last, "a draft that can't be kept is never verified"
    if isinstance(ending.action, Accept):
        said = [r for e, r in drafts if e.model == model and isinstance(r, Reply)]
        assert ending.reply is said[-1]
        if model != last:
            assert not said[-1].problem
            since = max(i for i, (e, r) in enumerate(history) if r is said[-1])
            tally = sum(
                (
                    r.tally if isinstance(r, Checks) else Tally(failed=e.n)
                    for e, r in history[since:]
                    if isinstance(e, Check) and e.model == model and isinstance(r, Checks | Failure)
                ),
                Tally(),
            )
            assert tally.confidence is not None or not tally.drawn + tally.failed
