"""Calls and pieces that come in time or not at all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from automix_core.checking.concurrent import gather
from automix_core.decision import Draft, Finish, State, Verify
from automix_core.errors import LimitError, ModelError, TimeLimitError
from automix_core.routing import waiting
from automix_core.routing.drivers import afinish, arun, finish, run
from automix_core.routing.effects import Decide, Effect, Reply, Result
from automix_core.routing.ending import Ending, ending_of
from automix_core.routing.limits import Allowance, Limits
from automix_core.routing.procedure import bypass, route
from automix_core.routing.waiting import await_call_within, await_within, call_within, pieces_within
from tests.core.flows import YES, A, B, script
from tests.core.timed import Clock


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
