"""Many awaited calls at once, so many of them under way: seconds, the longest stall, and seconds of the processor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any, NamedTuple

TICK = 0.001

Ask = Callable[[str], Awaitable[Any]]


class Burst(NamedTuple):
    """What one burst took. A stall is the longest time for which the event loop answered nobody."""

    seconds: float
    stall: float
    processor: float


async def burst(ask: Ask, question: str, calls: int, at_a_time: int) -> Burst:
    """`calls` calls with the numbered `question`, at most `at_a_time` at once."""
    gate, stalls = asyncio.Semaphore(at_a_time), [0.0]

    async def one(number: int) -> None:
        async with gate:
            await ask(f"{question} ({number})")

    async def watch() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(TICK)
            stalls.append(time.perf_counter() - start - TICK)

    watching = asyncio.create_task(watch())
    start, began = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(number) for number in range(calls)))
    took, busy = time.perf_counter() - start, time.process_time() - began
    watching.cancel()
    return Burst(took, max(stalls), busy)


def middle(bursts: list[Burst]) -> Burst:
    """The median of each part."""
    return Burst(*map(median, zip(*bursts, strict=True)))


def ratios(ours: list[Burst], theirs: list[Burst]) -> tuple[float, float, float]:
    """The medians of the rounds' ratios: our calls a second to theirs, our stalls, our seconds of the processor."""
    pairs = list(zip(ours, theirs, strict=True))
    return (
        median(b.seconds / a.seconds for a, b in pairs),
        median(a.stall / b.stall for a, b in pairs),
        median(a.processor / b.processor for a, b in pairs),
    )
