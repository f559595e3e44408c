"""The limiter alone: threads, tasks, loops, and those who give up."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from automix_core.checking.concurrent import agather, gather
from automix_core.checking.limiter import (
    Limiter,
    alimited,
    alimited_pieces,
    as_limiter,
    given_up,
    limited,
    limited_pieces,
    limiting_checks,
)
from automix_core.errors import ModelError


class Meter:
    """How many are inside, and how many were at most."""

    def __init__(self) -> None:
        self.now = self.peak = self.passed = 0
        self.lock = threading.Lock()

    def enter(self) -> None:
        with self.lock:
            self.now += 1
            self.peak = max(self.peak, self.now)

    def leave(self) -> None:
        with self.lock:
            self.now -= 1
            self.passed += 1

    def __call__(self) -> None:
        self.enter()
        time.sleep(0.001)
        self.leave()

    async def wait(self) -> None:
        self.enter()
        await asyncio.sleep(0.001)
        self.leave()


def free(limiter: Limiter) -> int:
    return limiter._free


def test_threads_and_tasks_of_several_loops_together() -> None:
    limiter, meter = Limiter(3), Meter()

    async def tasks() -> None:
        await asyncio.gather(*(alimited(limiter, meter.wait) for _ in range(50)))

    def work() -> None:
        for _ in range(10):
            limited(limiter, meter)

    threads = [threading.Thread(target=work) for _ in range(4)]
    threads += [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (meter.peak, meter.passed, meter.now) == (3, 140, 0)
    assert free(limiter) == 3


async def test_who_asks_first_goes_first() -> None:
    limiter, order = Limiter(1), list[int]()

    async def one(number: int) -> None:
        async def call() -> None:
            order.append(number)
            await asyncio.sleep(0)

        await alimited(limiter, call)

    await asyncio.gather(*map(one, range(10)))
    assert order == list(range(10))


async def test_a_wait_that_is_cancelled_takes_no_slot() -> None:
    limiter = Limiter(1)
    await limiter.aacquire()
    before, called, after = (asyncio.create_task(limiter.aacquire()) for _ in range(3))
    await asyncio.sleep(0)
    before.cancel()
    await asyncio.sleep(0)
    limiter.release()  # to the second, which gives up before it hears of it
    called.cancel()
    await asyncio.wait_for(after, 5)
    assert free(limiter) == 0
    limiter.release()
    assert free(limiter) == 1
    assert (before.cancelled(), called.cancelled()) == (True, True)


def test_a_loop_that_is_gone_waits_for_nothing() -> None:
    limiter = Limiter(1)
    limiter.acquire()
    loop = asyncio.new_event_loop()
    waiting = limiter.aacquire()
    coroutine = waiting.__await__()

    async def begin() -> None:
        next(coroutine)

    loop.run_until_complete(begin())
    loop.close()
    limiter.release()
    assert free(limiter) == 1


def test_an_interrupted_thread_takes_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(1)
    limiter.acquire()

    def interrupted(self: threading.Event, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Event, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        limiter.acquire()
    limiter.release()
    assert free(limiter) == 1


async def test_what_raises_gives_its_slot_back() -> None:
    limiter = Limiter(1)

    def broken() -> None:
        raise ValueError("broken")

    async def abroken() -> None:
        broken()

    with pytest.raises(ValueError, match="broken"):
        limited(limiter, broken)
    with pytest.raises(ValueError, match="broken"):
        await alimited(limiter, abroken)
    assert free(limiter) == 1


async def test_a_request_that_asks_for_another_is_none_itself() -> None:
    """Else it would wait for itself."""
    limiter, other = Limiter(1), Limiter(1)
    assert limited(limiter, lambda: limited(limiter, lambda: free(limiter))) == 0

    async def inner() -> int:
        return free(other)

    assert await alimited(limiter, lambda: alimited(limiter, inner)) == 1
    assert await alimited(other, lambda: alimited(limiter, inner)) == 0, "another limiter's slot is kept"
    assert (free(limiter), free(other)) == (1, 1)


async def test_a_stream_is_under_way_until_it_is_closed() -> None:
    limiter = Limiter(2)

    def source() -> Iterator[int]:
        yield 1
        yield limited(limiter, lambda: 2)
        yield 3

    async def asource() -> AsyncIterator[int]:
        for piece in source():
            yield piece

    async def ask() -> AsyncIterator[int]:
        return asource()

    pieces = limited_pieces(limiter, source)
    assert free(limiter) == 2, "nothing is asked before it is read"
    assert next(pieces) == 1
    assert free(limiter) == 1
    assert list(pieces) == [2, 3]
    assert free(limiter) == 2
    left = limited_pieces(limiter, source)
    assert next(left) == 1
    left.close()  # type: ignore[attr-defined]
    awaited = await alimited_pieces(limiter, ask)
    assert await anext(awaited) == 1
    assert free(limiter) == 1
    assert [piece async for piece in awaited] == [2, 3]
    assert free(limiter) == 2
    assert list(limited_pieces(None, source)) == [1, 2, 3]
    assert [piece async for piece in await alimited_pieces(None, ask)] == [1, 2, 3]
    assert free(limiter) == 2


async def test_gathered_checks_are_limited_in_threads_and_tasks() -> None:
    limiter, meter = Limiter(2), Meter()
    with limiting_checks(limiter):
        gather([meter] * 9, 8)
        await agather([meter.wait] * 9, 8)
        gather([meter], 8)
    assert (meter.peak, meter.passed) == (2, 19)


def test_what_nobody_waits_for_is_not_sent() -> None:
    gone, sent = threading.Event(), list[int]()
    token = given_up.set(gone)
    try:
        limited(Limiter(1), lambda: sent.append(1))
        gone.set()
        limiter = Limiter(1)
        with pytest.raises(ModelError, match="Nobody waits"):
            limited(limiter, lambda: sent.append(2))
        assert (sent, free(limiter)) == ([1], 1)
    finally:
        given_up.reset(token)


def test_copies_are_the_same_limiter_and_a_pickle_is_one_of_another_process() -> None:
    limiter = Limiter(4)
    assert copy.copy(limiter) is copy.deepcopy(limiter) is limiter
    assert repr(pickle.loads(pickle.dumps(limiter))) == "Limiter(4)"
    assert as_limiter(limiter) is limiter
    assert as_limiter(None) is None
