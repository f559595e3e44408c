"""Signals in the demo: asked for where the policy uses them, shown before any check, and replayed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from automix_cli.app import app
from automix_cli.demo import in_langchain
from automix_cli.demo.compare import compared, signals_of
from automix_cli.demo.report import document
from automix_cli.demo.session import Answered, Session
from automix_cli.demo.view import View
from automix_core.decision import Policy
from automix_core.endpoint.endpoint import Endpoint
from automix_core.evidence import TEXTUAL
from automix_core.fitting.fit import fit
from automix_core.outcomes.outcome import ModelOutcome, Outcome
from automix_core.policies import EvidenceThreshold, Threshold
from automix_core.policies.saving import save_policy
from llamaindex_automix.child.endpoint import openai_like
from tests.cli.demos import NAMES, RETRIEVER, SUPPER, answered, models, provider
from tests.loopback import OpenAIServer, Reply

PRICES = (1.0, 50.0)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """The usual provider; its small model tells that it is sure of each word."""
    with provider() as running:
        running.say("small", Reply("At 18:45.", logprobs={"At": -0.2, "18:45.": -0.1}))
        yield running


def fitted() -> Policy:
    """A policy that keeps drafts whose least sure token is sure, and never draws a verdict."""
    rows = [(score, -0.2 - 4 * (1 - score) - 0.01 * n) for n in range(30) for score in (0.0, 1.0)]
    outcomes = [
        Outcome(
            id=f"q{place}",
            models=(
                ModelOutcome(name="small", score=score, cost=1, signals={"logprob_min": least}),
                ModelOutcome(name="large", score=1, cost=50),
            ),
        )
        for place, (score, least) in enumerate(rows)
    ]
    return fit(outcomes).policy


def shown(server: OpenAIServer, policy: Policy | None = None) -> tuple[str, Answered]:
    """What is shown of one question, with one space between words."""
    file = io.StringIO()
    view = View(Console(file=file, width=96, highlight=False), NAMES)
    both = models(server)
    done = Session(in_langchain, NAMES, both, both, RETRIEVER, policy or Threshold()).ask(
        SUPPER, view.show, lambda model: None
    )
    return " ".join(file.getvalue().split()), done


def test_evidence_decides_without_a_check(server: OpenAIServer) -> None:
    """The signals that the policy uses, and how likely they make the draft; no verdict is drawn."""
    policy = fitted()
    text, done = shown(server, policy)
    assert done.asked.route.action == "direct"
    assert not server.calls(verdict=True)
    assert [request.body.get("logprobs") for request in server.calls("small")] == [True, None]  # then alone
    assert f"evidence logprob_min -0.20 right with {done.asked.route.evidence:.2f}" in text
    assert text.index("draft At 18:45.") < text.index("evidence") < text.index("decision")
    assert "verdicts" not in text


def test_of_a_policy_that_uses_none_the_words_are_shown_once(server: OpenAIServer) -> None:
    """Nothing more is asked for them, and nobody says what they are worth."""
    text, done = shown(server)
    assert not any("logprobs" in request.body for request in server.calls())
    assert text.count("evidence ") == 1
    assert "evidence echo 0.33, support 1.00, unsupported_numbers 0.00 " in text
    assert "right with" not in text
    assert done.asked.route.evidence is None


def test_llama_index_asks_for_them_too(server: OpenAIServer) -> None:
    in_llamaindex = pytest.importorskip("automix_cli.demo.in_llamaindex")
    both: list[Any] = [openai_like(Endpoint(server.url, name, "none"), max_retries=0) for name in NAMES]
    session = Session(in_llamaindex, NAMES, both, both, RETRIEVER, fitted())
    done = session.ask(SUPPER, lambda event: None, lambda model: None)
    assert dict(done.asked.route.signals) == {"logprob_min": pytest.approx(-0.2)}
    assert done.asked.route.action == "direct"
    assert not server.calls(verdict=True)


def test_the_document_holds_what_was_known_when_it_was_decided(server: OpenAIServer) -> None:
    done = answered(server, policy=EvidenceThreshold(0.9, escalate=0.1))
    (question,) = json.loads(json.dumps(document(NAMES, [done]), allow_nan=False))["questions"]
    start, *later = question["decisions"]
    assert start["signals"] == [{}, {}]
    assert all(set(one["signals"][0]) == {"echo", "logprob_sum", "support", "unsupported_numbers"} for one in later)
    assert question["route"]["signals"] == later[-1]["signals"][0]


def test_another_policy_is_replayed_on_the_signals_of_the_first(server: OpenAIServer) -> None:
    """All that either uses is found out while the default decides, in one request for the draft."""
    policies: dict[str, Policy] = {"default": Threshold(), "fitted": fitted()}
    wanted = signals_of(policies)
    assert set(wanted) == {*TEXTUAL, "logprob_min"}
    assert signals_of({"given": fitted()}) == "auto"
    both = models(server)
    session = Session(in_langchain, NAMES, both, both, RETRIEVER, Threshold(), signals=wanted)
    done = session.ask(SUPPER, lambda event: None, lambda model: None)
    default, learned = compared([done], NAMES, PRICES, policies)["policies"]
    assert (default["kept"], default["verdicts"]) == (1, 8)
    assert (learned["kept"], learned["verdicts"]) == (1, 0)
    assert learned["cost"] < default["cost"]


def test_the_command_compares_a_policy_of_signals(server: OpenAIServer, tmp_path: Path) -> None:
    save_policy(fitted(), tmp_path / "policy.json", models=NAMES)
    arguments = ["--small", f"{server.url}#small", "--large", f"{server.url}#large", "--questions", "1", "-q"]
    ran = CliRunner().invoke(
        app, ["demo", *arguments, "--compare", "--policy", str(tmp_path / "policy.json"), "--json"]
    )
    found = json.loads(ran.stdout)
    assert found["policy"] == "Threshold(0.75)"
    assert [policy["verdicts"] for policy in found["compare"]["policies"]] == [8, 0]
    assert "logprob_min" in found["questions"][0]["route"]["signals"]
