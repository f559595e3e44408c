"""A limit on inner requests that is really kept."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from automix_core import ConfigError, Limiter
from tests.loopback import OpenAIServer, Reply

from .adapter import CONTEXT, DRAFT, LARGE, NO, QUESTION, WAYS, YES, Adapter, Way, eventually, listed


class Inside:
    """The models, and how many requests they were busy with at most: counted from within, while the client waits."""

    def __init__(self, server: OpenAIServer) -> None:
        self.now = self.peak = self.checks = 0
        self.lock = threading.Lock()
        server.say("small", lambda _: self.busy(DRAFT))
        server.say("large", lambda _: self.busy(LARGE))
        server.verdicts(lambda _: self.busy(""))

    def busy(self, text: str) -> str:
        with self.lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
            self.checks += not text
            verdict = NO if self.checks % 2 else YES
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        return text or verdict


class Limiting(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_no_more_requests_are_under_way_than_the_limiter_allows(self, server: OpenAIServer, way: Way) -> None:
        """Drafts, checks, answers and streams of two cascades together, a thread or a task a call."""
        inside = Inside(server)
        limiter = Limiter(3)
        models = [
            self.cascade(
                [self.single(server, "small"), self.child(server, "large")],
                verifier=self.verifier(k=4),
                limiter=limiter,
            )
            for _ in range(2)
        ]
        if way in ("ask", "stream"):
            with ThreadPoolExecutor(8) as pool:
                texts = list(pool.map(lambda n: self.get(models[n % 2], way).text, range(12)))
        else:
            texts = asyncio.run(self._at_once(models, way))
        assert set(texts) <= {DRAFT, LARGE}
        assert len(texts) == 12
        assert inside.peak == 3

    async def _at_once(self, models: list[Any], way: str) -> list[str]:
        async def one(n: int) -> str:
            if way == "aask":
                return (await self.aask(models[n % 2], QUESTION, automix_context=CONTEXT)).text
            pieces = await listed(self.astream(models[n % 2], QUESTION, automix_context=CONTEXT))
            return "".join(piece.text for piece in pieces)

        return list(await asyncio.gather(*(one(n) for n in range(12))))

    async def test_a_cancelled_call_gives_its_slot_back(self, server: OpenAIServer) -> None:
        server.say("small", Reply(DRAFT, delay=30), Reply(DRAFT))
        server.verdicts(YES)
        model = self.small_and_large(server, limiter=1)
        first = asyncio.create_task(self.aask(model, QUESTION, automix_context=CONTEXT))
        await eventually(lambda: server.requests)
        waiting = asyncio.create_task(self.aask(model, QUESTION, automix_context=CONTEXT))
        await asyncio.sleep(0.01)
        waiting.cancel()
        first.cancel()
        ended = await asyncio.gather(first, waiting, return_exceptions=True)
        assert [type(error) for error in ended] == [asyncio.CancelledError] * 2
        assert len(server.requests) == 1
        assert (await self.aask(model, QUESTION, automix_context=CONTEXT)).text == DRAFT

    @pytest.mark.parametrize("way", WAYS)
    def test_a_cascade_within_a_cascade_waits_for_no_slot_of_its_own(self, server: OpenAIServer, way: Way) -> None:
        inside, limiter = Inside(server), Limiter(1)
        inner = self.small_and_large(server, limiter=limiter)
        model = self.cascade(
            [inner, self.child(server, "large")],
            verifier=self.verifier(model=self.child(server, "judge"), k=2),
            limiter=limiter,
        )
        with self.collect() as routes:
            self.get(model, way)
        assert len(routes) == 2
        assert inside.peak == 1

    def test_a_rate_limiter_is_asked_before_each_request(self, server: OpenAIServer) -> None:
        class Paced:
            asked = 0

            def acquire(self, *, blocking: bool = True) -> bool:
                self.asked += 1
                return True

            async def aacquire(self, *, blocking: bool = True) -> bool:
                return self.acquire(blocking=blocking)

        server.say("small", DRAFT)
        server.say("large", LARGE)
        server.verdicts(NO)
        paced = Paced()
        model = self.small_and_large(server, limiter=paced)
        for number, way in enumerate(WAYS, start=1):
            self.get(model, way)
            assert paced.asked == len(server.requests) == 3 * number

    @pytest.mark.parametrize("limiter", [0, -1, True, 1.5, "8"])
    def test_a_limiter_that_can_not_limit_is_refused(self, server: OpenAIServer, limiter: Any) -> None:
        with pytest.raises(ConfigError, match="limiter must"):
            self.small_and_large(server, limiter=limiter)
