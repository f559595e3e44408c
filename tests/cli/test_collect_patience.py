"""`automix collect` and servers that are dead, refuse, or are busy: noticed early, waited for as they ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automix_cli.collect import retrying
from automix_cli.collect.retrying import ATTEMPTS, LONGEST, BusyError, Course, asked_pause
from automix_core.outcomes.outcome import read_outcomes
from tests.cli.test_collect import command, questions
from tests.cli.test_fit import automix
from tests.loopback import OpenAIServer, Reply

MANY = [{"id": f"q{i}", "question": f"Where is {i}?", "context": "x", "answers": ["Paris"]} for i in range(24)]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.say("s", "Paris")
        running.say("l", "Paris.")
        running.verdicts("Verdict: Correct")
        yield running


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that no server asked for take no time."""
    monkeypatch.setattr(retrying, "_spread", type("Still", (), {"uniform": staticmethod(lambda low, high: 0.0)}))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=400, error="unknown model"), "look at the model's name and at the settings"),
        (Reply(status=401, error="no"), "set LARGE_API_KEY or OPENAI_API_KEY to a key that is valid there"),
        (Reply(status=404, error="no"), "look at the URL's path and at the model's name"),
        (Reply(status=503, error="down"), "answered 503"),
        (Reply(reset=True), "at http://127.0.0.1"),
        (Reply(body=b"<html>"), "something that is no chat completion"),
    ],
)
def test_a_model_that_can_not_be_asked_is_named_before_anything_else_is_asked(
    reply: Reply, words: str, server: OpenAIServer, hurried: None, tmp_path: Path
) -> None:
    server.fail("l", reply)
    questions(tmp_path, MANY)
    said = command(server, tmp_path, "--json", fails=1).stderr
    assert said.startswith("automix: large can't be asked (")
    assert words in said
    assert said.endswith("No other question was asked; the same command goes on once that is put right.\n")
    assert len(server.calls("s")) == 1
    assert len(server.calls("l")) <= 2 * ATTEMPTS
    assert not (tmp_path / "outcomes.jsonl").exists()


def test_all_models_that_can_not_be_asked_are_named(server: OpenAIServer, tmp_path: Path) -> None:
    server.fail("s", Reply(status=401))
    server.fail("l", Reply(status=404))
    said = command(server, tmp_path, "--json", fails=1).stderr
    assert "small can't be asked" in said
    assert "large can't be asked" in said


def test_a_first_question_that_is_at_fault_is_only_left_out(server: OpenAIServer, tmp_path: Path) -> None:
    """Another one is tried before a model is said to refuse."""
    server.fail("s", Reply(status=400, error="too long"), when="Where is 0?")
    questions(tmp_path, MANY[:3])
    assert (
        "1 of 3 questions failed and are left out, 'q0' among them"
        in command(server, tmp_path, "--json", fails=1).stderr
    )
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 2


@pytest.mark.parametrize("reply", [Reply(status=503), Reply(status=403), Reply(reset=True)])
def test_a_server_that_dies_is_given_up_after_a_few_questions(
    reply: Reply, server: OpenAIServer, hurried: None, tmp_path: Path
) -> None:
    """What was whole by then is written, and the same command goes on."""
    server.fail("l", reply, when=lambda request: not any(f"is {i}?" in request.question for i in range(3)))
    questions(tmp_path, MANY)
    done = command(server, tmp_path, "--json", "--concurrency=2", fails=1)
    facts = json.loads(done.stdout)
    assert "; gave up as 5 questions in a row failed (" in done.stderr
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == facts["outcomes"] == 3
    assert len(facts["failed"]) == 21
    assert facts["not_asked"] >= 21 - 5 - 2
    assert len({request.question for request in server.calls("l")}) <= 3 + 5 + 2
    server.say("l", "Paris.", when=lambda request: not request.asks_for_verdict)
    server.clear()
    assert json.loads(command(server, tmp_path, "--json").stdout)["failed"] == {}
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 24


def test_failures_here_and_there_stop_nothing(server: OpenAIServer, tmp_path: Path) -> None:
    odd = [f"Where is {i}?" for i in range(1, 24, 2)]
    server.fail("s", Reply(status=400, error="no"), when=lambda request: any(q in request.question for q in odd))
    questions(tmp_path, MANY)
    done = command(server, tmp_path, "--json", "--concurrency=1", fails=1)
    assert "12 of 24 questions failed" in done.stderr
    assert "gave up" not in done.stderr


def test_a_storm_is_waited_out_as_asked(server: OpenAIServer, tmp_path: Path) -> None:
    """Every refusal names a pause; nobody sends anything before it is over, so few requests are refused."""
    server.fail("l", Reply(status=429, headers={"Retry-After": "0.2"}), times=10)
    questions(tmp_path, MANY)
    command(server, tmp_path)
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 24
    assert len(server.calls("l")) == 24 + 10


def test_a_pause_as_a_date(server: OpenAIServer, tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    server.fail("l", Reply(status=429, headers={"Retry-After": soon}), times=1)
    command(server, tmp_path)
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 3


NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "Thu, 26 Nov 2026 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 26 Nov 2026 12:00:07 GMT", "date": "Thu, 26 Nov 2026 12:00:04 GMT"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    ],
)
def test_pauses_in_all_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_pause(headers, NOW) == seconds


def test_a_date_is_read_by_the_servers_own_clock() -> None:
    headers = {"retry-after": "Sun, 01 Jan 2006 12:00:07 GMT", "date": "Sun, 01 Jan 2006 12:00:04 GMT"}
    assert asked_pause(headers) == 3.0


def tries(asked: float | None, *, weight: int = 1) -> int:
    """How often a request is sent until it has failed for good."""
    course, again = Course(), BusyError("busy", asked, weight=weight)
    for number in range(1, 10_000):
        course.note(again)
        if course.over(again):
            return number
        assert course.pause(again) >= (asked or 0.0)
    raise AssertionError("without end")


def test_how_long_a_request_is_tried() -> None:
    """A few times where the server only fails; as long as it asks to wait, within reason."""
    assert tries(None) == ATTEMPTS
    assert tries(None, weight=3) == 2
    assert tries(1.0) > 1000
    assert tries(0.0) == 30
    assert tries(LONGEST + 1) == 1


def test_a_pause_of_hours_is_told_and_not_waited_for(server: OpenAIServer, tmp_path: Path) -> None:
    server.fail("l", Reply(status=429, error="quota", headers={"Retry-After": "86400"}))
    assert "and asks to wait 86400 s" in command(server, tmp_path, "--json", fails=1).stderr
    assert len(server.calls("l")) == 1


def test_a_dead_address(hurried: None, tmp_path: Path) -> None:
    models = ["--model=s=http://127.0.0.1:9#s", "--model=l=http://127.0.0.1:9#l"]
    said = automix("collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", *models, fails=1).stderr
    assert "s can't be asked (ConnectError at http://127.0.0.1:9/v1)" in said
