"""Who checks, with which prompt and settings, and where the context has to be cut."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from automix_core import ConfigError, Price, Threshold
from tests.cases import block
from tests.loopback import OpenAIServer, Reply

from .adapter import (
    CONTEXT,
    DRAFT,
    LARGE,
    QUESTION,
    WAYS,
    YES,
    Adapter,
    Way,
    drawn,
    script,
)


class Verifiers(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_a_function_may_check(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        seen: list[tuple[str, str, str, int]] = []

        def check(context: str, question: str, answer: str, n: int) -> list[bool | None]:
            seen.append((context, question, answer, n))
            return [True, None, False, True]

        route = self.get(self.small_and_large(server, verifier=check, policy=Threshold(0.6)), way).route
        assert seen == [(CONTEXT, QUESTION, DRAFT, 8)]
        assert route.verdicts == drawn(correct=2, incorrect=1, unreadable=1)
        assert route.action == "accept"

    @pytest.mark.parametrize("way", WAYS)
    def test_an_async_function_may_check(self, server: OpenAIServer, way: Way) -> None:
        script(server)

        async def check(context: str, question: str, answer: str, n: int) -> float:
            await asyncio.sleep(0)
            return 0.8

        route = self.get(self.small_and_large(server, verifier=check), way).route
        assert (route.action, route.confidence) == ("accept", 0.8)
        assert route.verdicts == drawn()

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("result", [1.5, "yes", ["yes"], None])
    def test_a_function_that_returns_no_verdicts_has_failed(self, server: OpenAIServer, way: Way, result: Any) -> None:
        script(server)
        answer = self.get(self.small_and_large(server, verifier=lambda *_: result), way)
        assert answer.text == LARGE
        assert (answer.route.action, answer.route.errors) == ("fallback", ["ConfigError"])

    @pytest.mark.parametrize("way", WAYS)
    def test_why_its_result_cannot_be_read_reaches_the_user(
        self, server: OpenAIServer, way: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        script(server)
        model = self.small_and_large(server, verifier=lambda *_: [0.9])
        with caplog.at_level(logging.WARNING, "automix"):
            self.get(model, way)
            self.get(model, way)
        told = "The verifier returned the verdict 0.9; a verdict is True, False or None."
        assert caplog.text.count(told) == 1

    @pytest.mark.parametrize("way", WAYS)
    def test_a_verifier_may_name_its_own_k(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        asked: list[int] = []

        class Check:
            k = 3

            def __call__(self, context: str, question: str, answer: str, n: int) -> Any:
                asked.append(n)
                return {"verdicts": [1] * n}

        route = self.get(self.small_and_large(server, verifier=Check()), way).route
        assert (asked, route.verdicts, route.action) == ([3], drawn(correct=3), "accept")

    def test_the_prompt_shows_examples_as_turns_and_the_case_as_data(self, server: OpenAIServer) -> None:
        script(server, YES)
        self.get(self.small_and_large(server), "ask", question="Who? </question> {context}")
        messages = server.calls(verdict=True)[0].messages
        roles = [message["role"] for message in messages]
        assert roles[0] == "system"
        assert roles[1:] == ["user", "assistant"] * ((len(roles) - 2) // 2) + ["user"]
        case = messages[-1]["content"]
        assert block(case, "context") == CONTEXT
        assert block(case, "answer") == DRAFT
        assert block(case, "question") == "Who? </question> {context}"

    def test_the_verifiers_settings_reach_the_provider(self, server: OpenAIServer) -> None:
        script(server, YES)
        small = self.child(server, "small", temperature=0.1, max_tokens=900)
        model = self.cascade([small, self.child(server, "large")], verifier=self.verifier(k=2, max_tokens=77))
        self.get(model, "ask")
        (draft,) = server.calls("small", verdict=False)
        assert draft.body["temperature"] == 0.1
        for check in server.calls(verdict=True):
            assert check.body["temperature"] == 1.0
            assert 77 in (check.body.get("max_tokens"), check.body.get("max_completion_tokens"))

    @pytest.mark.parametrize("way", WAYS)
    def test_a_refused_temperature_is_left_out_once(
        self, server: OpenAIServer, way: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        script(server, YES)
        server.say("small", DRAFT)
        refuse = Reply(status=400, error="Unsupported value: 'temperature' does not support 1.")
        server.fail("small", refuse, when=lambda r: r.asks_for_verdict and r.body.get("temperature") is not None)
        with caplog.at_level(logging.WARNING, "automix"):
            route = self.get(self.small_and_large(server), way).route
        assert (route.action, route.verdicts, route.errors) == ("accept", drawn(correct=4), [])
        assert "temperature" in caplog.text
        assert all("temperature" not in check.body for check in server.calls(verdict=True)[-1:])

    def test_no_temperature_is_sent_if_none_is_wanted(self, server: OpenAIServer) -> None:
        script(server, YES)
        self.get(self.small_and_large(server, verifier=self.verifier(k=2, temperature=None)), "ask")
        assert all("temperature" not in check.body for check in server.calls(verdict=True))

    def test_a_model_of_its_own_may_check(self, server: OpenAIServer) -> None:
        script(server, YES)
        verifier = self.verifier(k=2, model=self.child(server, "judge"))
        route = self.get(self.small_and_large(server, verifier=verifier, prices=[Price(1, 1)] * 2), "ask").route
        assert {check.model for check in server.calls(verdict=True)} == {"judge"}
        assert route.cost["total"] is None, "the judge's price is not known"

    def test_only_the_context_is_cut_to_fit_the_window(self, server: OpenAIServer) -> None:
        script(server, YES)
        passages = [f"Passage {number}: {CONTEXT}" for number in range(160)]
        verifier = self.verifier(k=1, context_window=1500, count_tokens=lambda text: len(text.split()))
        model = self.small_and_large(server, verifier=verifier)
        route = self.get(model, "ask", automix_context=passages).route
        assert route.context_truncated
        case = server.calls(verdict=True)[0].messages[-1]["content"]
        assert passages[0] in case
        assert passages[-1] not in case
        assert QUESTION in case
        assert not self.get(model, "ask").route.context_truncated

    @pytest.mark.parametrize(
        ("case", "words"),
        [
            (None, "a dict with the keys context, question and answer, not NoneType"),
            ("Oda Verrin", "a dict with the keys context, question and answer, not str"),
            ({"context": CONTEXT, "question": QUESTION}, "'answer' is missing"),
            ({"context": CONTEXT, "question": QUESTION, "answer": None}, "'answer' must be text, not NoneType"),
            ({"context": CONTEXT, "question": None, "answer": DRAFT}, "'question' must be text, not NoneType"),
            ({"context": CONTEXT, "question": QUESTION, "answer": 211}, "'answer' must be text, not int"),
        ],
    )
    def test_what_a_verifier_alone_cannot_check_is_named(self, server: OpenAIServer, case: Any, words: str) -> None:
        verifier = self.verifier(k=1, model=self.child(server, "judge"))
        with pytest.raises(ConfigError, match=words):
            self.check(verifier, case)
        with pytest.raises(ConfigError, match=words):
            asyncio.run(self.acheck(verifier, case))
        assert server.requests == []

    def test_never_more_checks_at_once_than_allowed(self, server: OpenAIServer) -> None:
        script(server)
        server.verdicts(Reply(YES, delay=0.02))
        model = self.small_and_large(server, verifier=self.verifier(k=9), verify_concurrency=3)
        for way in WAYS[:2]:
            server.clear()
            assert self.get(model, way).route.verdicts == drawn(correct=9)
            assert server.peak <= 3
