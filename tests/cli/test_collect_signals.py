"""The signals that `automix collect` records: the drafts' words, and their tokens' log-probabilities where named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from automix_cli.collect.plan import plan
from automix_core.errors import ConfigError
from automix_core.evidence import TEXTUAL, TOKENS
from automix_core.outcomes.outcome import read_outcomes
from tests.cli.test_collect import command
from tests.loopback import OpenAIServer, Quirks, Reply

MODELS = ("small=http://x/v1#s", "large=http://x/v1#l")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A small model that is sure of its one word, but for "Lyon"."""
    with OpenAIServer() as running:
        running.say("s", Reply("Paris .", logprobs={"Paris": -0.5, "Lyon": -2.5}))
        running.say("l", "Paris.")
        running.verdicts("Verdict: Correct")
        yield running


def test_log_probabilities_are_asked_of_drafts_alone(server: OpenAIServer, tmp_path: Path) -> None:
    """The last model's answer is never a draft, and checks tell nothing by their tokens."""
    command(server, tmp_path, "--signals=all")
    for outcome in read_outcomes(tmp_path / "outcomes.jsonl"):
        small, large = outcome.models
        assert set(TOKENS) <= set(small.signals)
        assert (small.signals["logprob_sum"], small.signals["margin_first"]) == (-0.5, 2.0)
        assert not set(TOKENS) & set(large.signals)
        assert "support" in large.signals
    telling = [request.body.get("logprobs") for request in server.calls()]
    drafts = server.calls("s", verdict=False)
    assert [request.body["top_logprobs"] for request in drafts] == [5, 5, 5]
    assert telling.count(True) == len(drafts) < len(telling)


@pytest.mark.parametrize(("named", "found"), [("auto", TEXTUAL), ("support, logprob_min", ("support", "logprob_min"))])
def test_only_what_is_named_is_recorded(
    named: str, found: tuple[str, ...], server: OpenAIServer, tmp_path: Path
) -> None:
    command(server, tmp_path, f"--signals={named}")
    signals = {name for o in read_outcomes(tmp_path / "outcomes.jsonl") for name in o.models[0].signals}
    assert signals <= set(found)
    assert "support" in signals
    assert any(request.body.get("logprobs") for request in server.calls()) == ("logprob_min" in found)


@pytest.mark.parametrize("quirks", [Quirks(refuse_logprobs=True), Quirks(no_logprobs=True)])
def test_a_server_without_log_probabilities_is_asked_without(
    quirks: Quirks, server: OpenAIServer, tmp_path: Path
) -> None:
    """It is said once, the other signals are recorded, and they are not asked for again."""
    server.quirks["s"] = quirks
    said = command(server, tmp_path, "--signals=all", "--concurrency=1").stderr
    assert said.count("log-probabilities; its drafts' token signals are missing") == 1
    for outcome in read_outcomes(tmp_path / "outcomes.jsonl"):
        assert "support" in outcome.models[0].signals
        assert not set(TOKENS) & set(outcome.models[0].signals)
    bodies = [request.body for request in server.calls("s", verdict=False)]
    assert sum("logprobs" in body for body in bodies) == 1
    assert all(("logprobs" in body) == ("top_logprobs" in body) for body in bodies)


def test_an_empty_draft_says_nothing_about_its_server(server: OpenAIServer, tmp_path: Path) -> None:
    server.say("s", "", when="Where")
    said = command(server, tmp_path, "--signals=all", "--concurrency=1").stderr
    assert "log-probabilities" not in said
    drafts = [o.models[0] for o in read_outcomes(tmp_path / "outcomes.jsonl")]
    assert ["logprob_sum" in draft.signals for draft in drafts] == [False, True, True]


def test_tokens_come_from_the_journal(server: OpenAIServer, tmp_path: Path) -> None:
    """What was paid for is not asked again; what was asked without log-probabilities is."""
    command(server, tmp_path, "--signals=all")
    first = (tmp_path / "outcomes.jsonl").read_text()
    again = json.loads(command(server, tmp_path, "--signals=all", "--json").stdout)
    assert again["requests_paid"] == 0
    assert (tmp_path / "outcomes.jsonl").read_text() == first
    fewer = json.loads(command(server, tmp_path, "--json").stdout)
    assert fewer["requests_paid"] == 3
    assert "logprob_sum" not in read_outcomes(tmp_path / "outcomes.jsonl")[0].models[0].signals


def test_signals_in_a_configuration(tmp_path: Path) -> None:
    """A list of names, or one of the two words; the option overrules it."""
    file = tmp_path / "collect.toml"
    file.write_text('signals = ["logprob_min", "support"]\n')
    assert plan(file, MODELS).signals == ("logprob_min", "support")
    assert plan(file, MODELS, signals="auto").signals == tuple(sorted(TEXTUAL))
    file.write_text('signals = "all"\n')
    assert plan(file, MODELS).signals == tuple(sorted((*TEXTUAL, *TOKENS)))
    assert plan(file, ("small", "large"), app="own:app").signals == tuple(sorted(TEXTUAL))


@pytest.mark.parametrize(
    ("named", "app", "words"),
    [
        ("suport", None, "signals: there is no signal suport; there are support,"),
        ("support,logprob_min", "own:app", "signals: logprob_min needs log-probabilities, which own:app doesn't tell"),
    ],
)
def test_signals_that_can_not_be_had(named: str, app: str | None, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(None, ("small", "large") if app else MODELS, app=app, signals=named)
    assert words in str(caught.value)
