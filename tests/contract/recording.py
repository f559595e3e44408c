"""The record of a call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from automix_core import Price, Route
from automix_core.checking.thoughts import split
from automix_core.routing.bill import bills
from tests.loopback import OpenAIServer, Reply

from .adapter import (
    CONTEXT,
    DRAFT,
    FIELDS,
    KEY,
    NO,
    QUESTION,
    WAYS,
    YES,
    Adapter,
    Way,
    billed,
    drawn,
    script,
)


class Records(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_the_bill_is_made_and_each_check_is_read_once_a_call(
        self, server: OpenAIServer, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script(server, YES)
        done: list[str] = []

        def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any) -> Any:
                done.append(name)
                return function(*given)

            return call

        monkeypatch.setattr("automix_core.checking.verdict.split", counted("read", split))
        monkeypatch.setattr("automix_core.routing.route.bills", counted("billed", bills))
        assert self.get(self.small_and_large(server), way).route.verdicts == drawn(correct=4)
        assert (done.count("read"), done.count("billed")) == (4, 1)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("verdict", [YES, NO])
    def test_every_token_is_counted_once_under_its_role(self, server: OpenAIServer, way: Way, verdict: str) -> None:
        script(server, verdict)
        usage = self.get(self.small_and_large(server), way).route.usage
        assert usage["draft"] == billed(server, lambda bill: bill.model == "small" and not bill.verdict)
        assert usage["verify"] == billed(server, lambda bill: bill.verdict)
        assert usage["answer"] == billed(server, lambda bill: bill.model == "large")
        assert usage["total"] == billed(server, lambda bill: True)
        small = billed(server, lambda bill: bill.model == "small")
        assert usage["by_model"] == [small, billed(server, lambda bill: bill.model == "large")]

    def test_usage_that_was_not_reported_is_unknown(self, server: OpenAIServer) -> None:
        script(server, YES)
        server.say("small", Reply(DRAFT, usage=False))
        route = self.get(self.small_and_large(server, prices=[Price(1, 2), Price(10, 20)]), "ask").route
        assert route.usage["draft"] is None
        assert route.usage["total"] is None
        assert route.usage["verify"] is not None
        assert route.cost["total"] is None

    def test_costs(self, server: OpenAIServer) -> None:
        script(server, YES)
        small, large = Price(1, 2), Price(10, 20)
        route = self.get(self.small_and_large(server, prices=[small, large]), "ask").route
        tokens, kept = billed(server, lambda bill: True), billed(server, lambda bill: not bill.verdict)
        spent = (tokens["input_tokens"] * 1 + tokens["output_tokens"] * 2) / 1e6
        alone = (kept["input_tokens"] * 10 + kept["output_tokens"] * 20) / 1e6
        assert route.cost["total"] == pytest.approx(spent)
        assert route.cost["always_large"] == pytest.approx(alone)
        assert route.cost["saved"] == pytest.approx(alone - spent)
        assert route.cost["always_large_estimated"] is True
        server.verdicts(NO)
        server.clear()
        route = self.get(self.small_and_large(server, prices=[Price(0, 0), large]), "ask").route
        own = billed(server, lambda bill: bill.model == "large")
        alone = (own["input_tokens"] * 10 + own["output_tokens"] * 20) / 1e6
        assert route.cost["always_large_estimated"] is False
        assert route.cost["total"] == pytest.approx(alone)
        assert route.cost["saved"] == pytest.approx(0.0)

    def test_unknown_prices_are_not_zero(self, server: OpenAIServer) -> None:
        script(server, YES)
        route = self.get(self.small_and_large(server, prices=[None, Price(10, 20)]), "ask").route
        assert route.cost["total"] is None
        assert route.cost["saved"] is None
        assert route.cost["always_large"] is not None

    @pytest.mark.parametrize("way", WAYS)
    def test_a_record_is_plain_data_of_one_layout(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        plain = self.get(self.small_and_large(server), way).route.to_dict()
        assert list(plain) == FIELDS
        assert json.loads(json.dumps(plain)) == plain
        assert Route.from_dict(plain).to_dict() == plain
        assert KEY not in json.dumps(plain)
        assert plain["policy"] == "Threshold(0.75)"
        assert list(plain["usage"]) == ["total", "draft", "verify", "answer", "by_model"]
        assert list(plain["cost"]) == ["total", "always_large", "always_large_estimated", "saved", "currency"]

    def test_the_model_shows_no_key(self, server: OpenAIServer) -> None:
        model = self.small_and_large(server)
        assert KEY not in repr(model) + str(model)

    def test_blocks_nest_and_do_not_see_each_other(self, server: OpenAIServer) -> None:
        script(server, YES)
        model = self.small_and_large(server, verifier=self.verifier(k=1))
        with self.collect() as outer:
            with self.collect() as inner:
                self.ask(model, QUESTION, automix_context=CONTEXT)
            self.ask(model, QUESTION, automix_context=CONTEXT)
        assert (len(inner), len(outer)) == (1, 2)
        self.ask(model, QUESTION, automix_context=CONTEXT)
        assert len(outer) == 2

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(
        ("answer", "found"), [(Reply("It was", finish_reason="length"), "cut off"), (Reply("It"), "")], ids=["cut", ""]
    )
    def test_the_answer_is_examined_like_a_draft(
        self, server: OpenAIServer, way: Way, answer: Reply, found: str
    ) -> None:
        script(server, NO)
        server.say("large", answer)
        route = self.get(self.small_and_large(server), way).route
        assert (route.action, route.errors) == ("escalate", [found] if found else [])
        assert route.steps[-1].get("problem", "") == found
        assert route.usage["answer"] == billed(server, lambda bill: bill.model == "large")
