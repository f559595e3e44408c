"""Drawing n replies to one prompt: the procedure of `automix_core.checking.sampling`, performed with LlamaIndex."""

from __future__ import annotations

import asyncio
from functools import partial

from automix_core.checking import drawing
from automix_core.checking.concurrent import agather, gather
from automix_core.checking.sampling import Got, Sample, Terms, Wanted

from ..child.sampler import Prompt, Sampler


def draw(sampler: Sampler, prompt: Prompt, n: int, concurrency: int, terms: Terms) -> Sample:
    """`n` replies to `prompt`, blocking, at most `concurrency` requests at a time."""

    def perform(wanted: Wanted) -> Got:
        return gather([partial(sampler.ask, prompt, wanted)] * wanted.requests, concurrency, wanted.ends)

    return drawing.draw(n, terms, sampler.memory, perform)


async def adraw(sampler: Sampler, prompt: Prompt, n: int, concurrency: int, terms: Terms) -> Sample:
    """`draw`, awaited. Clients whose awaited calls hold up the loop are asked in threads."""

    async def perform(wanted: Wanted) -> Got:
        if sampler.client.blocks:
            asks = [partial(sampler.ask, prompt, wanted)] * wanted.requests
            return await asyncio.to_thread(gather, asks, concurrency, wanted.ends)
        return await agather([partial(sampler.aask, prompt, wanted)] * wanted.requests, concurrency, wanted.ends)

    return await drawing.adraw(n, terms, sampler.memory, perform)
