"""Several requests at once: in threads, or as tasks. Nothing made here outlives a call, so nothing binds to a loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from .limiter import alimited, check_limiter, given_up, limited

T = TypeVar("T")

Ends = Callable[[Exception], bool]
"""Whether an error makes all requests that were not yet sent pointless."""


def gather(calls: Sequence[Callable[[], T]], concurrency: int, ends: Ends | None = None) -> list[T | Exception]:
    """What each of `calls` returned or raised, at most `concurrency` of them running at a time.

    After an error that `ends` it, calls that still wait for their turn are not made and have no result. Each runs in a
    copy of this context, so that spans keep their parent, and in a daemon thread, which keeps no process alive. An
    interruption does not wait for calls that already run, and starts no more.
    """
    if len(calls) == 1:
        return [_tried(calls[0])]
    results: list[list[T | Exception]] = [[] for _ in calls]
    left, over, gone = deque(enumerate(calls)), Event(), given_up.get()
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def work(context: Context) -> None:
        first = True
        try:
            while left and not (gone is not None and gone.is_set()) and (first or not over.is_set()):
                place, call = left.popleft()
                result = context.copy().run(_tried, call)
                if isinstance(result, Exception) and ends is not None and ends(result):
                    over.set()
                results[place].append(result)
                first = False
        except IndexError:  # another thread was quicker
            ended.put(None)
        except BaseException as interruption:
            ended.put(interruption)
        else:
            ended.put(None)

    threads = max(1, min(concurrency, len(calls)))
    try:
        for _ in range(threads):
            Thread(target=work, args=(copy_context(),), name="automix-check", daemon=True).start()
        for _ in range(threads):
            if (interruption := ended.get()) is not None:
                raise interruption
    finally:
        left.clear()
    return [result for found in results for result in found]


async def agather(
    calls: Sequence[Callable[[], Awaitable[T]]], concurrency: int, ends: Ends | None = None
) -> list[T | Exception]:
    """`gather` on the running loop. When this is cancelled, all that was begun is cancelled and waited for."""
    if len(calls) == 1:
        return [await _atried(calls[0])]
    gate, over = asyncio.Semaphore(concurrency), False

    async def one(call: Callable[[], Awaitable[T]], waited: bool) -> list[T | Exception]:
        nonlocal over
        async with gate:
            if over and waited:
                return []
            result = await _atried(call)
            over = over or (isinstance(result, Exception) and ends is not None and ends(result))
            return [result]

    tasks = [asyncio.create_task(one(call, place >= concurrency)) for place, call in enumerate(calls)]
    try:
        return [result for results in await asyncio.gather(*tasks) for result in results]
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _tried(call: Callable[[], T]) -> T | Exception:
    try:
        return limited(check_limiter(), call)
    except Exception as error:
        return error


async def _atried(call: Callable[[], Awaitable[T]]) -> T | Exception:
    try:
        return await alimited(check_limiter(), call)
    except Exception as error:
        return error
