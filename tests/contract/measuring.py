"""Paid signals: bought when the policy asks for them, billed, and known to it afterwards."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import pytest

from automix_core import Accept, ConfigError, Decision, Draft, Finish, Measure, State
from tests.loopback import OpenAIServer, Reply

from .adapter import CONTEXT, DRAFT, LARGE, QUESTION, WAYS, Adapter, Way, billed, script

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

    @pytest.mark.parametrize("measures", [{"p_correct": 3}, {"support": len}, {"": len}, [len]])
    def test_what_can_t_measure_is_refused(self, server: OpenAIServer, measures: Any) -> None:
        with pytest.raises(ConfigError, match="measures"):
            self.small_and_large(server, measures=measures)
