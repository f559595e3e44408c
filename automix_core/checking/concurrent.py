"""Several requests at once: in threads, or as tasks. Nothing made here outlives a call, so nothing binds to a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

Ends = Callable[[Exception], bool]
"""Whether an error makes all requests that were not yet sent pointless."""


def gather(calls: Sequence[Callable[[], T]], concurrency: int, ends: Ends | None = None) -> list[T | Exception]:
    """What each of `calls` returned or raised, at most `concurrency` of them running at a time.

    After an error that `ends` it, calls that still wait for their turn are not made and have no result. Each runs in a
    copy of this context, so that spans keep their parent. An interruption does not wait for calls that already run,
    and starts no more.
    """
    if len(calls) == 1:
        return [_tried(calls[0])]
    over = False

    def one(call: Callable[[], T], waited: bool) -> list[T | Exception]:
        nonlocal over
        if over and waited:
            return []
        result = _tried(call)
        over = over or (isinstance(result, Exception) and ends is not None and ends(result))
        return [result]

    pool = ThreadPoolExecutor(max(1, min(concurrency, len(calls))), thread_name_prefix="automix")
    try:
        futures = [pool.submit(copy_context().run, one, call, place >= concurrency) for place, call in enumerate(calls)]
        return [result for future in futures for result in future.result()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


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
        return call()
    except Exception as error:
        return error


async def _atried(call: Callable[[], Awaitable[T]]) -> T | Exception:
    try:
        return await call()
    except Exception as error:
        return error
