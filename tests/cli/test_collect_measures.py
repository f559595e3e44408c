"""The paid signals that `automix collect` buys of every draft, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from automix_cli.collect.plan import plan
from automix_core.errors import ConfigError
from automix_core.outcomes.outcome import read_outcomes
from tests.cli.test_collect import command
from tests.loopback import OpenAIServer, Quirks, Reply, Request

MODELS = ("small=http://x/v1#s", "large=http://x/v1#l")


def _word(request: Request) -> Reply | str:
    if not request.asks_for_word:
        return "Verdict: Correct"
    good, bad = ("Yes", "No") if "Yes or No" in request.question else ("Correct", "Incorrect")
    return Reply(good, logprobs={good: math.log(0.8), bad: math.log(0.2)})


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A small model whose second thoughts differ half of the time."""
    with OpenAIServer() as running:
        running.say("s", "Paris")
        running.say("s", "Paris", "Lyon", when=lambda request: request.n == 2)
        running.say("l", "Paris.")
        running.verdicts(_word)
        yield running
    assert running.errors == []


def test_paid_signals_are_recorded_with_their_cost(server: OpenAIServer, tmp_path: Path) -> None:
    command(server, tmp_path, "--measures=p_correct, sufficient,agreement")
    for outcome in read_outcomes(tmp_path / "outcomes.jsonl"):
        small, large = outcome.models
        assert small.signals["p_correct"] == small.signals["sufficient"] == pytest.approx(math.log(4))
        assert 0 <= small.signals["agreement"] <= 1
        assert set(small.signal_cost) == {"p_correct", "sufficient", "agreement"}
        assert min(small.signal_cost.values()) > 0
        assert large.signal_cost == {}
    words = [request for request in server.calls("s") if request.asks_for_word]
    assert {request.body["top_logprobs"] for request in words} == {5}
    assert not any("<answer" in request.question for request in words if "Yes or No" in request.question)
    sent = len(server.calls())
    command(server, tmp_path, "--measures=p_correct,sufficient,agreement")
    assert len(server.calls()) == sent, "what is in the journal is not paid for again"


def test_a_word_whose_probability_is_not_told_is_missing(server: OpenAIServer, tmp_path: Path) -> None:
    server.quirks["s"] = Quirks(no_logprobs=True)
    command(server, tmp_path, "--measures=p_correct")
    for outcome in read_outcomes(tmp_path / "outcomes.jsonl"):
        assert "p_correct" not in outcome.models[0].signals
        assert outcome.models[0].signal_cost["p_correct"] > 0


@pytest.mark.parametrize(
    ("named", "app", "words"),
    [
        ("support", None, "there is no signal support to buy; there are p_correct, sufficient, agreement"),
        ("agreement", "shop:ask", "of the app shop:ask audits buy signals, not collect; leave agreement out"),
    ],
)
def test_what_can_not_be_bought_is_said(named: str, app: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan(None, ("small", "large") if app else MODELS, measures=named, app=app)
