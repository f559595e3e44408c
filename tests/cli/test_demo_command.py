"""The command as it is typed: whose questions, whose models, which documents, and every way to go wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from typer.testing import CliRunner

from automix_cli.app import app
from automix_cli.demo import in_langchain
from automix_cli.demo.framework import Framework
from automix_cli.demo.models import Models
from automix_cli.demo.session import Session
from automix_cli.engine.engine import Engine
from automix_cli.progress import Quiet
from automix_core.endpoint.endpoint import Endpoint
from automix_core.errors import EngineError
from automix_core.policies import Threshold
from langchain_automix.child.endpoint import chat_model
from tests.cli.demos import NAMES, RETRIEVER, SUPPER, models, provider
from tests.loopback import OpenAIServer, Reply


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


@pytest.fixture
def urls(server: OpenAIServer) -> list[str]:
    return ["-q", "--small", f"{server.url}#small", "--large", f"{server.url}#large"]


class TestQuestions:
    """The handbook's, or the user's own."""

    def test_json_is_one_document_and_nothing_else(self, urls: list[str]) -> None:
        result = CliRunner().invoke(app, ["demo", "--questions", "2", *urls, "--json"])
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert [record["id"] for record in found["questions"]] == ["supper", "crossing"]
        keys = {
            "bottom_line",
            "framework",
            "documents",
            "models",
            "policy",
            "interrupted",
            "questions",
            "measured",
            "priced",
            "compare",
        }
        assert set(found) == keys
        assert (found["framework"], found["documents"]) == ("langchain", None)
        assert result.stderr == ""

    def test_text(self, urls: list[str]) -> None:
        result = CliRunner().invoke(app, ["demo", "--questions", "2", *urls])
        assert result.exit_code == 0, result.output
        assert "2/2  " in result.stdout
        assert "2 questions: 2 accepted." in result.stdout

    def test_prices(self, urls: list[str]) -> None:
        result = CliRunner().invoke(app, ["demo", "--questions", "1", *urls, "--json", "--prices", "0.1", "2"])
        bill = json.loads(result.stdout)["priced"]
        assert (bill["prices"], bill["small"], bill["large"], bill["ratio"]) == ("example", 0.1, 2, 20)

    def test_a_question_of_one_s_own(self, server: OpenAIServer, urls: list[str]) -> None:
        result = CliRunner().invoke(app, ["demo", "Who keeps the  shop?", *urls, "--json"])
        (record,) = json.loads(result.stdout)["questions"]
        assert (record["id"], record["question"], record["right"]) == ("q1", "Who keeps the shop?", None)
        assert record["passages"][0]["title"] == "The shop"
        assert server.calls("small", verdict=False)[-1].question.endswith("Question: Who keeps the shop?")

    def test_own_documents(self, urls: list[str], tmp_path: Path) -> None:
        (tmp_path / "kettle.md").write_text("# Tea\nThe kettle boils at noon.\n", "utf-8")
        result = CliRunner().invoke(app, ["demo", "When does the kettle boil?", "--docs", str(tmp_path), *urls])
        assert result.exit_code == 0, result.output
        assert "kettle.md, Tea: The kettle boils at noon." in result.stdout

    def test_typed_questions_until_an_empty_line(self, urls: list[str]) -> None:
        for typed, count in [("When is supper?\nWho keeps the shop?\n\nNever asked?\n", 2), ("One?", 1), ("", 0)]:
            result = CliRunner().invoke(app, ["demo", "--ask", *urls, "--json"], input=typed)
            assert result.exit_code == 0, result.output
            assert len(json.loads(result.stdout)["questions"]) == count
        result = CliRunner().invoke(app, ["demo", "Before?", "--ask", *urls], input="After?\n")
        assert "1  Before?" in result.stdout
        assert "2  After?" in result.stdout

    def test_nothing_typed_is_no_run(self, urls: list[str]) -> None:
        result = CliRunner().invoke(app, ["demo", "--ask", *urls], input="")
        assert result.exit_code == 0
        assert "Measured" not in result.stdout


class TestModels:
    """Embedded or one's own."""

    def test_both_models_given_need_no_engine(self, urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "xllamacpp", None)
        assert CliRunner().invoke(app, ["demo", "--questions", "1", *urls]).exit_code == 0

    def test_one_model_given_and_one_embedded(self, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
        served: list[Any] = []

        @contextmanager
        def embedded(names: list[str], **settings: Any) -> Iterator[list[Any]]:
            served.append((names, settings["folder"]))
            yield [type("Served", (), {"endpoint": Endpoint(server.url, name, "k")}) for name in names]

        monkeypatch.setattr("automix_cli.engine.engine.embedded", embedded)
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

    def test_an_engine_that_dies_between_questions_has_the_last_word(
        self, server: OpenAIServer, urls: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Dead:
            endpoint = Endpoint(server.url, "large", "k")

            def check(self) -> None:
                raise EngineError("the engine for large has stopped")

        @contextmanager
        def embedded(names: list[str], **settings: Any) -> Iterator[list[Any]]:
            yield [Dead() for _ in names]

        monkeypatch.setattr("automix_cli.engine.engine.embedded", embedded)
        server.fail("large", Reply(status=400), when=lambda request: "crossing" in request.question)
        server.fail("small", Reply(status=400), when=lambda request: "crossing" in request.question)
        result = CliRunner().invoke(app, ["demo", *urls[:3]])
        assert "1 question: 1 accepted." in result.stdout
        assert result.stderr.endswith("automix: the engine for large has stopped\n")
        assert result.exit_code == 1

    def test_only_embedded_models_are_kept_short(self, server: OpenAIServer, urls: list[str]) -> None:
        assert CliRunner().invoke(app, ["demo", "--questions", "1", *urls]).exit_code == 0
        assert [r.body.get("max_tokens") for r in server.requests if not r.asks_for_verdict] == [1, 1, None, None, None]

    @pytest.mark.parametrize("framework", list(Framework))
    def test_an_embedded_model_alone_reads_each_prompt_anew(self, server: OpenAIServer, framework: Framework) -> None:
        """Else the second asking of a question would be timed as if reading were free."""
        model = framework.model(Endpoint(server.url, "large", "none"), afresh=True)
        host = framework.host()
        host.ask(host.cascade(model, model), RETRIEVER, SUPPER, lambda event: None)
        assert all(request.body["cache_prompt"] is False for request in server.requests)

    @pytest.mark.parametrize(("window", "cut"), [(1600, True), (4096, False)])
    def test_a_known_window_is_not_overrun_by_checks(self, server: OpenAIServer, window: int, cut: bool) -> None:
        """4096 is the embedded engine's: three passages of the handbook and the checking examples fit."""
        pair = models(server)
        session = Session(in_langchain, NAMES, pair, pair, RETRIEVER, Threshold(), window=window)
        done = session.ask(SUPPER, lambda event: None, lambda model: None)
        assert done.asked.route.context_truncated is cut


class TestErrors:
    """One line on standard error, an exit code, and nothing else."""

    @pytest.mark.parametrize(
        ("arguments", "code", "words"),
        [
            (["--small", "nonsense"], 2, "small must be URL#model"),
            (["--questions", "0"], 2, "--questions"),
            (["Why?", "--questions", "1"], 2, "--questions is for the eight"),
            (["--prices", "-1", "50"], 2, "Price(input) must be"),
            (["--prices", "1"], 2, "--prices"),
            (["--weights", "/no/such/folder"], 1, "does not exist"),
            (["--docs", "/no/such/folder", "Why?"], 1, "/no/such/folder does not exist"),
            (["--docs", "."], 2, "--docs needs a question"),
            ([" "], 2, "The question is empty."),
        ],
    )
    def test_bad_use(self, arguments: list[str], code: int, words: str) -> None:
        self.one_line(["demo", *arguments], code, words)

    ANSWERS: ClassVar[list[tuple[Reply, str]]] = [
        (Reply(status=401, error="bad key sk-1"), "refuses the key (401); set LARGE_API_KEY or OPENAI_API_KEY"),
        (Reply(status=404, error="no such model"), "has no model 'gone' (404); fix the name after #"),
        (Reply(status=429, error="no credit"), "takes no more requests for now (429)"),
        (Reply(status=503, error="down"), "fails with HTTP status 503"),
        (Reply(body=b"<html>Welcome</html>"), "gives no chat completions"),
        (Reply(no_choices=True), "gives no chat completions"),
        (Reply(reset=True), "nothing answers at"),
    ]

    @pytest.mark.parametrize(("reply", "words"), ANSWERS, ids=[words for _, words in ANSWERS])
    def test_what_an_endpoint_answers(self, server: OpenAIServer, reply: Reply, words: str) -> None:
        server.fail("gone", reply)
        said = self.one_line(
            ["demo", "-q", "--small", f"{server.url}#small", "--large", f"{server.url}#gone"], 1, words
        )
        assert said.startswith("automix: --large: ")
        assert server.url in said
        assert "sk-1" not in said

    def test_nobody_at_the_address(self) -> None:
        said = self.one_line(["demo", "-q", "--small", "http://127.0.0.1:9/v1#a"], 1, "nothing answers at")
        assert "http://127.0.0.1:9/v1" in said

    def test_an_endpoint_that_refuses_the_trial_s_size_passes(self, server: OpenAIServer, urls: list[str]) -> None:
        server.fail("large", Reply(status=400), when=lambda request: request.body.get("max_tokens") == 1)
        assert CliRunner().invoke(app, ["demo", "--questions", "1", *urls]).exit_code == 0

    def test_what_was_answered_before_an_error_is_totalled(self, server: OpenAIServer, urls: list[str]) -> None:
        server.fail(
            None, Reply(status=400), when=lambda r: "winter boat take" in r.question or "crossing" in r.question
        )
        result = CliRunner().invoke(app, ["demo", *urls])
        assert result.exit_code == 1
        assert "1 question: 1 accepted." in result.stdout
        assert result.stderr.startswith("automix: large failed and no larger model is left")

    @staticmethod
    def one_line(arguments: list[str], code: int, words: str) -> str:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == code, result.output
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
        return str(result.stderr)


@pytest.mark.engine
def test_a_real_model_as_small_and_otherwise_instructed_as_large(smollm2: Path) -> None:
    with Engine.start(smollm2, context=2048) as engine:
        small = chat_model(engine.endpoint, max_tokens=48)
        pair = [small, RunnableLambda(_in_few_words) | small]
        session = Session(in_langchain, ["small", "large"], pair, pair, RETRIEVER, Threshold())
        done = session.ask(SUPPER, lambda event: None, lambda model: None)
    assert done.asked.answer
    assert done.asked.meter.checks
    assert all(run is not None and run.answer for run in done.alone)


def _in_few_words(messages: list[BaseMessage]) -> list[BaseMessage]:
    return [SystemMessage("Answer in at most five words."), *messages]
