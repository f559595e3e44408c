"""Paid signals: bought when the policy asks for them, billed, and known to it afterwards."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import pytest

from automix_core import Accept, ConfigError, Decision, Draft, Finish, Measure, Price, State
from tests.loopback import OpenAIServer, Reply

from .adapter import CONTEXT, DRAFT, LARGE, NO, QUESTION, WAYS, YES, Adapter, Way, billed, script

SURE = Reply("Correct", logprobs={"Correct": math.log(0.8), "Incorrect": math.log(0.2)})


@dataclass(frozen=True)
class Buys:
    """Measures the small model's draft and keeps it where the number is positive."""

    name: str = "p_correct"

    def decide(self, state: State) -> Decision:
        if not state.drafted[0]:
            return Decision(Draft(0), "draft")
        if self.name in state.purchasable_of(0):
            return Decision(Measure(0, self.name), "measure")
        value = state.signals_of(0).get(self.name)
        return Decision(Accept(0) if value is not None and value > 0 else Finish(1), f"{self.name} {value}")


class Measures(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_a_token_check_by_the_large_model_is_bought_and_billed(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(SURE)
        models = [self.child(server, "small"), self.child(server, "large")]
        measures = {"p_correct": self.token_verifier(model=models[1])}
        answer = self.get(self.cascade(models, policy=Buys(), measures=measures), way)
        route = answer.route
        assert (answer.text, route.action) == (DRAFT, "direct")
        assert route.signals["p_correct"] == pytest.approx(math.log(4))
        assert [step["do"] for step in route.steps] == ["draft", "measure", "accept"]
        assert [check.model for check in server.calls(verdict=True)] == ["large"]
        usage = route.to_dict()["usage"]
        assert usage["verify"] == usage["by_model"][1] == billed(server, lambda bill: bill.model == "large")

    def test_without_a_model_of_its_own_it_asks_the_one_that_wrote_the_draft(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(SURE)
        model = self.small_and_large(server, policy=Buys(), measures={"p_correct": self.token_verifier()})
        assert self.get(model, "ask").text == DRAFT
        assert [check.model for check in server.calls(verdict=True)] == ["small"]

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("awaits", [False, True])
    def test_a_function_may_measure(self, server: OpenAIServer, way: Way, awaits: bool) -> None:
        script(server)
        seen: list[tuple[str, str, str]] = []

        def measure(context: str, question: str, answer: str) -> float:
            seen.append((context, question, answer))
            return -2.5

        async def ameasure(context: str, question: str, answer: str) -> float:
            await asyncio.sleep(0)
            return measure(context, question, answer)

        measures = {"faithful": ameasure if awaits else measure}
        answer = self.get(self.small_and_large(server, policy=Buys("faithful"), measures=measures), way)
        assert seen == [(CONTEXT, QUESTION, DRAFT)]
        assert answer.text == LARGE
        (step,) = [step for step in answer.route.steps if step["do"] == "measure"]
        assert (step["name"], step["value"]) == ("faithful", -2.5)

    @pytest.mark.parametrize("value", [math.nan, math.inf, None, "high"])
    def test_what_is_no_number_is_missing(self, server: OpenAIServer, value: Any) -> None:
        script(server)
        model = self.small_and_large(server, policy=Buys("faithful"), measures={"faithful": lambda *_: value})
        answer = self.get(model, "ask")
        assert answer.text == LARGE
        assert answer.route.errors == (["ConfigError"] if isinstance(value, str) else [])

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_a_model_outside_the_cascade_is_billed_at_the_price_of_its_verifier(
        self, server: OpenAIServer, way: Way
    ) -> None:
        script(server)
        server.verdicts(SURE)
        verifier = self.token_verifier(model=self.child(server, "judge"), price=Price(3, 5))
        model = self.small_and_large(
            server, policy=Buys(), measures={"p_correct": verifier}, prices=[Price(0, 0), Price(0, 0)]
        )
        route = self.get(model, way).route
        assert [check.model for check in server.calls(verdict=True)] == ["judge"]
        (bill,) = [bill for bill in server.billed if bill.model == "judge"]
        assert route.to_dict()["cost"]["total"] == pytest.approx((3 * bill.input_tokens + 5 * bill.output_tokens) / 1e6)

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_what_no_word_could_be_read_from_is_missing_and_paid_for(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(Reply("Perhaps", logprobs={"Perhaps": math.log(0.99)}))
        model = self.small_and_large(server, policy=Buys(), measures={"p_correct": self.token_verifier()})
        answer = self.get(model, way)
        assert (answer.text, answer.route.errors) == (LARGE, [])
        (step,) = [step for step in answer.route.steps if step["do"] == "measure"]
        assert step.get("value") is None
        assert "p_correct" not in answer.route.signals
        usage = answer.route.to_dict()["usage"]
        assert usage["verify"] == billed(server, lambda bill: bill.verdict)

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_a_self_verifier_measures_the_log_odds_of_its_votes(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(YES, YES, YES, NO)
        model = self.small_and_large(server, policy=Buys(), measures={"p_correct": self.verifier(k=4)})
        answer = self.get(model, way)
        assert answer.text == DRAFT
        assert answer.route.signals["p_correct"] == pytest.approx(math.log(3))

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_a_function_that_returns_an_awaitable_is_waited_for(self, server: OpenAIServer, way: Way) -> None:
        script(server)

        async def later() -> float:
            await asyncio.sleep(0)
            return 1.5

        measures = {"faithful": lambda context, question, answer: later()}
        answer = self.get(self.small_and_large(server, policy=Buys("faithful"), measures=measures), way)
        assert (answer.text, answer.route.signals["faithful"]) == (DRAFT, 1.5)

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_a_measurement_that_breaks_is_told_and_the_call_goes_on(self, server: OpenAIServer, way: Way) -> None:
        script(server)

        def broken(context: str, question: str, answer: str) -> float:
            raise ZeroDivisionError

        model = self.small_and_large(server, policy=Buys("faithful"), measures={"faithful": broken})
        answer = self.get(model, way)
        assert (answer.text, answer.route.errors) == (LARGE, ["ZeroDivisionError"])

    @pytest.mark.parametrize("measures", [{"p_correct": 3}, {"support": len}, {"": len}, [len]])
    def test_what_can_t_measure_is_refused(self, server: OpenAIServer, measures: Any) -> None:
        with pytest.raises(ConfigError, match="measures"):
            self.small_and_large(server, measures=measures)
