"""One deadline and one budget over a question: what begins, what stands in, and what it says."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from automix_core.checking.concurrent import gather
from automix_core.decision import Accept, Draft, Finish, Measure, State, Tally, Verify
from automix_core.errors import ConfigError, CostLimitError, LimitError, ModelError, TimeLimitError
from automix_core.policies.threshold import Threshold
from automix_core.routing import breaker as breakers
from automix_core.routing import waiting
from automix_core.routing.breaker import Breaker, Circuit, circuit_of
from automix_core.routing.drivers import afinish, arun, finish, run
from automix_core.routing.effects import Checks, Decide, Effect, Failure, Measured, Reply, Result
from automix_core.routing.ending import Ending, ending_of
from automix_core.routing.limits import Allowance, Limits, Quote, Size
from automix_core.routing.price import Price
from automix_core.routing.procedure import bypass, route
from automix_core.routing.step import Step
from automix_core.routing.streaming import Streamed
from automix_core.routing.waiting import await_call_within, await_within, call_within, pieces_within
from automix_core.usage import Usage
from tests.core.flows import CUT, NO, YES, A, B, script, told


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


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ([(A, 5.0)], "draft 0, accept 0"),
        ([(A, 1.0), (YES, 5.0)], "draft 0, verify 0 x4, accept 0"),
        ([(A, 1.0), (NO, 5.0)], "draft 0, verify 0 x4, accept 0"),
    ],
)
def test_the_best_draft_stands_in_when_time_is_up(given: list[tuple[Result, float]], path: str) -> None:
    policy = script(Draft(0), Verify(0, 4), Finish(1)) if given[-1][0] is not YES else Threshold(0.75)
    ending = play(policy, given, Limits(timeout=2))
    assert told(ending) == path
    assert ending.reply is A
    assert (ending.fallback, ending.errors) == ((False, ()) if given[-1][0] is YES else (True, ("TimeLimitError",)))


def test_a_draft_that_can_not_be_kept_never_stands_in() -> None:
    with pytest.raises(TimeLimitError, match="timeout=2 seconds") as caught:
        play(script(Draft(0)), [(CUT, 5.0)], Limits(timeout=2))
    books = ending_of(caught.value)
    assert books is not None
    assert (told(books).split(", ")[0], books.errors, books.fallback) == ("draft 0", ("TimeLimitError",), True)
    assert ending_of(caught.value) is None, "they are taken off once"


def test_the_error_may_be_wanted_instead() -> None:
    with pytest.raises(TimeLimitError):
        play(script(Draft(0), Verify(0, 4)), [(A, 5.0)], Limits(timeout=2, when_out="raise"))


def test_of_several_drafts_the_most_confident_stands_in() -> None:
    policy = script(Draft(0), Verify(0, 4), Draft(1), Verify(1, 4), Finish(2))
    given: list[tuple[Result, float]] = [(A, 0), (Checks(Tally(3, 1)), 0), (B, 0), (Checks(Tally(1, 3)), 9)]
    assert play(policy, given, Limits(timeout=2), models=3).reply is A
    policy.seen.clear()
    given[1] = (Checks(Tally(0, 4)), 0)
    assert play(policy, given, Limits(timeout=2), models=3).reply is B


PRICES = [Price(1, 1), Price(100, 100)]


def test_no_step_begins_that_costs_more_than_is_left() -> None:
    """A draft of 110 tokens costs 110 USD a million; an answer like it by the large model 11,000."""
    draft = Reply("a", Usage(100, 10))
    check = Checks(Tally(1, 3), Usage(400, 80), model=0)
    steps: list[tuple[Result, float]] = [(draft, 0), (check, 0)]
    policy = script(Draft(0), Verify(0, 4), Finish(1))
    size = Size(prompt=100, check=100, together=True)
    assert told(play(policy, steps, Limits(max_cost=0.0116), prices=PRICES, size=size)).endswith("finish 1")
    policy.seen.clear()
    ending = play(policy, steps, Limits(max_cost=0.0115), prices=PRICES, size=size)
    assert told(ending) == "draft 0, verify 0 x4, accept 0"
    assert ending.errors == ("CostLimitError",)
    assert "max_cost=0.0115 USD" in ending.reason
    policy.seen.clear()
    ending = play(policy, steps[:1], Limits(max_cost=0.0004), prices=PRICES, size=size)
    assert told(ending) == "draft 0, accept 0", "not even the checks had room"
    policy.seen.clear()
    with pytest.raises(CostLimitError):
        play(policy, [], Limits(max_cost=0.0001), prices=PRICES, size=size)


def test_a_step_without_usage_is_taken_for_what_it_was_thought_to_cost() -> None:
    size = Size(prompt=1000, check=1000)
    steps: list[tuple[Result, float]] = [(Reply("a"), 0)]
    ending = play(script(Draft(0), Finish(1)), steps, Limits(max_cost=0.1262), prices=PRICES, size=size)
    assert told(ending) == "draft 0, accept 0"
    ending = play(script(Draft(0), Finish(1)), steps, Limits(max_cost=0.127), prices=PRICES, size=size)
    assert told(ending) == "draft 0, finish 1"


@pytest.mark.parametrize(("together", "cost"), [(True, 440.0), (False, 240.0)])
def test_more_checks_are_thought_to_cost_what_the_first_did(together: bool, cost: float) -> None:
    """Four checks read 400 tokens and wrote 80: two more read half of it, or all of it where one prompt serves all."""
    steps = (
        Step("draft", 0, result=Reply("a", Usage(0, 0))),
        Step("verify", 0, n=4, result=Checks(Tally(1, 3), Usage(400, 80), model=0)),
        Step("verify", 0, n=4, result=Checks(Tally(failed=4), model=0)),
        Step("accept", 0),
    )
    spent = (400 + 80) * 1e-6
    size = Size(check=10_000, together=together)
    for allowed, over in [(cost * 1.01, False), (cost * 0.99, True)]:
        limits = Limits(max_cost=spent + spent + allowed * 1e-6)
        allowance = Allowance.of(limits, [Price(1, 1)] * 2, size=size)
        assert (allowance.exceeded_by(Verify(0, 2), steps) is not None) is over


@pytest.mark.parametrize(
    ("quote", "before", "cost"),
    [
        (Quote(), [], 0.0),
        (Quote(Usage(300, 8), Price(1, 1)), [], 308.0),
        (Quote(Usage(300, 8), Price(2, 1)), [Measured(1.0, Usage(40, 1), price=Price(1, 1))], 41 + 81.0),
        (Quote(Usage(300, 8), Price(1, 1)), [Measured(None)], 308.0 * 2),
        (Quote(Usage(300, 8), Price(1, 1)), [Failure(ValueError("no"))], 308.0),
        (Quote(Usage(300, 8), Price(1, 1)), [Failure(ValueError("no"), left=True)], 308.0 * 2),
        (Quote.of_drafts(2, 500, Price(1, 1), together=True), [], 100.0 + 2 * 10),
        (Quote.of_drafts(2, 500, Price(1, 1), together=False), [], 2 * 110.0),
    ],
)
def test_a_paid_signal_is_thought_to_cost_what_is_known_of_it(quote: Quote, before: list[Result], cost: float) -> None:
    """The draft cost nothing; a signal `before` that told no tokens is taken for what it was thought to cost."""
    steps = [Step("draft", 0, result=Reply("a", Usage(100, 10)))]
    steps += [Step("measure", 0, name="mine", result=one) for one in before if isinstance(one, Measured | Failure)]
    for part, over in [(1.01, False), (0.99, True)]:
        limits = Limits(max_cost=cost * part * 1e-6 + 1e-12)
        allowance = Allowance.of(limits, [Price(0, 0), Price(0, 0)], quotes={"mine": [quote] * 2})
        assert (allowance.exceeded_by(Measure(0, "mine"), steps) is not None) is (over and cost > 0)


def test_before_any_draft_is_known_more_of_them_are_thought_to_be_as_long_as_any() -> None:
    assert Quote.of_drafts(2, 500, None, together=True).usage == Usage(500, 512)
    assert Quote.of_drafts(2, 500, None, together=False).like(None) == Usage(1000, 512)


@pytest.mark.parametrize(
    ("size", "usage"),
    [
        (Size(check=100), Usage(800, 512)),
        (Size(check=100, together=True), Usage(100, 512)),
        (Size(check=100, word=True), Usage(100, 8)),
    ],
)
def test_eight_checks_are_thought_to_take_as_many_requests_as_they_need(size: Size, usage: Usage) -> None:
    assert size.of_checks(8) == usage


def test_a_measurement_is_thought_to_cost_one_check_of_its_model() -> None:
    size = Size(prompt=9_999, check=100)
    draft = (Step("draft", 0, result=Reply("a", Usage(0, 0))),)
    for most, over in [(0.000170, False), (0.000160, True)]:  # 100 tokens read and 64 written, at 1 USD a million
        allowance = Allowance.of(Limits(max_cost=most), PRICES, checker_prices=[Price(1, 1)] * 2, size=size)
        assert (allowance.exceeded_by(Measure(0, "p_correct"), draft) is not None) is over


def test_a_free_model_has_room_in_any_budget() -> None:
    allowance = Allowance.of(Limits(max_cost=1e-9), [Price(0, 0), None], size=Size(prompt=10_000, check=10_000))
    assert allowance.exceeded_by(Draft(0), ()) is None
    assert allowance.exceeded_by(Verify(0, 8), ()) is None
    assert allowance.exceeded_by(Finish(1), ()) is None, "what has no price is not counted"


def test_the_last_model_may_fail_where_a_draft_is_in_hand() -> None:
    late = TimeoutError("late")
    limits = Limits(on_last_failure="draft")
    ending = play(script(Draft(0), Verify(0, 4), Finish(1)), [(A, 0), (NO, 0)], limits)
    stood_in = ending.after(late)
    assert (stood_in.reply, stood_in.errors, stood_in.fallback) == (A, ("TimeoutError",), True)
    assert [step.do for step in stood_in.steps] == ["draft", "verify", "finish", "accept"]
    with pytest.raises(TimeoutError):
        play(script(Draft(0), Finish(1)), [(CUT, 0)], limits).after(late)


def test_values_that_can_not_work_are_said_with_what_to_write() -> None:
    for name in ("timeout", "max_cost"):
        wrongs: list[Any] = [0, -1, float("nan"), float("inf"), "2", True]
        for wrong in wrongs:
            with pytest.raises(ConfigError, match=f"{name} must be a number of .* above 0, or None"):
                Limits(timeout=wrong) if name == "timeout" else Limits(max_cost=wrong)
    with pytest.raises(ConfigError, match='when_out must be "draft" or "raise", not \'later\''):
        Limits(when_out="later")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match='on_last_failure must be "raise" or "draft"'):
        Limits(on_last_failure="next")  # type: ignore[arg-type]
    for prices in (None, [], [Price(1, 1), None]):
        with pytest.raises(ConfigError, match=r"max_cost needs the price of every model.*prices=\[Price\("):
            Limits(max_cost=1).check_prices(prices)
    Limits(max_cost=1).check_prices(PRICES)
    Limits().check_prices(None)


# Drivers: what takes too long is left, or cancelled.


def soon() -> Allowance:
    return Allowance.of(Limits(timeout=0.05))


async def test_a_step_that_takes_too_long_ends_the_question() -> None:
    release = threading.Event()

    def perform(effect: Effect) -> Result:
        if isinstance(effect, Decide):
            return script(Draft(0), Verify(0, 4)).decide(effect.state) if not effect.state.drafted[0] else VERIFY
        if isinstance(effect, Draft):
            return A
        release.wait(30)
        return YES

    allowance = soon()
    ending = run(route(State.start(2, 4), allowance=allowance), perform, allowance)
    release.set()
    assert (ending.reply, ending.errors) == (A, ("TimeLimitError",))
    assert ending.steps[1].result is not None

    async def aperform(effect: Effect) -> Result:
        if isinstance(effect, Decide | Draft):
            return perform(effect)
        await asyncio.sleep(30)
        raise AssertionError

    allowance = soon()
    same = await arun(route(State.start(2, 4), allowance=allowance), aperform, allowance)
    assert (same.reply, same.errors) == (A, ("TimeLimitError",))


VERIFY = script(Verify(0, 4)).decide(State.start(2, 4))


async def test_so_does_an_answer() -> None:
    release = threading.Event()

    def ask(model: int) -> Reply:
        release.wait(30)
        return B

    with pytest.raises(TimeLimitError) as caught:
        finish(run(bypass(1, 2, "why", allowance=soon()), lambda _: YES), ask)
    release.set()
    books = ending_of(caught.value)
    assert books is not None
    assert [step.do for step in books.steps] == ["finish"]

    async def aask(model: int) -> Reply:
        await asyncio.sleep(30)
        raise AssertionError

    with pytest.raises(TimeLimitError):
        await afinish(run(bypass(1, 2, "why", allowance=soon()), lambda _: YES), aask)


def test_a_childs_own_timeout_is_a_failure_like_any_other() -> None:
    ending = Ending(Finish(0), "why", models=2, allowance=Allowance.of(Limits(timeout=100), clock=Clock()))
    later = ending.after(TimeLimitError("a cascade within"))
    assert later.action == Finish(1)


def test_a_call_in_time_is_itself() -> None:
    assert call_within(lambda: 3, Allowance.of(Limits(timeout=10))) == 3
    with pytest.raises(ZeroDivisionError):
        call_within(lambda: 1 // 0, Allowance.of(Limits(timeout=10)))
    assert call_within(threading.get_ident, Allowance()) == threading.get_ident(), "no thread where there is no limit"


async def test_the_awaited_one_too() -> None:
    async def three() -> int:
        return 3

    async def late() -> int:
        raise TimeoutError("the child's own")

    assert await await_within(three, Allowance.of(Limits(timeout=10))) == 3
    with pytest.raises(TimeoutError, match="the child's own"):
        await await_within(late, Allowance.of(Limits(timeout=10)))


async def test_a_blocking_call_that_ends_an_iteration_is_an_error_and_no_hang() -> None:
    with pytest.raises(RuntimeError, match="The call raised StopIteration"):
        await await_call_within(lambda: next(iter(())), Allowance.of(Limits(timeout=10)))


def test_a_wait_that_is_interrupted_leaves_the_call_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_left_behind", {})
    release = threading.Event()

    def interrupted(box: Any, timeout: float) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("queue.Queue.get", interrupted)
        with pytest.raises(KeyboardInterrupt):
            call_within(lambda: release.wait(30), Allowance.of(Limits(timeout=10)))
    assert waiting._waiting(None) == 1
    release.set()


def test_so_many_may_be_left_behind_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_LEFT_BEHIND", 1)
    monkeypatch.setattr(waiting, "_left_behind", {})
    release = threading.Event()
    with pytest.raises(LimitError):
        call_within(lambda: release.wait(30), soon())
    with pytest.raises(ModelError, match="give the models a timeout of their own"):
        call_within(lambda: 3, Allowance.of(Limits(timeout=10)))
    other = Allowance.of(Limits(timeout=10), owners=[1, 2]).asking(1)
    assert call_within(lambda: 3, other) == 3, "another model is asked all the same"
    release.set()
    while waiting._waiting(None):
        time.sleep(0.01)
    assert call_within(lambda: 3, Allowance.of(Limits(timeout=10))) == 3


def test_pieces_come_in_time_or_not_at_all() -> None:
    release, closed = threading.Event(), threading.Event()

    def pieces() -> Iterator[int]:
        try:
            yield 1
            yield 2
            release.wait(30)
            yield 3
        finally:
            closed.set()

    got: list[int] = []
    with pytest.raises(TimeLimitError):
        got.extend(pieces_within(pieces, Allowance.of(Limits(timeout=1))))
    assert got == [1, 2]
    release.set()
    assert closed.wait(10), "a source that comes back is closed"
    assert list(pieces_within(lambda: iter([1, 2, 3]), Allowance.of(Limits(timeout=10)))) == [1, 2, 3]

    def breaking() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(pieces_within(breaking, Allowance.of(Limits(timeout=10))))


# Streams: an empty or broken one is an error, and what was begun is on record.


@dataclass
class Letters:
    """A meter of letters; a space shows nothing."""

    text: str = ""
    problem: str = ""

    def add(self, piece: str) -> bool:
        self.text += piece
        return bool(piece.strip())

    def reply(self) -> Reply:
        return Reply(self.text, problem=self.problem or ("" if self.text.strip() else "empty"))


def streamed(models: int = 2, **known: Any) -> Streamed[str]:
    return Streamed(Ending(Finish(0), "why", models=models, **known), lambda model: Letters())


def test_a_stream_passes_as_it_comes() -> None:
    stream = streamed()
    assert list(stream.pieces(lambda model: iter([" ", "a", "b"]))) == [" ", "a", "b"]
    assert stream.answer == Reply(" ab")
    assert stream.ending.errors == ()


def test_an_empty_stream_hands_over_and_from_the_last_model_is_an_error() -> None:
    stream = streamed()
    assert list(stream.pieces(lambda model: iter([" "] if model == 0 else ["b"]))) == ["b"]
    assert (stream.ending.errors, stream.ending.action) == (("ModelError",), Finish(1))
    with pytest.raises(ModelError, match="model 0 ended without a word"):
        list(streamed(models=1).pieces(lambda model: iter([])))


def test_a_stream_that_breaks_after_a_word_is_the_callers_error() -> None:
    def breaking() -> Iterator[str]:
        yield "a"
        raise ZeroDivisionError

    stream = streamed()
    with pytest.raises(ZeroDivisionError) as caught:
        list(stream.pieces(lambda model: breaking()))
    books = ending_of(caught.value)
    assert books is not None
    assert (books.errors, [step.do for step in books.steps]) == (("ZeroDivisionError",), ["finish"])


def test_an_abandoned_stream_leaves_its_books() -> None:
    stream = streamed()
    pieces = stream.pieces(lambda model: iter(["a", "b"]))
    assert next(pieces) == "a"
    pieces.close()
    assert stream.stopped is not None
    assert (stream.stopped.errors, stream.stopped.fallback) == ((), False)
    assert "abandoned" in stream.stopped.reason


def test_before_the_first_word_a_draft_may_stand_in() -> None:
    late = TimeoutError()

    def failing() -> Iterator[str]:
        yield " "
        raise late

    allowance = Allowance.of(Limits(on_last_failure="draft"))
    ending = play(script(Draft(0), Finish(1)), [(A, 0)], Limits(on_last_failure="draft"))
    stream: Streamed[str] = Streamed(ending, lambda model: Letters())
    assert list(stream.pieces(lambda model: failing())) == []
    assert allowance.until is None
    assert (stream.answer, stream.ending.reply, stream.ending.action) == (None, A, Accept(0))


# A model that keeps failing is left alone for a while.


def failing(circuit: Circuit) -> None:
    with pytest.raises(ZeroDivisionError), circuit.attempt():
        raise ZeroDivisionError


def test_a_model_that_keeps_failing_is_left_alone_and_tried_again_after_a_pause() -> None:
    clock = Clock()
    circuit = Circuit(Breaker(failures=2, pause=10), clock)
    failing(circuit)
    with circuit.attempt():
        pass
    failing(circuit)
    assert not circuit.is_open, "failures in a row count"
    failing(circuit)
    with pytest.raises(ModelError, match="failed 2 times in a row and is left alone for 10 seconds"), circuit.attempt():
        raise AssertionError("it was asked")
    clock.now = 10
    with circuit.attempt(), pytest.raises(ModelError), circuit.attempt():
        raise AssertionError("one at a time tries")
    assert not circuit.is_open
    with circuit.attempt():
        pass


def test_a_model_that_fails_again_is_left_alone_again() -> None:
    clock = Clock()
    circuit = Circuit(Breaker(failures=1, pause=10), clock)
    failing(circuit)
    clock.now = 10
    failing(circuit)
    assert circuit.is_open
    clock.now = 20
    with pytest.raises(KeyboardInterrupt), circuit.attempt():
        raise KeyboardInterrupt
    assert not circuit.is_open, "an interruption says nothing about the model"


def test_the_breaker_is_the_models_wherever_it_stands() -> None:
    class Model:
        pass

    one, other, breaker = Model(), Model(), Breaker()
    assert circuit_of(one, breaker) is circuit_of(one, Breaker())
    assert circuit_of(one, breaker) is not circuit_of(other, breaker)
    assert circuit_of(one, None) is None


def test_a_model_that_nobody_can_refer_to_has_a_circuit_of_its_own() -> None:
    model, breaker = (1, 2), Breaker()  # no weak reference to a tuple
    first, second = circuit_of(model, breaker), circuit_of(model, breaker)
    assert isinstance(first, Circuit)
    assert first is not second


def test_a_circuit_is_forgotten_with_its_model_and_not_with_one_that_stood_there_before() -> None:
    class Model:
        pass

    one, breaker = Model(), Breaker(pause=7.5)
    kept = circuit_of(one, breaker)
    key = (id(one), breaker)
    gone, fresh = breakers._circuits[key][0], Model()
    breakers._circuits[key] = (weakref.ref(fresh), Circuit(breaker))  # the address was given out again
    breakers._forget(key, gone)
    assert breakers._circuits[key][0]() is fresh
    assert breakers._circuits[key][1] is not kept
    del one
    breakers._forget(key, breakers._circuits[key][0])
    assert key not in breakers._circuits


def test_an_open_circuit_hands_over_without_a_request_but_the_last_model_is_always_asked() -> None:
    circuits = [Circuit(Breaker(failures=1)), Circuit(Breaker(failures=1))]
    allowance = Allowance.of(Limits(), circuits=circuits)
    asked: list[int] = []

    def perform(effect: Effect) -> Result:
        if isinstance(effect, Decide):
            return script(Draft(0)).decide(effect.state)
        asked.append(effect.model)
        raise TimeoutError

    def ask(model: int) -> Reply:
        asked.append(model)
        raise TimeoutError

    for _ in range(3):
        ending = run(route(State.start(2, 4), allowance=allowance), perform, allowance)
        assert ending.fallback
        with pytest.raises(TimeoutError):
            finish(ending, ask)
    assert asked == [0, 1, 1, 1]
    assert ending.errors == ("ModelError",)


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"failures": 1.5}, {"pause": 0}, {"pause": "1"}])
def test_a_breaker_that_can_not_work_is_said_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"Breaker: {next(iter(wrong))} must be"):
        Breaker(**wrong)


async def test_a_blocking_call_may_be_awaited_in_time() -> None:
    release = threading.Event()
    with pytest.raises(TimeLimitError):
        await await_call_within(lambda: release.wait(30), soon())
    release.set()
    assert await await_call_within(lambda: 3, Allowance()) == 3
    with pytest.raises(ZeroDivisionError):
        await await_call_within(lambda: 1 // 0, Allowance.of(Limits(timeout=10)))


def test_checks_that_were_not_begun_when_time_was_up_are_never_begun() -> None:
    release, begun = threading.Event(), []

    def check(number: int) -> int:
        begun.append(number)
        release.wait(30)
        return number

    with pytest.raises(TimeLimitError):
        call_within(lambda: gather([partial(check, n) for n in range(4)], 1), soon())
    release.set()
    while waiting._waiting(None):
        time.sleep(0.01)
    assert begun == [0]
