"""Checks that go on from the caller's own conversation, so that an escalation re-reads what they read."""

from __future__ import annotations

import json

import pytest

from automix_core import ConfigError, Price
from tests.loopback import OpenAIServer, Reply

from .adapter import CONTEXT, DRAFT, LARGE, QUESTION, WAYS, YES, Adapter, Way, script
from .measuring import SURE, Buys
from .weighing import UNSURE


class Continuing(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_a_check_and_an_answer_of_the_large_model_begin_alike(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(UNSURE)
        models = [self.child(server, "small"), self.child(server, "large")]
        model = self.cascade(models, verifier=self.token_verifier(model=models[1], continues=True))
        route = self.get(model, way).route
        assert route.action == "escalate"
        assert route.confidence == pytest.approx(0.2)
        check, answered = server.calls("large")
        *before, draft, asked = check.messages
        assert json.dumps(before) == json.dumps(answered.messages)
        assert (draft["role"], draft["content"]) == ("assistant", DRAFT)
        assert (asked["role"], asked["content"].split()[-3:]) == ("user", ["Correct", "or", "Incorrect."])
        assert "tools" not in check.body
        assert check.body["top_logprobs"] == 20

    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_what_the_cache_served_is_billed_at_its_price(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(Reply("Incorrect", logprobs=UNSURE.logprobs, input_tokens=1000, output_tokens=1))
        server.say("large", Reply(LARGE, input_tokens=900, output_tokens=10, cached_tokens=800))
        models = [self.child(server, "small"), self.child(server, "large")]
        prices = [Price(0, 0), Price(10, 20, cached_input=1)]
        verifier = self.token_verifier(model=models[1], continues=True)
        cost = self.get(self.cascade(models, verifier=verifier, prices=prices), way).route.to_dict()["cost"]
        answered = 100 * 10 + 800 * 1 + 10 * 20
        assert cost["total"] == pytest.approx((1000 * 10 + 20 + answered) / 1e6)

    @pytest.mark.parametrize("way", WAYS)
    def test_so_may_a_paid_signal(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(UNSURE)
        models = [self.child(server, "small"), self.child(server, "large")]
        measures = {"p_correct": self.token_verifier(model=models[1], continues=True)}
        answer = self.get(self.cascade(models, policy=Buys(), measures=measures), way)
        assert answer.text == LARGE
        check, answered = server.calls("large")
        assert check.messages[:-2] == answered.messages

    def test_where_the_answer_is_shaped_it_asks_as_usual(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(SURE)
        models = [self.child(server, "small"), self.child(server, "large")]
        model = self.cascade(models, verifier=self.token_verifier(model=models[1], continues=True))
        answer = self.get(model, "ask", stop=["END"])
        assert answer.text == DRAFT
        (check,) = server.calls("large")
        assert f"\n{CONTEXT}\n</context" in check.question

    def test_alone_it_asks_as_usual(self, server: OpenAIServer) -> None:
        server.verdicts(SURE)
        verifier = self.token_verifier(model=self.child(server, "large"), continues=True)
        found = self.check(verifier, {"context": CONTEXT, "question": QUESTION, "answer": DRAFT})
        assert found["confidence"] == pytest.approx(0.8)

    def test_a_model_that_gives_no_log_probabilities_is_sampled_as_usual(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(YES)
        models = [self.child(server, "small", reasoning_effort="low"), self.child(server, "large")]
        model = self.cascade(models, verifier=self.token_verifier(continues=True, k=2))
        assert self.get(model, "ask").route.verdicts["correct"] == 2

    def test_its_prompt_is_another_than_the_usual_one(self) -> None:
        usual, follows = self.token_verifier(), self.token_verifier(continues=True)
        context = self.token_verifier(about="context")
        assert len({v.prompt_digest for v in (usual, follows, context)}) == 3

    def test_without_a_draft_there_is_nothing_to_go_on_from(self) -> None:
        with pytest.raises(ConfigError, match='continues=True goes on from the draft, which about="context" does not'):
            self.token_verifier(continues=True, about="context")

    def test_it_is_about_an_answer_or_a_context(self) -> None:
        with pytest.raises(ConfigError, match="TokenVerifier: about: Input should be 'answer' or 'context'"):
            self.token_verifier(about="question")
