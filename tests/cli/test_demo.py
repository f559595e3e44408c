"""`automix demo`: what it asks, measures, prints and leaves behind, over real HTTP to a scripted provider."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import Runnable, RunnableLambda
from rich.console import Console
from typer.testing import CliRunner

from automix_cli.app import app
from automix_cli.chat import chat_model
from automix_cli.corpus import Question, handbook, questions
from automix_cli.demo import Models, tell
from automix_cli.demo_ask import ask, cascade
from automix_cli.demo_events import Answering, Asked, Checked, Decided, Drafted, Event, Found, Said
from automix_cli.demo_meter import Meter
from automix_cli.demo_totals import document, measured
from automix_cli.demo_view import View, verdict_on_time
from automix_cli.endpoint import Endpoint
from automix_cli.engine import Engine
from automix_cli.progress import Quiet
from automix_cli.retrieval import Retriever
from tests.loopback import OpenAIServer, Quirks, Reply

NAMES = ["small", "large"]
GOOD, BAD = "The passage says so.\nVerdict: Correct", "It is another one.\nVerdict: Incorrect"
SUPPER = questions()[0]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A provider whose small model drafts well and whose large model answers."""
    with OpenAIServer() as running:
        running.say("small", "At 18:45.")
        running.say("large", "Supper is served at 18:45.")
        running.verdicts(GOOD)
        yield running
    assert not running.errors, running.errors[0]


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return Retriever(handbook())


def models(server: OpenAIServer) -> list[Runnable[Any, Any]]:
    return [chat_model(Endpoint(server.url, name, "none"), max_retries=0) for name in NAMES]


def asked(server: OpenAIServer, retriever: Retriever, events: list[Event] | None = None) -> Asked:
    show = (lambda event: None) if events is None else events.append
    return ask(cascade(*models(server)), retriever, SUPPER, show)


def shown(server: OpenAIServer, retriever: Retriever, **console: Any) -> str:
    """One question and the closing, as text."""
    file = io.StringIO()
    settings: dict[str, Any] = {"file": file, "width": 80, "highlight": False, **console}
    with View(Console(**settings), NAMES) as view:
        view.opening(33, 1)
        view.ask(1, 1, SUPPER)
        done = ask(cascade(*models(server)), retriever, SUPPER, view.show)
        view.done(done)
        view.closing([done], measured([done], len(NAMES)))
    return file.getvalue()


class TestAsking:
    """One question through the cascade."""

    def test_a_good_draft_is_kept(self, server: OpenAIServer, retriever: Retriever) -> None:
        events: list[Event] = []
        done = asked(server, retriever, events)
        assert done.answer == "At 18:45."
        assert done.route.action == "accept"
        assert done.route.confidence == 1.0
        assert [type(event) for event in events] == [Found, Drafted, Checked, Decided, Said]
        assert not server.calls("large")

    def test_a_bad_draft_escalates_and_the_answer_streams(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.verdicts(BAD, BAD, GOOD, "I can't tell.")
        events: list[Event] = []
        done = asked(server, retriever, events)
        pieces = [event.text for event in events if isinstance(event, Said)]
        assert done.answer == "".join(pieces) == "Supper is served at 18:45."
        assert len(pieces) > 1
        assert [type(event) for event in events[:5]] == [Found, Drafted, Checked, Decided, Answering]
        (checked,) = (event for event in events if isinstance(event, Checked))
        assert sorted(checked.verdicts, key=str) == [0, 0, 0, 0, 1, 1, None, None]
        assert done.route.action == "escalate"

    def test_the_verifier_sees_the_passages_and_the_bare_question(
        self, server: OpenAIServer, retriever: Retriever
    ) -> None:
        done = asked(server, retriever)
        (check,) = server.calls("small", verdict=True)
        assert all(passage.text in check.question for passage in done.passages)
        assert f"<question>\n{SUPPER.question}\n</question>" in check.question
        assert done.route.context_source == "message"
        assert check.n == 8

    def test_the_models_see_the_passages_and_nothing_of_ours(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.verdicts(BAD)
        done = asked(server, retriever)
        (answer,) = server.calls("large")
        assert all(passage.text in answer.question for passage in done.passages)
        assert "automix" not in json.dumps(answer.body)

    def test_a_failed_draft_hands_over(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.fail("small", Reply(status=400))
        done = asked(server, retriever)
        assert (done.answer, done.route.action) == ("Supper is served at 18:45.", "fallback")
        assert done.meter.drafts == []
        assert done.meter.seconds("draft") > 0

    def test_failed_checks_hand_over(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.fail("small", Reply(status=400), when=lambda request: request.asks_for_verdict)
        done = asked(server, retriever)
        assert (done.answer, done.route.action) == ("Supper is served at 18:45.", "fallback")
        assert done.meter.checks == []

    def test_when_every_model_fails_the_error_is_the_last_one_s(
        self, server: OpenAIServer, retriever: Retriever
    ) -> None:
        server.fail(None, Reply(status=400, error="no more credit"))
        with pytest.raises(Exception, match="no more credit"):
            asked(server, retriever)


class TestMeter:
    """Seconds, seen through callbacks."""

    @staticmethod
    def span(meter: Meter, start: float, end: float, monkeypatch: pytest.MonkeyPatch, role: str = "verify") -> None:
        run, now = uuid4(), iter((start, end))
        monkeypatch.setattr("automix_cli.demo_meter.perf_counter", lambda: next(now))
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


class TestTotals:
    """The sums, and the JSON document."""

    def test_tokens_are_what_the_server_billed(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.verdicts(BAD)
        run = [asked(server, retriever), asked(server, retriever)]
        totals = measured(run, 2)
        assert totals["actions"] == {"escalate": 2}
        for model, name in enumerate(NAMES):
            usage = totals["tokens"]["by_model"][model]
            assert (usage["input_tokens"], usage["output_tokens"]) == server.tokens(name)
        steps = totals["tokens"]["by_step"].values()
        assert sum(step["total_tokens"] for step in steps) == totals["tokens"]["total"]["total_tokens"]
        assert totals["tokens"]["estimated"] is False
        assert totals["large_alone"]["questions"] == 2

    def test_tokens_nobody_reported_are_unknown_not_zero(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.say("small", Reply("At 18:45.", usage=False))
        totals = measured([asked(server, retriever)], 2)
        assert totals["tokens"]["by_step"]["draft"] is None
        assert totals["tokens"]["total"] is None
        assert totals["tokens"]["by_step"]["verify"]["input_tokens"] > 0
        assert "tokens unknown" in shown(server, retriever)

    def test_seconds_add_up(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.verdicts(BAD)
        seconds = measured([asked(server, retriever)], 2)["seconds"]
        assert sum(seconds["by_step"].values()) == pytest.approx(seconds["total"])
        assert sum(seconds["by_model"]) == pytest.approx(seconds["total"])
        assert all(value > 0 for value in seconds["by_step"].values())

    def test_the_document_is_json_and_complete(self, server: OpenAIServer, retriever: Retriever) -> None:
        done = asked(server, retriever)
        read = json.loads(json.dumps(document(NAMES, [done]), allow_nan=False))
        assert read["models"] == [{"model": 0, "name": "small"}, {"model": 1, "name": "large"}]
        assert read["policy"] == "Threshold(0.75)"
        (record,) = read["questions"]
        assert record["id"] == "supper"
        assert record["passages"][0]["title"] == "Meals"
        assert record["drafts"] == [{"model": 0, "text": "At 18:45."}]
        assert record["checks"] == [{"model": 0, "verdicts": [1] * 8, "texts": [GOOD] * 8}]
        assert record["answer"] == "At 18:45."
        assert record["answers"] == ["18:45"]
        assert record["route"] == done.route.to_dict()
        assert read["measured"]["actions"] == {"accept": 1}

    def test_a_run_of_no_questions_has_no_means(self) -> None:
        totals = measured([], 2)
        assert totals["seconds"]["per_question"] is None
        assert totals["large_alone"] == {"questions": 0, "seconds_per_question": None}

    @pytest.mark.parametrize(
        ("mean", "own", "number", "words"),
        [
            (4.0, 2.0, 3, "large alone is faster"),
            (2.0, 4.0, 3, "the cascade is faster"),
            (2.0, None, 0, "can't tell"),
        ],
    )
    def test_whether_it_was_worth_it_is_said_from_what_was_measured(
        self, mean: float, own: float | None, number: int, words: str
    ) -> None:
        alone = {"questions": number, "seconds_per_question": own}
        assert words in verdict_on_time({"seconds": {"per_question": mean}, "large_alone": alone}, "large")


class TestView:
    """What a person sees."""

    def test_a_kept_draft_piped(self, server: OpenAIServer, retriever: Retriever) -> None:
        text = shown(server, retriever)
        assert "\x1b" not in text
        for part in (
            "1/1  At what time is supper served?  (easy)",
            "found     Meals: Breakfast stands ready",
            "draft     At 18:45.  (small, ",
            "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓  8 correct: confidence 1.00",
            "decision  Kept: 8 of 8 readable verdicts say correct",
            "answer    At 18:45.  (the draft, kept)",
            "expected  18:45",
            "route     accept  ",
            "1 questions: 1 accepted.",
            "can't tell whether the cascade is faster",
        ):
            assert part in text

    def test_an_escalation_piped(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.verdicts(BAD, "No idea.")
        text = shown(server, retriever)
        assert "4 incorrect, 4 unreadable: confidence 0.00" in text
        assert "answer    Supper is served at 18:45.  (large)" in text
        assert text.count("Supper is served at") == 1
        assert "route     escalate  " in text

    def test_nothing_readable_is_no_confidence(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.verdicts("Hm.")
        text = shown(server, retriever)
        assert "8 unreadable: no confidence" in text
        assert "no verdict could be read" in text

    def test_a_failure_is_shown(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.fail("small", Reply(status=400))
        text = shown(server, retriever)
        assert "route     fallback  " in text
        assert re.search(r"error     \w+Error", text)
        assert "answer    Supper is served at 18:45.  (large)" in text

    def test_estimated_tokens_are_called_so(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.verdicts("The passage says so in very many long words indeed.\nVerdict: Correct")
        server.quirks["small"] = Quirks(usage_of_one_choice=True)
        assert measured([asked(server, retriever)], 2)["tokens"]["estimated"]
        assert "are estimated" in shown(server, retriever)

    def test_a_terminal_gets_colours_and_the_same_words(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.verdicts(BAD)
        text = shown(server, retriever, force_terminal=True, color_system="truecolor")
        assert "\x1b[" in text
        assert "Supper is served at 18:45." in text
        assert "small drafts an answer" in text

    @pytest.mark.parametrize("width", [40, 80, 120])
    def test_no_line_is_wider_than_the_console(self, server: OpenAIServer, retriever: Retriever, width: int) -> None:
        server.verdicts(BAD)
        assert max(len(line) for line in shown(server, retriever, width=width).splitlines()) <= width

    def test_a_console_without_unicode_gets_plain_marks(self, server: OpenAIServer, retriever: Retriever) -> None:
        raw = io.BytesIO()
        file = io.TextIOWrapper(raw, encoding="ascii")
        shown_on = View(Console(file=file, width=80), NAMES)
        server.verdicts(BAD, GOOD)
        with shown_on as view:
            done = ask(cascade(*models(server)), retriever, SUPPER, view.show)
            view.done(done)
            view.closing([done], measured([done], 2))
        file.flush()
        assert raw.getvalue().decode("ascii").count("- ") >= 4

    def test_brackets_in_a_model_s_words_are_no_markup(self, server: OpenAIServer, retriever: Retriever) -> None:
        server.say("small", "[bold]At 18:45[/nonsense].")
        assert "[bold]At 18:45[/nonsense]." in shown(server, retriever)

    def test_a_question_without_kind_gold_or_passages(self, server: OpenAIServer, retriever: Retriever) -> None:
        file = io.StringIO()
        with View(Console(file=file, width=80), NAMES) as view:
            own = Question("mine", "Zeppelin?")
            view.ask(1, 1, own)
            view.done(ask(cascade(*models(server)), retriever, own, view.show))
        assert "found     nothing" in file.getvalue()
        assert "expected" not in file.getvalue()


class TestCommand:
    """The command as it is typed."""

    ARGS: ClassVar[list[str]] = ["demo", "--questions", "2", "-q"]

    @pytest.fixture
    def urls(self, server: OpenAIServer) -> list[str]:
        return ["--small", f"{server.url}#small", "--large", f"{server.url}#large"]

    def test_json_is_one_document_and_nothing_else(self, urls: list[str]) -> None:
        result = CliRunner().invoke(app, [*self.ARGS, *urls, "--json"])
        assert result.exit_code == 0, result.output
        assert [record["id"] for record in json.loads(result.stdout)["questions"]] == ["supper", "crossing"]
        assert result.stderr == ""

    def test_text(self, urls: list[str]) -> None:
        result = CliRunner().invoke(app, [*self.ARGS, *urls])
        assert result.exit_code == 0, result.output
        assert "2/2  " in result.stdout
        assert "2 questions: 2 accepted." in result.stdout

    def test_both_models_given_need_no_engine(self, urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "xllamacpp", None)
        assert CliRunner().invoke(app, [*self.ARGS, *urls]).exit_code == 0

    def test_one_model_given_and_one_embedded(self, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
        served: list[Any] = []

        @contextmanager
        def embedded(names: list[str], **settings: Any) -> Iterator[list[Any]]:
            served.append((names, settings["folder"]))
            yield [type("Served", (), {"endpoint": Endpoint(server.url, name, "k")}) for name in names]

        monkeypatch.setattr("automix_cli.engine.embedded", embedded)
        for settings, names in [
            (Models(), ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]),
            (Models(tiny=True), ["smollm2-135m", "qwen2.5-coder-0.5b"]),
            (Models(small=f"{server.url}#mine"), ["mine", "qwen2.5-coder-1.5b"]),
            (Models(large=f"{server.url}#mine", tiny=True, weights=Path("w")), ["smollm2-135m", "mine"]),
        ]:
            with settings.open(Quiet()) as endpoints:
                assert [endpoint.model for endpoint in endpoints] == names
        assert served[-1] == (["smollm2-135m"], Path("w"))
        assert served[-2][0] == ["qwen2.5-coder-1.5b"]

    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            (["--small", "nonsense"], 2, "small must be URL#model"),
            (["--questions", "0"], 2, "--questions"),
            (["--weights", "/no/such/folder"], 1, "does not exist"),
        ],
    )
    def test_errors_are_one_line(self, arguments: list[str], code: int, words: str) -> None:
        result = CliRunner().invoke(app, ["demo", *arguments])
        assert result.exit_code == code
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""

    def test_ctrl_c_ends_quietly_with_130(self, server: OpenAIServer, urls: list[str]) -> None:
        server.say("small", Reply("At 18:45.", delay=20.0))
        command = [sys.executable, "-m", "automix_cli", *self.ARGS, *urls]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while "found" not in (line := process.stdout.readline()):
                assert line, process.communicate()[1]
            while not server.requests:
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "Traceback" not in errors


@pytest.mark.engine
def test_a_real_model_as_small_and_otherwise_instructed_as_large(
    smollm2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Engine.start(smollm2, context=2048) as engine:
        small = chat_model(engine.endpoint, max_tokens=48)
        tell(["small", "large"], [small, RunnableLambda(_in_few_words) | small], limit=1)
    text = capsys.readouterr().out
    assert "1/1  At what time is supper served?" in text
    assert "verdicts  " in text
    assert "1 questions: 1 " in text


def _in_few_words(messages: list[BaseMessage]) -> list[BaseMessage]:
    return [SystemMessage("Answer in at most five words."), *messages]
