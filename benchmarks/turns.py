"""Calls of several kinds that take turns, and what each takes.

Lower deciles, since other work on the machine only ever adds. On a busy machine the clock of the processor says more
than the one on the wall: it counts what this process computed, in all its threads, and no waiting for a turn.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import quantiles
from typing import Any

WARM = 20

Clock = Callable[[], float]


def clock_of(processor: bool) -> Clock:
    """The clock of the processor, or the one on the wall."""
    return time.process_time if processor else time.perf_counter


def timed(calls: Sequence[Callable[[], Any]], rounds: int, clock: Clock) -> list[float]:
    """Milliseconds of each of `calls`."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + WARM):
        for kind, call in enumerate(calls):
            start = clock()
            call()
            if turn >= WARM:
                times[kind].append(clock() - start)
    return [decile(each) for each in times]


async def atimed(calls: Sequence[Callable[[], Awaitable[Any]]], rounds: int, clock: Clock) -> list[float]:
    """The same, awaited in one event loop."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + WARM):
        for kind, call in enumerate(calls):
            start = clock()
            await call()
            if turn >= WARM:
                times[kind].append(clock() - start)
    return [decile(each) for each in times]


def decile(times: list[float]) -> float:
    """The lower decile, in milliseconds."""
    return quantiles(times, n=10)[0] * 1000
