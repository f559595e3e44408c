"""Paid signals ready made: does the context suffice, and do more drafts say the same?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from automix_core import ConfigError, Price, read_outcomes
from automix_core.audit.audit import Audit
from tests.loopback import OpenAIServer, Reply
from tests.loopback.openai_server import Quirks

from .adapter import CONTEXT, DRAFT, LARGE, QUESTION, WAYS, YES, Adapter, Way, billed, script
from .measuring import SURE, Buys

SUFFICES = Reply("Yes", logprobs={"Yes": math.log(0.7), " yes": math.log(0.1), "No": math.log(0.2)})
LACKS = Reply("No", logprobs={"No": math.log(0.9), "Yes": math.log(0.1)})
PRICES = [Price(1, 2), Price(10, 20)]


class Purchases(Adapter):
    def drafts_again(self, server: OpenAIServer, *drafts: str) -> None:
        """More drafts, all in one request, say `drafts`."""
        server.say("small", *drafts, when=lambda request: request.n > 1)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(("word", "kept"), [(SUFFICES, True), (LACKS, False)])
    def test_whether_the_context_suffices_is_asked_in_one_word(
        self, server: OpenAIServer, way: Way, word: Reply, kept: bool
    ) -> None:
        script(server)
        server.verdicts(word)
        measures = {"sufficient": self.token_verifier(about="context")}
        answer = self.get(self.small_and_large(server, policy=Buys("sufficient"), measures=measures), way)
        assert answer.text == (DRAFT if kept else LARGE)
        assert answer.route.signals["sufficient"] == pytest.approx(math.log(4 if kept else 1 / 9))
        (asked,) = server.calls("small", verdict=True)
        assert (asked.n, asked.body["top_logprobs"]) == (1, 20)
        assert CONTEXT in asked.question
        assert QUESTION in asked.question
        assert DRAFT not in asked.text, "it is asked beside the draft"
        assert answer.route.to_dict()["usage"]["verify"] == billed(server, lambda bill: bill.verdict)

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_without_log_probabilities_that_is_sampled(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts("Yes", "yes.", "No", "Yes")
        server.quirks["small"] = Quirks(refuse_logprobs=True)
        measures = {"sufficient": self.token_verifier(about="context", k=4)}
        route = self.get(self.small_and_large(server, policy=Buys("sufficient"), measures=measures), way).route
        assert route.signals["sufficient"] == pytest.approx(math.log(3))
        assert not any(DRAFT in asked.text for asked in server.calls(verdict=True))

    def test_alone_it_needs_no_answer(self, server: OpenAIServer) -> None:
        server.verdicts(SUFFICES)
        verifier = self.token_verifier(model=self.child(server, "large"), about="context")
        found = self.check(verifier, {"context": CONTEXT, "question": QUESTION})
        assert found["texts"] == ["Yes"]
        assert found["confidence"] == pytest.approx(0.8)

    @pytest.mark.parametrize("way", WAYS)
    def test_more_drafts_are_sampled_and_compared(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        self.drafts_again(server, DRAFT, "Piet Okoro")
        model = self.small_and_large(server, policy=Buys("agreement"), measures={"agreement": 2})
        answer = self.get(model, way)
        assert answer.text == DRAFT
        assert answer.route.signals["agreement"] == pytest.approx(0.5)
        first, again = server.calls("small")
        assert (again.n, again.body["temperature"]) == (2, 1.0)
        assert again.messages == first.messages
        usage = answer.route.to_dict()["usage"]
        assert usage["verify"] == billed(server, lambda bill: bill.n == 2)
        assert usage["by_model"][0] == billed(server, lambda bill: True)

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_a_client_of_one_choice_is_asked_for_each(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        models = [self.single(server, "small"), self.child(server, "large")]
        model = self.cascade(models, policy=Buys("agreement"), measures={"agreement": 3})
        route = self.get(model, way).route
        assert route.signals["agreement"] == 1.0
        assert [asked.n for asked in server.calls("small")] == [1, 1, 1, 1]

    def test_more_drafts_that_break_are_missing(self, server: OpenAIServer) -> None:
        script(server)
        server.fail("small", Reply(status=500), when=lambda request: request.n > 1)
        answer = self.get(self.small_and_large(server, policy=Buys("agreement"), measures={"agreement": 2}), "ask")
        assert (answer.text, answer.route.errors) == (LARGE, [self.server_error])
        assert "agreement" not in answer.route.signals

    @pytest.mark.parametrize("shape", [{"stop": ["END"]}, {"response_format": {"type": "text"}}])
    def test_more_drafts_are_not_on_offer_where_a_call_shapes_its_answer(
        self, server: OpenAIServer, shape: dict[str, Any]
    ) -> None:
        script(server)
        measures = {"agreement": 2, "faithful": lambda *_: 1.0}
        answer = self.get(self.small_and_large(server, policy=Buys("agreement"), measures=measures), "ask", **shape)
        assert (answer.text, len(server.calls("small"))) == (LARGE, 1)

    @pytest.mark.parametrize(
        ("measures", "words"),
        [
            ({"agreement": 0}, "must be 1 to 32 extra drafts, not 0"),
            ({"agreement": 2.5}, "or how many extra drafts"),
            ({"agreement": True}, "or how many extra drafts"),
            ({"faithful": 2}, "must be a TokenVerifier or a function"),
        ],
    )
    def test_what_can_t_compare_drafts_is_refused(
        self, server: OpenAIServer, measures: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words):
            self.small_and_large(server, measures=measures)

    def test_a_verifier_of_the_other_matter_is_refused(self, server: OpenAIServer) -> None:
        with pytest.raises(ConfigError, match=r"\[.sufficient.\] is about the context; write TokenVerifier\(about="):
            self.small_and_large(server, measures={"sufficient": self.token_verifier()})
        with pytest.raises(ConfigError, match=r"\[.p_correct.\] is about the answer"):
            self.small_and_large(server, measures={"p_correct": self.token_verifier(about="context")})

    def test_an_audit_records_what_was_bought_and_buys_the_rest(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server)
        server.verdicts(lambda request: SUFFICES if "Yes or No" in request.text else YES)
        self.drafts_again(server, DRAFT, DRAFT)
        audit = Audit(tmp_path / "o.jsonl")

        def broken(context: str, question: str, answer: str) -> float:
            raise ZeroDivisionError

        measures = {
            "sufficient": self.token_verifier(about="context"),
            "agreement": 2,
            "faithful": lambda context, question, answer: -0.5,
            "broken": broken,
        }
        model = self.small_and_large(
            server,
            policy=Buys("sufficient"),
            measures=measures,
            audit=audit,
            prices=PRICES,
            verifier=self.verifier(k=2),
        )
        self.get(model, "ask")
        assert audit.flush(30)
        (outcome,) = read_outcomes(tmp_path / "o.jsonl")
        small, large = outcome.models
        assert small.signals["sufficient"] == pytest.approx(math.log(4))
        assert small.signals["agreement"] == 1.0
        assert small.signals["faithful"] == -0.5
        assert small.signal_cost["faithful"] == 0.0
        assert "broken" not in small.signals
        assert "broken" not in small.signal_cost
        assert large.signal_cost == {}
        words = [bill for bill in server.billed if bill.verdict and bill.n == 1]
        assert len(words) == 1, "what was bought is not paid for again"
        (drafts,) = (bill for bill in server.billed if not bill.verdict and bill.n == 2)
        assert small.signal_cost["agreement"] == pytest.approx((drafts.input_tokens + 2 * drafts.output_tokens) / 1e6)

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_no_signal_is_bought_that_costs_more_than_is_left(self, server: OpenAIServer, way: Way) -> None:
        """The judge's word would cost about 0.5 USD, more drafts of 20 tokens next to nothing."""
        script(server)
        server.verdicts(SURE)
        self.drafts_again(server, DRAFT, DRAFT)
        judge = self.token_verifier(model=self.child(server, "judge"), price=Price(1000, 1000))
        settings: dict[str, Any] = {"prices": [Price(0.1, 0.1)] * 2, "max_cost": 0.1}
        dear = self.small_and_large(server, policy=Buys(), measures={"p_correct": judge}, **settings)
        answer = self.get(dear, way)
        assert (answer.text, answer.route.errors) == (DRAFT, ["CostLimitError"])
        assert server.calls("judge") == []
        cheap = self.small_and_large(server, policy=Buys("agreement"), measures={"agreement": 2}, **settings)
        answer = self.get(cheap, way)
        assert (answer.text, answer.route.errors, answer.route.signals["agreement"]) == (DRAFT, [], 1.0)
        free = self.small_and_large(server, policy=Buys("mine"), measures={"mine": lambda *_: 1.0}, **settings)
        assert self.get(free, way).route.errors == []

    def test_a_budget_needs_the_price_of_whoever_measures(self, server: OpenAIServer) -> None:
        judge = self.token_verifier(model=self.child(server, "judge"))
        with pytest.raises(ConfigError, match="max_cost needs the price of every model, and of the verifier's own"):
            self.small_and_large(server, measures={"p_correct": judge}, prices=PRICES, max_cost=1)
