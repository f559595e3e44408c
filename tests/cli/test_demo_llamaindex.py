"""`automix demo --framework llamaindex`: the same questions, events and figures, asked through a query engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from automix_cli.app import app
from automix_cli.demo.corpus import Question
from automix_cli.demo.events import Answering, Asked, Checked, Decided, Drafted, Event, Found, Said, Verdict
from automix_cli.demo.measured import measured
from automix_cli.demo.session import Session
from automix_core.endpoint.endpoint import Endpoint
from automix_core.policies import Threshold
from llamaindex_automix.child.endpoint import openai_like
from tests.cases import block
from tests.cli.demos import BAD, GOOD, NAMES, RETRIEVER, SUPPER, provider
from tests.loopback import OpenAIServer, Quirks, Reply

in_llamaindex = pytest.importorskip("automix_cli.demo.in_llamaindex")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


def models(server: OpenAIServer) -> list[Any]:
    return [openai_like(Endpoint(server.url, name, "none"), max_retries=0) for name in NAMES]


def asked(server: OpenAIServer, events: list[Event]) -> Asked:
    llm = in_llamaindex.cascade(*models(server))
    done: Asked = in_llamaindex.ask(llm, RETRIEVER, SUPPER, events.append)
    return done


def test_a_good_draft_is_kept(server: OpenAIServer) -> None:
    events: list[Event] = []
    done = asked(server, events)
    assert (done.answer, done.route.action, done.route.confidence) == ("At 18:45.", "accept", 1.0)
    assert [type(event) for event in events] == [Found, Drafted, Checked, Decided, Said]
    assert not server.calls("large")
    (check,) = server.calls(verdict=True)
    assert check.n == 8
    assert all(passage.text in check.question for passage in done.passages)
    assert block(check.question, "question") == SUPPER.question


def test_where_nothing_is_found_the_large_model_answers(server: OpenAIServer) -> None:
    events: list[Event] = []
    llm = in_llamaindex.cascade(*models(server))
    done = in_llamaindex.ask(llm, RETRIEVER, Question("mine", "Zeppelin?"), events.append)
    assert (done.passages, done.answer, done.route.action) == ([], "Supper is served at 18:45.", "bypass")


def test_a_bad_draft_escalates_and_the_answer_streams(server: OpenAIServer) -> None:
    server.verdicts(BAD, BAD, GOOD, "I can't tell.")
    events: list[Event] = []
    done = asked(server, events)
    pieces = [event.text for event in events if isinstance(event, Said)]
    assert done.answer == "".join(pieces) == "Supper is served at 18:45."
    assert len(pieces) > 1
    assert [type(event) for event in events[:5]] == [Found, Drafted, Checked, Decided, Answering]
    (checked,) = (event for event in events if isinstance(event, Checked))
    assert sorted(checked.verdicts, key=str) == [0, 0, 0, 0, 1, 1, None, None]
    (decided,) = (event for event in events if isinstance(event, Decided))
    assert decided.action == "escalate"


def test_what_is_measured_is_what_was_billed(server: OpenAIServer) -> None:
    server.verdicts(BAD)
    done = asked(server, [])
    assert sorted((span.step, span.model) for span in done.meter.spans) == [("answer", 1), ("draft", 0), ("verify", 0)]
    assert all(done.meter.seconds(step) > 0 for step in ("draft", "verify", "answer"))
    assert [done.meter.calls(step) for step in ("draft", "verify", "answer")] == [1, 1, 1]
    used = done.route.to_dict()["usage"]["total"]
    assert (used["input_tokens"], used["output_tokens"]) == server.tokens()


def test_each_model_alone_runs_too(server: OpenAIServer) -> None:
    both = models(server)
    session = Session(in_llamaindex, NAMES, both, both, RETRIEVER, Threshold())
    one = session.ask(SUPPER, lambda event: None, lambda model: None)
    totals = measured([one], 2)
    assert [run and run.answer for run in one.alone] == ["At 18:45.", "Supper is served at 18:45."]
    assert [weighed.decision.reason for weighed in one.weighed][-1].startswith("Kept: 8 of 8")
    assert totals["always_large"]["tokens"]["input_tokens"] == server.calls("large")[0].input_tokens
    assert [totals["right"][way] for way in ("cascade", "always_small", "always_large", "of")] == [1, 1, 1, 1]


def test_checks_that_are_requests_of_their_own_come_one_by_one(server: OpenAIServer) -> None:
    server.verdicts(GOOD, "Hm.")
    server.quirks["small"] = Quirks(max_choices=1)
    events: list[Event] = []
    done = asked(server, events)
    assert sorted(str(event.verdict) for event in events if isinstance(event, Verdict)) == ["1"] * 4 + ["None"] * 4
    assert done.meter.calls("verify") == 8


def test_a_failed_draft_hands_over(server: OpenAIServer) -> None:
    server.fail("small", Reply(status=400))
    done = asked(server, [])
    assert (done.answer, done.route.action) == ("Supper is served at 18:45.", "fallback")
    assert done.meter.drafts == []
    assert done.meter.seconds("draft") > 0


def test_the_command(server: OpenAIServer) -> None:
    models = ["--small", f"{server.url}#small", "--large", f"{server.url}#large"]
    for extra in ([], ["--json"]):
        ran = CliRunner().invoke(app, ["demo", "--framework", "llamaindex", "--questions", "1", "-q", *models, *extra])
        assert ran.exit_code == 0, ran.output
        assert "At 18:45." in ran.output
    found = json.loads(ran.stdout)
    assert found["measured"]["actions"] == {"accept": 1}
    assert found["questions"][0]["route"]["context_source"] == "template"
    assert CliRunner().invoke(app, ["demo", "--framework", "haystack"]).exit_code == 2


def test_langchain_is_not_needed(server: OpenAIServer) -> None:
    code = (
        "import sys; sys.modules.update(langchain_core=None, langchain_openai=None, langchain_automix=None)\n"
        "from automix_cli.app import main; main()"
    )
    arguments = ["demo", "--framework", "llamaindex", "--questions", "1", "-q", "--json"]
    arguments += ["--small", f"{server.url}#small", "--large", f"{server.url}#large"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["questions"][0]["answer"] == "At 18:45."
