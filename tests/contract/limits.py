"""One deadline and one budget over a question, and what stands in when they run out."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from automix_core import Breaker, ConfigError, CostLimitError, Price, TimeLimitError
from automix_core.routing import waiting
from automix_core.routing.attached import route_of
from tests.loopback import OpenAIServer, Reply

from .adapter import (
    CONTEXT,
    DRAFT,
    LARGE,
    NO,
    QUESTION,
    WAITING,
    WAYS,
    YES,
    Adapter,
    Way,
    billed,
    eventually,
    listed,
    script,
)

LATE = 60.0
"""Seconds that no test waits for."""
SOON = 1.5
"""Seconds that are enough for an answer, also where the machine is busy."""


class Limited(Adapter):
    @pytest.mark.parametrize("way", WAITING)
    @pytest.mark.parametrize("late", ["checks", "answer"])
    def test_the_best_draft_stands_in_when_time_is_up(self, server: OpenAIServer, way: Way, late: str) -> None:
        script(server)
        server.verdicts(Reply(NO, delay=LATE if late == "checks" else 0))
        server.say("large", Reply(LARGE, delay=LATE))
        answer = self.get(self.small_and_large(server, timeout=SOON), way)
        assert answer.text == DRAFT
        route = answer.route
        assert (route.model, route.action, route.errors) == (0, "fallback", ["TimeLimitError"])
        assert f"timeout={SOON} seconds" in route.reason
        assert route.usage["verify" if late == "checks" else "answer"] is None, "nobody knows what it will have used"
        assert route.usage["draft"] == billed(server, lambda bill: bill.model == "small" and not bill.verdict)

    @pytest.mark.parametrize("way", WAITING)
    @pytest.mark.parametrize("settings", [{}, {"when_out": "raise"}])
    def test_without_a_draft_or_where_it_is_wanted_it_is_an_error(
        self, server: OpenAIServer, way: Way, settings: dict[str, Any]
    ) -> None:
        script(server)
        if settings:
            server.verdicts(Reply(YES, delay=LATE))
        else:
            server.say("small", Reply(DRAFT, delay=LATE))
        model = self.small_and_large(server, timeout=SOON, **settings)
        with self.collect() as routes, pytest.raises(TimeLimitError, match="time is up") as caught:
            self.get(model, way)
        assert [route_of(caught.value)] == routes
        assert routes[0].usage["total"] is None
        assert server.calls("large") == []

    @pytest.mark.parametrize("way", ["stream", "astream"])
    def test_a_stream_that_stalls_after_a_word_is_an_error(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO)
        server.say("large", Reply(LARGE, pause=LATE))
        with self.collect() as routes, pytest.raises(TimeLimitError):
            self.get(self.small_and_large(server, timeout=SOON), way)
        assert (routes[0].model, routes[0].errors) == (1, ["TimeLimitError"])

    @pytest.mark.parametrize("way", WAYS)
    def test_a_question_in_time_is_answered_as_ever(self, server: OpenAIServer, way: Way) -> None:
        for verdict, text in ((YES, DRAFT), (NO, LARGE)):
            server.clear()
            script(server, verdict)
            answer = self.get(self.small_and_large(server, timeout=LATE), way)
            assert (answer.text, answer.route.errors) == (text, [])
            assert answer.route.usage["total"] == billed(server, lambda bill: True)

    @pytest.mark.parametrize("way", WAYS)
    def test_no_step_begins_that_costs_more_than_is_left(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO)
        prices = [Price(0, 0), Price(1000, 1000)]
        answer = self.get(self.small_and_large(server, prices=prices, max_cost=0.00001), way)
        assert (answer.text, answer.route.action, answer.route.errors) == (DRAFT, "fallback", ["CostLimitError"])
        assert server.calls("large") == []
        answer = self.get(self.small_and_large(server, prices=prices, max_cost=100), way)
        assert (answer.text, answer.route.errors) == (LARGE, [])
        with pytest.raises(CostLimitError):
            self.get(self.small_and_large(server, prices=[Price(1000, 1000)] * 2, max_cost=0.00001), way)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(("draft", "kept"), [(DRAFT, True), (Reply("Oda", finish_reason="length"), False)])
    def test_a_draft_may_stand_in_where_the_last_model_fails(
        self, server: OpenAIServer, way: Way, draft: Any, kept: bool
    ) -> None:
        script(server, NO)
        server.say("small", draft)
        server.fail("large", Reply(status=500))
        model = self.small_and_large(server, on_last_failure="draft")
        if not kept:
            with pytest.raises(Exception, match="Error code: 500"):
                self.get(model, way)
            return
        answer = self.get(model, way)
        assert (answer.text, answer.route.model, answer.route.action) == (DRAFT, 0, "fallback")
        assert answer.route.errors == [self.server_error]

    def test_a_model_that_keeps_failing_is_left_alone(self, server: OpenAIServer) -> None:
        script(server, YES)
        server.fail("small", Reply(status=500))
        model = self.small_and_large(server, breaker=Breaker(failures=2, pause=1000))
        for number in range(4):
            answer = self.get(model, WAYS[number])
            assert (answer.text, answer.route.action) == (LARGE, "fallback")
        assert len(server.calls("small")) == 2

    @pytest.mark.parametrize("way", ["ask", pytest.param("stream", marks=pytest.mark.slow)])
    def test_a_model_that_too_many_wait_for_is_passed_over(
        self, server: OpenAIServer, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Blocking calls that are left behind are counted by model: the others are asked all the same."""
        monkeypatch.setattr(waiting, "MOST_LEFT_BEHIND", 1)
        script(server)
        server.say("small", Reply(DRAFT, delay=LATE))
        children = [self.child(server, name) for name in ("small", "large")]
        with pytest.raises(TimeLimitError):
            self.get(self.cascade(children, timeout=SOON), way)
        answer = self.get(self.cascade(children, timeout=LATE), way)
        assert (answer.text, answer.route.action, answer.route.errors) == (LARGE, "fallback", ["ModelError"])
        assert len(server.calls("small")) == 1

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"timeout": 0}, "timeout must be a number of seconds above 0"),
            ({"timeout": -1}, "timeout must be a number of seconds above 0"),
            ({"max_cost": 0, "prices": [Price(1, 1)] * 2}, "max_cost must be a number of USD a question above 0"),
            ({"max_cost": 1}, r"max_cost needs the price of every model.*prices=\[Price"),
            ({"max_cost": 1, "prices": [Price(1, 1), None]}, "max_cost needs the price of every model"),
            ({"when_out": "later"}, "when_out.*'draft' or 'raise'"),
            ({"on_last_failure": "next"}, "on_last_failure.*'raise' or 'draft'"),
        ],
    )
    def test_limits_that_can_not_work_say_what_to_write(
        self, server: OpenAIServer, settings: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words):
            self.small_and_large(server, **settings)

    async def test_a_cancelled_call_under_a_limit_leaves_no_task(self, server: OpenAIServer) -> None:
        script(server)
        server.say("small", Reply(DRAFT, delay=LATE))
        model, before = self.small_and_large(server, timeout=LATE), asyncio.all_tasks()
        task = asyncio.create_task(listed(self.astream(model, QUESTION, automix_context=CONTEXT)))
        await eventually(lambda: server.calls("small"))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() <= before | {task}

    def test_a_thread_that_is_left_behind_keeps_no_process_alive(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(Reply(NO, delay=LATE))
        before = set(threading.enumerate())
        self.get(self.small_and_large(server, timeout=SOON), "ask")
        mine = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("automix")]
        assert mine
        assert all(thread.daemon for thread in mine)
