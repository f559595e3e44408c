"""An answer begun while the draft before it is checked: when, for whom, and what is paid for it."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from automix_core import ConfigError, Decision, Price, Route, State, Threshold
from automix_core.routing.attached import route_of
from tests.loopback import Gate, OpenAIServer, Reply, Request

from .adapter import CONTEXT, DRAFT, LARGE, NO, QUESTION, WAYS, YES, Adapter, Way, billed, eventually, listed, script

LATE = 60.0
"""Seconds that no test waits for."""
SOON = 3.0
"""Seconds that a draft takes less than, also where the machine is busy."""
AWAITED: tuple[Way, ...] = ("aask", "astream")
PRICES = [Price(1, 1), Price(10, 10)]


@dataclass(frozen=True)
class Timed:
    """A policy that knows what time is worth, and notes what it was asked."""

    pays: bool
    asked: tuple[list[tuple[int, float]], ...] = ([],)

    def decide(self, state: State) -> Decision:
        return Threshold(0.75).decide(state)

    def pays_ahead(self, model: int, price: float) -> bool:
        self.asked[0].append((model, price))
        return self.pays


def once(condition: Callable[[], object], text: str) -> Callable[[Request], Reply]:
    """A check that says `text` as soon as `condition` holds, and nothing readable if it does not come true."""

    def answer(request: Request) -> Reply:
        for _ in range(500):
            if condition():
                return Reply(text)
            time.sleep(0.01)
        return Reply("What was waited for did not happen.")

    return answer


def steps(route: Route) -> list[str]:
    return [step["do"] + {True: " used", False: " dropped", None: ""}[step.get("used")] for step in route.steps]


class Hedging(Adapter):
    def hedged(self, server: OpenAIServer, **settings: Any) -> Any:
        return self.small_and_large(server, **{"hedge": True, "prices": PRICES, **settings})

    @pytest.mark.parametrize("way", AWAITED)
    def test_the_answer_begins_while_the_draft_is_checked(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(once(lambda: server.calls("large"), NO))
        answer = self.get(self.hedged(server), way)
        assert answer.text == LARGE
        assert (answer.route.action, answer.route.model) == ("escalate", 1)
        assert steps(answer.route) == ["draft", "hedge used", "verify", "finish"]
        assert len(server.calls("large")) == 1
        assert answer.route.usage["total"] == billed(server, lambda bill: True)
        assert answer.route.usage["answer"] == billed(server, lambda bill: bill.model == "large")
        assert not answer.route.usage_estimated
        assert server.disconnects == 0

    @pytest.mark.parametrize("way", AWAITED)
    def test_it_is_cancelled_at_the_server_where_the_draft_is_kept(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.say("large", Reply(LARGE, delay=LATE))
        server.verdicts(once(lambda: server.calls("large"), YES))

        async def call() -> tuple[str, Route]:
            model = self.hedged(server)
            if way == "aask":
                pieces = [await self.aask(model, QUESTION, automix_context=CONTEXT)]
            else:
                pieces = await listed(self.astream(model, QUESTION, automix_context=CONTEXT))
            await eventually(lambda: server.disconnects == 1)
            assert pieces[-1].route is not None
            return "".join(piece.text for piece in pieces), pieces[-1].route

        text, route = asyncio.run(call())
        assert (text, route.action, route.errors) == (DRAFT, "accept", [])
        assert steps(route) == ["draft", "hedge dropped", "verify", "accept"]
        small = billed(server, lambda bill: not bill.verdict)
        assert route.usage_estimated, "no provider says what a cancelled request used"
        drafts, own = route.usage["draft"], sum(server.tokens()) * 1e-6
        assert drafts is not None
        assert drafts == {name: 2 * tokens for name, tokens in small.items()}
        assert route.usage["by_model"][1] == small, "taken to be as long as the draft"
        assert route.usage["answer"] == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        assert route.cost["total"] == pytest.approx(own + drafts["total_tokens"] / 2 * 10e-6)
        assert route.cost["always_large_estimated"]

    @pytest.mark.parametrize("way", AWAITED)
    @pytest.mark.parametrize("verdict", [YES, NO])
    def test_its_error_matters_only_where_it_is_needed(self, server: OpenAIServer, way: Way, verdict: str) -> None:
        script(server)
        server.fail("large", Reply(status=500))
        server.verdicts(once(lambda: server.calls("large"), verdict))
        if verdict == NO:
            with self.collect() as routes, pytest.raises(Exception, match="Error code: 500") as caught:
                self.get(self.hedged(server), way)
            assert [route_of(caught.value)] == routes
            assert len(server.calls("large")) == 1
            return
        answer = self.get(self.hedged(server), way)
        assert (answer.text, answer.route.action) == (DRAFT, "accept")
        assert answer.route.cost["total"] is not None

    @pytest.mark.parametrize("way", AWAITED)
    def test_a_draft_stands_in_for_an_answer_that_failed_ahead(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO)
        server.fail("large", Reply(status=500))
        answer = self.get(self.hedged(server, on_last_failure="draft"), way)
        assert (answer.text, answer.route.action, answer.route.errors) == (DRAFT, "fallback", [self.server_error])

    @pytest.mark.parametrize("way", ["ask", "stream"])
    def test_blocking_calls_begin_nothing_ahead(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        early: list[int] = []

        def check(request: Request) -> Reply:
            early.append(len(server.calls("large")))
            return Reply(NO)

        server.verdicts(check)
        answer = self.get(self.hedged(server), way)
        assert answer.text == LARGE
        assert set(early) == {0}
        assert "hedge used" not in steps(answer.route)

    @pytest.mark.parametrize("way", AWAITED)
    @pytest.mark.parametrize("pays", [True, False])
    def test_a_policy_that_knows_what_time_is_worth_has_the_say(
        self, server: OpenAIServer, way: Way, pays: bool
    ) -> None:
        script(server)
        server.say("large", Reply(LARGE, delay=LATE))
        server.verdicts(once(lambda: server.calls("large"), YES) if pays else YES)
        policy = Timed(pays, ([],))
        answer = self.get(self.hedged(server, policy=policy), way)
        assert answer.text == DRAFT
        assert ("hedge dropped" in steps(answer.route)) == pays
        draft = billed(server, lambda bill: not bill.verdict)
        ((model, price),) = policy.asked[0]
        assert model == 0
        assert price == pytest.approx(draft["total_tokens"] * 10e-6)

    @pytest.mark.parametrize("way", ["aask", pytest.param("astream", marks=pytest.mark.slow)])
    @pytest.mark.parametrize(("when_out", "late"), [("draft", "checks"), ("draft", "answer"), ("raise", "answer")])
    def test_a_deadline_ends_it_too(self, server: OpenAIServer, way: Way, when_out: str, late: str) -> None:
        script(server)
        server.verdicts(Reply(NO, delay=LATE if late == "checks" else 0))
        server.say("large", Reply(LARGE, delay=LATE))
        model = self.hedged(server, timeout=SOON, when_out=when_out)
        with self.collect() as routes:
            if when_out == "draft":
                assert self.get(model, way).text == DRAFT
            else:
                with pytest.raises(Exception, match="time is up"):
                    self.get(model, way)
        (route,) = routes
        assert route.errors == ["TimeLimitError"]
        assert route.cost["total"] is None, "nobody knows what was left will have used"

    @pytest.mark.parametrize("way", AWAITED)
    def test_it_needs_money_beside_the_checks(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        model = self.hedged(server, prices=[Price(0, 0), Price(1000, 1000)], max_cost=0.00001)
        answer = self.get(model, way)
        assert (answer.text, answer.route.action) == (DRAFT, "accept")
        assert server.calls("large") == []

    @pytest.mark.parametrize("way", AWAITED)
    def test_money_set_aside_for_it_is_there_when_it_is_needed(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(once(lambda: server.calls("large"), NO))
        answer = self.get(self.hedged(server, max_cost=1.0), way)
        assert (answer.text, answer.route.action, answer.route.errors) == (LARGE, "escalate", [])

    async def test_cancelling_the_call_cancels_it(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(Reply(YES, delay=LATE))
        server.say("large", Reply(LARGE, delay=LATE))
        call = asyncio.create_task(self.aask(self.hedged(server), QUESTION, automix_context=CONTEXT))
        await eventually(lambda: server.calls("large") and server.calls("small", verdict=True))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await eventually(lambda: server.in_flight == 0)

    async def test_closing_a_stream_cancels_it(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(once(lambda: server.calls("large"), NO))
        server.say("large", Reply(LARGE, pause=LATE))
        pieces = self.astream(self.hedged(server), QUESTION, automix_context=CONTEXT)
        await anext(pieces)
        await pieces.aclose()
        await eventually(lambda: gc.collect() >= 0 and server.disconnects == 1)

    async def test_its_pieces_come_as_the_model_sends_them(self, server: OpenAIServer) -> None:
        gate = Gate()
        script(server)
        server.verdicts(once(lambda: server.calls("large"), NO))
        server.say("large", Reply(LARGE, gate=gate))
        told = []
        async for piece in self.astream(self.hedged(server), QUESTION, automix_context=CONTEXT):
            if piece.text:
                told.append(piece.text)
                gate.open()
        assert "".join(told) == LARGE
        assert not gate.starved, "a piece was held back"

    @pytest.mark.parametrize("way", WAYS)
    def test_nothing_begins_where_nothing_is_checked(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.say("small", Reply("", finish_reason="stop"))
        answer = self.get(self.hedged(server), way)
        assert (answer.text, steps(answer.route)) == (LARGE, ["draft", "finish"])

    @pytest.mark.parametrize("prices", [None, [Price(1, 1), None]])
    def test_it_needs_prices(self, server: OpenAIServer, prices: Any) -> None:
        with pytest.raises(ConfigError, match=r"hedge needs the price of every model.*prices=\[Price"):
            self.small_and_large(server, hedge=True, prices=prices)
