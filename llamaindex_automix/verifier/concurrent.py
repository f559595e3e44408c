"""Several requests at once: in threads, or as tasks. Nothing made here outlives a call, so nothing binds to a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def gather(calls: Sequence[Callable[[], T]], concurrency: int) -> list[T | Exception]:
    """What each of `calls` returned or raised, at most `concurrency` of them running at a time.

    Each runs in a copy of this context, so that spans keep their parent. An interruption does not wait for calls that
    already run, and starts no more.
    """
    if len(calls) == 1:
        return [_tried(calls[0])]
    pool = ThreadPoolExecutor(min(concurrency, len(calls)), thread_name_prefix="automix")
    try:
        futures = [pool.submit(copy_context().run, _tried, call) for call in calls]
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def agather(calls: Sequence[Callable[[], Awaitable[T]]], concurrency: int) -> list[T | Exception]:
    """`gather` on the running loop. When this is cancelled, all that was begun is cancelled and waited for."""
    gate = asyncio.Semaphore(concurrency)

    async def gated(call: Callable[[], Awaitable[T]]) -> T | Exception:
        async with gate:
            return await _atried(call)

    if len(calls) == 1:
        return [await _atried(calls[0])]
    one = _atried if len(calls) <= concurrency else gated
    tasks = [asyncio.create_task(one(call)) for call in calls]
    try:
        return await asyncio.gather(*tasks)
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
