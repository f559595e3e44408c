"""One model under many callers, some of whom give up."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import Any

import pytest

from automix_core import Route
from tests.loopback import OpenAIServer, Reply

from .adapter import (
    CONTEXT,
    DRAFT,
    LARGE,
    NO,
    QUESTION,
    YES,
    Adapter,
    Piece,
    Way,
    eventually,
    listed,
    script,
)


class Concurrency(Adapter):
    async def test_a_hundred_calls_keep_their_own_questions(self, server: OpenAIServer) -> None:
        self._numbered(server)
        model = self.small_and_large(server, verifier=self.verifier(k=1))
        with self.collect() as routes:
            answers = await asyncio.gather(
                *(self.aask(model, f"Question {n:03}?", automix_context=f"Passage {n:03}.") for n in range(100))
            )
        self._check(server, [(piece.text, piece.route) for piece in answers], routes)

    def test_so_do_threads(self, server: OpenAIServer) -> None:
        self._numbered(server)
        model = self.small_and_large(server, verifier=self.verifier(k=1))
        answers: dict[int, Piece] = {}

        def work(first: int) -> None:
            for n in range(first, 40, 8):
                answers[n] = self.ask(model, f"Question {n:03}?", automix_context=f"Passage {n:03}.")

        with self.collect() as routes:
            threads = [threading.Thread(target=copy_context().run, args=(work, first)) for first in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self._check(server, [(answers[n].text, answers[n].route) for n in range(40)], routes)

    def test_another_threads_calls_are_not_the_blocks_own(self, server: OpenAIServer) -> None:
        """Two requests of one server: neither call may land on the other's bill."""
        script(server, YES)
        model = self.small_and_large(server, verifier=self.verifier(k=1))
        with self.collect() as routes:
            other = threading.Thread(target=lambda: self.ask(model, QUESTION, automix_context=CONTEXT))
            other.start()
            other.join()
            assert routes == []
            self.ask(model, QUESTION, automix_context=CONTEXT)
        assert len(routes) == 1

    def test_one_model_serves_several_loops(self, server: OpenAIServer) -> None:
        script(server)
        model = self.cascade(
            [self.child(server, "small"), self.child(server, "large")], verifier=lambda *_: [True], policy=None
        )
        for _ in range(3):
            assert asyncio.run(self._in_parallel(model)) == [DRAFT] * 3

    async def _in_parallel(self, model: Any) -> list[str]:
        asked = (self.aask(model, QUESTION, automix_context=CONTEXT) for _ in range(3))
        return [piece.text for piece in await asyncio.gather(*asked)]

    def _numbered(self, server: OpenAIServer) -> None:
        """Each model repeats the number it was asked; every third draft is found wrong."""
        server.say("small", lambda request: f"small {request.question[9:12]}")
        server.say("large", lambda request: f"large {request.question[9:12]}")
        server.verdicts(lambda request: NO if int(_number(request.question)) % 3 == 0 else YES)

    def _check(self, server: OpenAIServer, answers: list[tuple[str, Route | None]], routes: list[Route]) -> None:
        assert len(routes) == len(answers)
        for n, (text, route) in enumerate(answers):
            assert route is not None
            assert text == f"{'large' if n % 3 == 0 else 'small'} {n:03}"
            assert route.model == (1 if n % 3 == 0 else 0)
        for check in server.calls(verdict=True):
            number = _number(check.question)
            assert f"Passage {number}." in check.question
            assert f"small {number}" in check.question


class Cancellation(Adapter):
    @pytest.mark.parametrize("during", ["draft", "verify", "answer"])
    @pytest.mark.parametrize("way", ["aask", "astream"])
    async def test_a_cancelled_call_leaves_nothing_running(self, server: OpenAIServer, way: Way, during: str) -> None:
        slow = 30.0
        server.say("small", Reply(DRAFT, delay=slow if during == "draft" else 0))
        server.say("large", Reply(LARGE, delay=slow))
        server.verdicts(Reply(NO, delay=slow if during == "verify" else 0))
        model = self.small_and_large(server)
        before = asyncio.all_tasks()
        with self.collect() as routes:
            task = asyncio.create_task(self._drained(model, way))
            reached = {
                "draft": lambda: server.calls("small"),
                "verify": lambda: server.calls(verdict=True),
                "answer": lambda: server.calls("large"),
            }
            await eventually(reached[during])
            asked = server.in_flight
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert asyncio.all_tasks() <= before | {task}
        await eventually(lambda: server.disconnects >= asked)
        (route,) = routes
        assert route.errors == ["CancelledError"]
        assert route.usage["total"] is None, "nobody knows what the request that was given up will have used"
        assert (route.usage["verify"] is None) == (during == "verify")
        if during != "answer":
            assert server.calls("large") == []

    async def _drained(self, model: Any, way: str) -> None:
        if way == "aask":
            await self.aask(model, QUESTION, automix_context=CONTEXT)
        else:
            await listed(self.astream(model, QUESTION, automix_context=CONTEXT))


def _number(text: str) -> str:
    return text.split("Question ")[1][:3]
