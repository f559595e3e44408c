"""A load generator: callers who wait for their answer before they ask again, or who come as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

PASSAGE = "Quillon is a harbour town. Its lighthouse has 211 steps and was built by Oda Verrin. "
CONTEXT = PASSAGE * 36
"""About three thousand characters, four passages of a usual length."""

Ask = Callable[[bool], Awaitable[int]]
"""Asks an easy or a hard question and gives the status, 0 where the connection broke."""


@dataclass(frozen=True)
class Load:
    """What came of a run: the seconds of each answered call, how many were not answered, and how long it took."""

    seconds: list[float]
    refused: int
    wall: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.wall

    def at(self, share: float) -> float:
        """A percentile of the calls' seconds."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


def question(hard: bool, model: str) -> dict[str, Any]:
    text = f"{CONTEXT}\n\nWho built the lighthouse? {'HARD' if hard else ''}"
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def over_http(client: httpx.AsyncClient, url: str, model: str) -> Ask:
    async def ask(hard: bool) -> int:
        try:
            reply = await client.post(f"{url}/chat/completions", json=question(hard, model))
        except httpx.TransportError:
            return 0
        return reply.status_code

    return ask


def client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(trust_env=False, timeout=300, limits=limits)


async def closed(ask: Ask, hard: Sequence[bool], at_once: int) -> Load:
    """`at_once` callers ask one question after the other."""
    left, seconds, refused = iter(hard), list[float](), 0

    async def caller() -> None:
        nonlocal refused
        for each in left:
            begun = time.perf_counter()
            if await ask(each) == 200:
                seconds.append(time.perf_counter() - begun)
            else:
                refused += 1

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return Load(seconds, refused, time.perf_counter() - begun)


async def opened(ask: Ask, hard: Sequence[bool], rate: float, seed: int = 17) -> Load:
    """Questions come at random, `rate` a second on average, whether or not those before are answered."""
    drawn, seconds, refused, tasks = Random(seed), list[float](), 0, list[asyncio.Task[None]]()

    async def call(each: bool, due: float) -> None:
        nonlocal refused
        if await ask(each) == 200:
            seconds.append(time.perf_counter() - due)  # from when it was due: a late generator is no fast server
        else:
            refused += 1

    begun = due = time.perf_counter()
    for each in hard:
        due += drawn.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(call(each, due)))
    await asyncio.gather(*tasks)
    return Load(seconds, refused, time.perf_counter() - begun)


def mixed(calls: int, share: float, seed: int = 5) -> list[bool]:
    """Which of the questions are hard."""
    drawn = Random(seed)
    return [drawn.random() < share for _ in range(calls)]
