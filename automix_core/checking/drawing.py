"""The drivers of sampling, blocking and awaited: they perform what it wants until it has its sample."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .refusal import Memory
from .sampling import Got, Sample, Terms, Told, Wanted, sampling


def draw(n: int, terms: Terms, memory: Memory, perform: Callable[[Wanted], Got], told: Told | None = None) -> Sample:
    """`n` replies, as `sampling` draws them; `perform` sends what is wanted and returns what came of it."""
    flow = sampling(n, terms, memory, told)
    try:
        wanted = next(flow)
        while True:
            wanted = flow.send(perform(wanted))
    except StopIteration as stop:
        sample: Sample = stop.value
        return sample


async def adraw(
    n: int, terms: Terms, memory: Memory, perform: Callable[[Wanted], Awaitable[Got]], told: Told | None = None
) -> Sample:
    """`draw`, awaited."""
    flow = sampling(n, terms, memory, told)
    try:
        wanted = next(flow)
        while True:
            wanted = flow.send(await perform(wanted))
    except StopIteration as stop:
        sample: Sample = stop.value
        return sample
