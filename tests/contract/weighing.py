"""Checks in one word, read from log-probabilities: as the verifier, alone, and where a client gives none."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any

import pytest

from automix_core import ConfigError
from tests.loopback import OpenAIServer, Reply
from tests.loopback.openai_server import Quirks

from .adapter import CONTEXT, DRAFT, LARGE, QUESTION, WAYS, YES, Adapter, Way, billed, drawn, script

SURE = Reply("Correct", logprobs={"Correct": math.log(0.6), " correct": math.log(0.2), "Incorrect": math.log(0.1)})
UNSURE = Reply("Incorrect", logprobs={"Incorrect": math.log(0.7), "INC": math.log(0.1), "Correct": math.log(0.2)})
NEITHER = Reply("Perhaps", logprobs={"Perhaps": math.log(0.99), "Well": math.log(0.009)})
CASE = {"context": CONTEXT, "question": QUESTION, "answer": DRAFT}


class TokenVerifiers(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_one_word_s_probability_is_the_confidence(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(SURE)
        route = self.get(self.small_and_large(server, verifier=self.token_verifier()), way).route
        assert (route.action, route.verdicts) == ("accept", drawn())
        assert route.confidence == pytest.approx(8 / 9)  # spellings summed: 0.8 against 0.1
        (check,) = server.calls(verdict=True)
        assert (check.model, check.n, check.body["top_logprobs"]) == ("small", 1, 20)
        assert route.to_dict()["usage"]["verify"] == billed(server, lambda bill: bill.verdict)

    @pytest.mark.parametrize("way", WAYS)
    def test_an_unlikely_draft_escalates(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(UNSURE)
        answer = self.get(self.small_and_large(server, verifier=self.token_verifier()), way)
        assert (answer.text, answer.route.action) == (LARGE, "escalate")
        assert answer.route.confidence == pytest.approx(0.2)

    def test_where_neither_word_is_likely_the_check_is_unreadable(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(NEITHER)
        route = self.get(self.small_and_large(server, verifier=self.token_verifier()), "ask").route
        assert (route.action, route.confidence, route.verdicts) == ("escalate", None, drawn(unreadable=1))

    def test_log_odds_end_at_six(self, server: OpenAIServer) -> None:
        server.verdicts(Reply("Correct", logprobs={"Correct": -1e-9, "Incorrect": -30.0}))
        found = self.check(self.token_verifier(model=self.child(server, "large")), CASE)
        assert found["confidence"] == pytest.approx(1 / (1 + math.exp(-6)))

    def test_alone_it_takes_and_gives_what_a_self_verifier_does(self, server: OpenAIServer) -> None:
        server.verdicts(SURE)
        verifier = self.token_verifier(model=self.child(server, "large"))
        for found in (self.check(verifier, CASE), asyncio.run(self.acheck(verifier, CASE))):
            assert (found["verdicts"], found["texts"]) == ([], ["Correct"])
            assert found["confidence"] == pytest.approx(8 / 9)

    def test_a_model_of_the_cascade_may_check_the_other_s_drafts(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(SURE)
        models = [self.child(server, "small"), self.child(server, "large")]
        route = self.get(self.cascade(models, verifier=self.token_verifier(model=models[1])), "ask").route
        assert [check.model for check in server.calls(verdict=True)] == ["large"]
        assert route.to_dict()["usage"]["by_model"][1] == billed(server, lambda bill: bill.model == "large")

    @pytest.mark.parametrize("quirk", [{"refuse_logprobs": True}, {"no_logprobs": True}])
    def test_without_log_probabilities_it_samples_and_says_so_once(
        self, server: OpenAIServer, caplog: pytest.LogCaptureFixture, quirk: dict[str, Any]
    ) -> None:
        script(server)
        server.verdicts(lambda request: "Correct" if request.asks_for_word else YES)
        server.quirks["small"] = Quirks(**quirk)
        model = self.small_and_large(server, verifier=self.token_verifier())
        with caplog.at_level(logging.WARNING, "automix"):
            first, second = (self.get(model, "ask").route for _ in range(2))
        assert first.verdicts == second.verdicts == drawn(correct=8)
        assert len([record for record in caplog.records if "log-probabilities" in record.message]) == 1
        asked = [check for check in server.calls(verdict=True) if check.body.get("logprobs")]
        assert len(asked) == 1
        assert first.to_dict()["usage"]["verify"]["input_tokens"] > second.to_dict()["usage"]["verify"]["input_tokens"]

    def test_a_model_that_thinks_first_is_sampled(self, server: OpenAIServer) -> None:
        server.verdicts(YES)
        verifier = self.token_verifier(model=self.child(server, "small", reasoning_effort="low"), k=2)
        assert self.check(verifier, CASE)["verdicts"] == [1, 1]
        assert not any(check.asks_for_word for check in server.calls())

    def test_settings_that_can_t_work_name_the_verifier(self) -> None:
        with pytest.raises(ConfigError, match="TokenVerifier: k must be 1 or more"):
            self.token_verifier(k=0)

    @pytest.mark.parametrize("quirk", [{"refuse_logprobs": True}, {"no_logprobs": True}])
    def test_awaited_too_it_samples_where_there_are_no_log_probabilities(
        self, server: OpenAIServer, caplog: pytest.LogCaptureFixture, quirk: dict[str, Any]
    ) -> None:
        server.verdicts(lambda request: "Correct" if request.asks_for_word else YES)
        server.quirks["small"] = Quirks(**quirk)
        verifier = self.token_verifier(model=self.child(server, "small"), k=3)
        with caplog.at_level(logging.WARNING, "automix"):
            found = [asyncio.run(self.acheck(verifier, CASE)) for _ in range(2)]
        assert [one["verdicts"] for one in found] == [[1, 1, 1]] * 2
        assert len([record for record in caplog.records if "log-probabilities" in record.message]) == 1
        assert len([check for check in server.calls() if check.body.get("logprobs")]) == 1

    def test_a_model_that_thinks_first_is_sampled_when_it_is_awaited(self, server: OpenAIServer) -> None:
        server.verdicts(YES)
        verifier = self.token_verifier(model=self.child(server, "small", reasoning_effort="low"), k=2)
        assert asyncio.run(self.acheck(verifier, CASE))["verdicts"] == [1, 1]
        assert not any(check.asks_for_word for check in server.calls())

    @pytest.mark.parametrize("way", WAYS)
    def test_a_check_that_breaks_escalates_and_is_told(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.verdicts(Reply(status=500))
        answer = self.get(self.small_and_large(server, verifier=self.token_verifier()), way)
        assert answer.text == LARGE
        assert answer.route.confidence is None
        assert answer.route.errors == [self.server_error]

    def test_alone_a_check_that_breaks_is_the_caller_s_error(self, server: OpenAIServer) -> None:
        server.verdicts(Reply(status=500))
        verifier = self.token_verifier(model=self.child(server, "large"))
        with pytest.raises(Exception, match="500") as caught:
            self.check(verifier, CASE)
        with pytest.raises(Exception, match="500") as awaited:
            asyncio.run(self.acheck(verifier, CASE))
        assert {type(error.value).__name__ for error in (caught, awaited)} == {self.server_error}
