"""One question through the cascade in LangChain: what is sent, what happens in which order, what is timed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from automix_cli.demo.events import Answering, Checked, Decided, Drafted, Event, Found, Said, Verdict
from automix_cli.demo.meter import Meter
from tests.cases import block
from tests.cli.demos import BAD, GOOD, SUPPER, asked, provider
from tests.loopback import OpenAIServer, Quirks, Reply


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


class TestAsking:
    """One question through the cascade."""

    def test_a_good_draft_is_kept(self, server: OpenAIServer) -> None:
        events: list[Event] = []
        done = asked(server, events)
        assert done.answer == "At 18:45."
        assert done.route.action == "accept"
        assert done.route.confidence == 1.0
        assert [type(event) for event in events] == [Found, Drafted, Checked, Decided, Said]
        assert not server.calls("large")

    def test_a_bad_draft_escalates_and_the_answer_streams(self, server: OpenAIServer) -> None:
        server.verdicts(BAD, BAD, GOOD, "I can't tell.")
        events: list[Event] = []
        done = asked(server, events)
        pieces = [event.text for event in events if isinstance(event, Said)]
        assert done.answer == "".join(pieces) == "Supper is served at 18:45."
        assert len(pieces) > 1
        assert [type(event) for event in events[:5]] == [Found, Drafted, Checked, Decided, Answering]
        (checked,) = (event for event in events if isinstance(event, Checked))
        assert sorted(checked.verdicts, key=str) == [0, 0, 0, 0, 1, 1, None, None]
        assert done.route.action == "escalate"

    def test_the_verifier_sees_the_passages_and_the_bare_question(self, server: OpenAIServer) -> None:
        done = asked(server)
        (check,) = server.calls("small", verdict=True)
        assert all(passage.text in check.question for passage in done.passages)
        assert block(check.question, "question") == SUPPER.question
        assert done.route.context_source == "message"
        assert check.n == 8

    def test_the_models_see_the_passages_and_nothing_of_ours(self, server: OpenAIServer) -> None:
        server.verdicts(BAD)
        done = asked(server)
        (answer,) = server.calls("large")
        assert all(passage.text in answer.question for passage in done.passages)
        assert "automix" not in json.dumps(answer.body)

    def test_a_failed_draft_hands_over(self, server: OpenAIServer) -> None:
        server.fail("small", Reply(status=400))
        done = asked(server)
        assert (done.answer, done.route.action) == ("Supper is served at 18:45.", "fallback")
        assert done.meter.drafts == []
        assert done.meter.seconds("draft") > 0

    def test_failed_checks_hand_over(self, server: OpenAIServer) -> None:
        server.fail("small", Reply(status=400), when=lambda request: request.asks_for_verdict)
        done = asked(server)
        assert (done.answer, done.route.action) == ("Supper is served at 18:45.", "fallback")
        assert done.meter.checks == []

    def test_when_every_model_fails_the_error_is_the_last_one_s(self, server: OpenAIServer) -> None:
        server.fail(None, Reply(status=400, error="no more credit"))
        with pytest.raises(Exception, match="no more credit"):
            asked(server)


class TestMeter:
    """Seconds, seen through callbacks."""

    @staticmethod
    def span(meter: Meter, start: float, end: float, monkeypatch: pytest.MonkeyPatch, role: str = "verify") -> None:
        run, now = uuid4(), iter((start, end))
        monkeypatch.setattr("automix_cli.demo.meter.perf_counter", lambda: next(now))
        meter.on_chat_model_start({}, [], run_id=run, metadata={"automix_role": role, "automix_model": 0})
        meter.on_llm_end(LLMResult(generations=[[ChatGeneration(message=AIMessage("x"))]]), run_id=run)

    def test_overlapping_requests_count_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        meter = Meter()
        for start, end in [(5.0, 7.0), (1.0, 3.0), (2.0, 4.0), (2.5, 2.75)]:
            self.span(meter, start, end, monkeypatch)
        self.span(meter, 10.0, 11.0, monkeypatch, role="draft")
        assert meter.seconds("verify") == 5.0
        assert meter.seconds("draft", 0) == 1.0
        assert meter.seconds() == 6.0
        assert meter.seconds(model=1) == 0.0

    def test_runs_that_are_no_child_s_are_not_looked_at(self) -> None:
        meter, run = Meter(), uuid4()
        meter.on_chat_model_start({}, [], run_id=run, metadata={"thread": "7"})
        meter.on_llm_end(LLMResult(generations=[[]]), run_id=run)
        meter.on_llm_error(ValueError(), run_id=uuid4())
        assert meter.spans == []

    def test_a_failed_request_took_its_time_too(self) -> None:
        meter, run = Meter(), uuid4()
        meter.on_chat_model_start({}, [], run_id=run, metadata={"automix_role": "draft", "automix_model": 0})
        meter.on_llm_error(ValueError(), run_id=run)
        assert [(span.step, span.model) for span in meter.spans] == [("draft", 0)]


class TestSeparateChecks:
    """An endpoint that gives one choice a request, whatever `n` says."""

    def test_verdicts_come_one_by_one(self, server: OpenAIServer) -> None:
        server.quirks["small"] = Quirks(max_choices=1)
        events: list[Event] = []
        done = asked(server, events)
        assert done.route.confidence == 1.0
        assert sum(isinstance(event, Verdict) for event in events) == 8
        assert [type(event) for event in events[-3:]] == [Checked, Decided, Said]
        assert done.meter.calls("verify") == len(server.calls("small", verdict=True)) == 8

    def test_n_refused_is_asked_for_one_by_one(self, server: OpenAIServer) -> None:
        refused = Reply(status=400, error="unknown field n")
        server.fail("small", refused, when=lambda request: request.n > 1)
        events: list[Event] = []
        assert asked(server, events).route.confidence == 1.0
        assert sum(isinstance(event, Verdict) for event in events) == 8
