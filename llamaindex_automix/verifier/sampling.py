"""Drawing n replies to one prompt: the procedure of `automix_core.checking.sampling`, performed with LlamaIndex."""

from __future__ import annotations

import asyncio
from functools import partial

from automix_core.checking.concurrent import agather, gather
from automix_core.checking.sampling import Sample, Terms, sampling

from ..child.sampler import Prompt, Sampler


def draw(sampler: Sampler, prompt: Prompt, n: int, concurrency: int, terms: Terms) -> Sample:
    """`n` replies to `prompt`, blocking, at most `concurrency` requests at a time."""
    flow = sampling(n, terms, sampler.memory)
    try:
        wanted = next(flow)
        while True:
            ask = partial(sampler.ask, prompt, wanted)
            wanted = flow.send(gather([ask] * wanted.requests, concurrency, wanted.ends))
    except StopIteration as stop:
        sample: Sample = stop.value
        return sample


async def adraw(sampler: Sampler, prompt: Prompt, n: int, concurrency: int, terms: Terms) -> Sample:
    """`draw`, awaited. Clients whose awaited calls hold up the loop are asked in threads."""
    flow = sampling(n, terms, sampler.memory)
    try:
        wanted = next(flow)
        while True:
            if sampler.client.blocks:
                asks = [partial(sampler.ask, prompt, wanted)] * wanted.requests
                wanted = flow.send(await asyncio.to_thread(gather, asks, concurrency, wanted.ends))
            else:
                awaits = [partial(sampler.aask, prompt, wanted)] * wanted.requests
                wanted = flow.send(await agather(awaits, concurrency, wanted.ends))
    except StopIteration as stop:
        sample: Sample = stop.value
        return sample
