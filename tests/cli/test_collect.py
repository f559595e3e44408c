"""`automix collect` against a real server: what is asked, what is paid, what survives a kill, what is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automix_cli.collect.journal import Journal, Paid
from automix_core.checking.prompt import digest
from automix_core.errors import DataError
from automix_core.outcomes.outcome import read_outcomes
from tests.cli.test_fit import Done, automix
from tests.loopback import OpenAIServer, Quirks, Reply

QUESTIONS = [
    {"id": "q1", "question": "Where is it?", "context": "It is in {Paris}.", "answers": ["Paris"]},
    {"id": "q2", "question": "When was it?", "context": ["In 1911.", "Rain."], "answers": ["1911", "in 1911"]},
    {"id": "q3", "question": "Who was it?", "context": "Nobody knows.", "answers": ["unanswerable"]},
]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.say("s", "Paris", when="Where")
        running.say("s", "It was 1912", when="When")
        running.say("s", "The context does not say.", when="Who")
        running.say("l", "Paris.", when="Where")
        running.say("l", "In 1911", when="When")
        running.say("l", "Bob", when="Who")
        running.verdicts("Verdict: Correct", "Verdict: Incorrect", "Hm.")
        yield running


def questions(folder: Path, records: list[dict[str, Any]] = QUESTIONS) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def command(server: OpenAIServer, folder: Path, *more: object, fails: int = 0) -> Done:
    models = [f"--model=small={server.url}#s", f"--model=large={server.url}#l"]
    return automix(
        "collect",
        questions(folder) if not (folder / "questions.jsonl").exists() else folder / "questions.jsonl",
        "-o",
        folder / "outcomes.jsonl",
        *models,
        *more,
        fails=fails,
    )


def test_outcomes(server: OpenAIServer, tmp_path: Path) -> None:
    """Answers, eight verdicts with their texts in one request a draft, scores, and what it cost in tokens."""
    facts = json.loads(command(server, tmp_path, "--json").stdout)
    first, second, third = read_outcomes(tmp_path / "outcomes.jsonl")
    assert [[m.answer for m in o.models] for o in (first, second, third)] == [
        ["Paris", "Paris."],
        ["It was 1912", "In 1911"],
        ["The context does not say.", "Bob"],
    ]
    assert [m.score for m in first.models] == [1, 1]
    assert [m.score for m in second.models] == [0, 1]
    assert [m.score for m in third.models] == [1, 0]
    assert len(first.models[0].verdicts) == 8
    assert set(first.models[0].verdicts) == {True, False, None}
    assert first.models[0].verdict_texts is not None
    assert first.models[1].verdicts == ()
    assert first.reference == "gold"
    assert first.prompt == digest()
    assert first.models[0].verdict_cost.first == first.models[0].verdict_cost.again > 0
    assert facts["requests_paid"] == 9
    assert [request.n for request in server.calls("s", verdict=True)] == [8, 8, 8]
    assert "costs are tokens" in facts["notes"][0]
    assert any("It is in {Paris}." in request.text for request in server.calls("s", verdict=False))


def test_prices(server: OpenAIServer, tmp_path: Path) -> None:
    """USD a question: prompt tokens at the first price, answer tokens at the second."""
    command(server, tmp_path, "--price=small=1/4", "--price=large=50/200")
    bills = {(bill.model, bill.verdict): bill for bill in server.billed}
    (first, *_) = read_outcomes(tmp_path / "outcomes.jsonl")
    drafts = [bill for bill in server.billed if bill.model == "s" and not bill.verdict]
    assert sum(o.models[0].cost for o in read_outcomes(tmp_path / "outcomes.jsonl")) == pytest.approx(
        sum(bill.input_tokens + 4 * bill.output_tokens for bill in drafts) / 1e6
    )
    checks = [bill for bill in server.billed if bill.verdict]
    assert sum(o.models[0].verdict_cost.of(8, first=True) for o in read_outcomes(tmp_path / "outcomes.jsonl")) == (
        pytest.approx(sum(bill.input_tokens + 4 * bill.output_tokens for bill in checks) / 1e6)
    )
    assert ("l", False) in bills
    assert first.models[1].cost > first.models[0].cost


def test_nothing_is_paid_twice(server: OpenAIServer, tmp_path: Path) -> None:
    """The same command again asks nobody; more questions ask only for those."""
    command(server, tmp_path)
    before = (tmp_path / "outcomes.jsonl").read_text()
    server.clear()
    facts = json.loads(command(server, tmp_path, "--json").stdout)
    assert (facts["requests_paid"], facts["requests_from_journal"]) == (0, 9)
    assert server.requests == []
    assert (tmp_path / "outcomes.jsonl").read_text() == before
    questions(tmp_path, [*QUESTIONS, {"id": "q4", "question": "Where now?", "answers": ["Paris"]}])
    assert json.loads(command(server, tmp_path, "--json").stdout)["requests_paid"] == 3


def test_a_kill_loses_at_most_what_was_in_flight(server: OpenAIServer, tmp_path: Path) -> None:
    """Killed outright in the middle: the second run pays for the rest and for the few requests under way."""
    many = [{"id": f"q{i}", "question": f"Where is {i}?", "context": "x", "answers": ["Paris"]} for i in range(20)]
    server.say("l", Reply("Paris", delay=0.05))
    asked = [
        *("collect", questions(tmp_path, many), "-o", tmp_path / "outcomes.jsonl", "--concurrency=4"),
        *(f"--model=small={server.url}#s", f"--model=large={server.url}#l"),
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    running = subprocess.Popen(
        [sys.executable, "-m", "automix_cli", *map(str, asked)], stderr=subprocess.DEVNULL, env=environment
    )
    journal = tmp_path / "outcomes.jsonl.journal"
    until = time.monotonic() + 60
    while (not journal.exists() or journal.read_bytes().count(b"\n") < 12) and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "outcomes.jsonl").exists()
    kept = journal.read_bytes().count(b"\n")
    assert 12 <= kept < 60
    time.sleep(0.2)
    server.clear()
    facts = json.loads(automix(*asked, "--json").stdout)
    assert facts["requests_from_journal"] == kept
    assert len(server.requests) == 60 - kept
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 20


def test_no_more_requests_at_a_time_than_allowed(server: OpenAIServer, tmp_path: Path) -> None:
    for name in ("s", "l"):
        server.say(name, Reply("Paris", delay=0.05))
    command(server, tmp_path, "--concurrency=2")
    assert server.peak == 2


@pytest.mark.parametrize("quirks", [Quirks(max_choices=1), Quirks(max_choices=3)])
def test_servers_that_give_fewer_choices(server: OpenAIServer, tmp_path: Path, quirks: Quirks) -> None:
    """What is missing is asked for one by one, and eight verdicts are recorded."""
    server.quirks["s"] = quirks
    command(server, tmp_path)
    for outcome in read_outcomes(tmp_path / "outcomes.jsonl"):
        assert len(outcome.models[0].verdicts) == 8


def test_servers_that_refuse_several_choices(server: OpenAIServer, tmp_path: Path) -> None:
    server.fail("s", Reply(status=400, error="n must be 1"), when=lambda request: request.n > 1)
    command(server, tmp_path)
    (first, *_) = read_outcomes(tmp_path / "outcomes.jsonl")
    assert len(first.models[0].verdicts) == 8
    assert first.models[0].verdict_cost.first == 0
    assert first.models[0].verdict_cost.each > 0
    assert sum(request.n == 1 for request in server.calls("s", verdict=True)) == 8 * len(QUESTIONS), "each is drawn"


@pytest.mark.parametrize("words", ["no", "temperature, max_tokens and n are all wrong"])
def test_a_server_that_refuses_checks_is_not_stormed(server: OpenAIServer, tmp_path: Path, words: str) -> None:
    """As in a cascade: at most k + 2 requests a question, and mostly far fewer."""
    server.fail("s", Reply(status=400, error=words), when=lambda request: request.asks_for_verdict)
    questions(tmp_path, QUESTIONS[:1])
    assert "answered 400" in command(server, tmp_path, "--concurrency", "1", "--json", fails=1).stderr
    assert len(server.calls("s", verdict=True)) <= 5


def test_servers_that_refuse_a_temperature(server: OpenAIServer, tmp_path: Path) -> None:
    server.quirks["l"] = Quirks(refuse_temperature=True)
    command(server, tmp_path)
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 3


@pytest.mark.parametrize(
    ("error", "names"),
    [
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", {"max_tokens"}),
        ("max_tokens is not known", {"max_tokens"}),
        ("neither max_tokens nor max_completion_tokens is known", {"max_tokens", "max_completion_tokens"}),
    ],
)
def test_servers_that_refuse_a_limit(server: OpenAIServer, tmp_path: Path, error: str, names: set[str]) -> None:
    """Its other name is tried, then none is sent; each refusal is met once, and told."""
    server.fail("s", Reply(status=400, error=error), when=lambda request: bool(names & request.body.keys()))
    done = command(server, tmp_path, "--concurrency", "1")
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 3
    refused = [request for request in server.calls("s") if names & request.body.keys()]
    assert len(refused) == len(names)
    assert ("asked without a limit" in done.stderr) == (len(names) == 2)


def test_servers_without_a_system_role(server: OpenAIServer, tmp_path: Path) -> None:
    """Instructions stand in front of the first user turn, as chat templates without a system role want it."""
    server.fail(
        "s", Reply(status=400, error="System role not supported"), when=lambda r: r.messages[0]["role"] == "system"
    )
    command(server, tmp_path, "--concurrency", "1")
    assert all(len(outcome.models[0].verdicts) == 8 for outcome in read_outcomes(tmp_path / "outcomes.jsonl"))
    first, *others = server.calls("s", verdict=True)
    assert first.messages[0]["role"] == "system"
    for request in others:
        assert [message["role"] for message in request.messages[:2]] == ["user", "assistant"]
        assert request.messages[0]["content"].startswith(first.messages[0]["content"])


def test_a_refused_n_is_not_sent_again(server: OpenAIServer, tmp_path: Path) -> None:
    server.fail("s", Reply(status=400, error="n must be 1"), when=lambda request: request.n > 1)
    command(server, tmp_path, "--concurrency", "1")
    assert sum(request.n > 1 for request in server.calls("s")) == 1


def test_servers_that_count_one_choice_of_several(server: OpenAIServer, tmp_path: Path) -> None:
    server.verdicts("Because " + "of many words it is so. " * 20 + "\nVerdict: Correct")
    server.quirks["s"] = Quirks(usage_of_one_choice=True)
    facts = json.loads(command(server, tmp_path, "--json").stdout)
    assert any("estimated" in note for note in facts["notes"])


def test_busy_servers_are_asked_again(server: OpenAIServer, tmp_path: Path) -> None:
    server.fail("l", Reply(status=429, error="slow down", headers={"Retry-After": "0"}), times=2)
    command(server, tmp_path)
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 3


def test_what_fails_is_left_out_and_tried_again(
    server: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other questions are kept, the failing one is named; the key never shows, not even if the server echoes it."""
    monkeypatch.setenv("SMALL_API_KEY", "sk-very-secret")
    server.fail("s", Reply(status=401, error="wrong key sk-very-secret"), when="Who was it?", times=1)
    done = command(server, tmp_path, "--json", fails=1)
    assert "1 of 3 questions failed and are left out, 'q3' among them" in done.stderr
    assert "sk-very-secret" not in done.stderr + done.stdout
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 2
    for file in tmp_path.iterdir():
        assert "sk-very-secret" not in file.read_text()
    command(server, tmp_path)
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 3


def test_label_free_and_labels_where_the_models_disagree(server: OpenAIServer, tmp_path: Path) -> None:
    """Without gold answers the largest model's answer is the reference; only disagreements are worth a label."""
    bare = [{name: value for name, value in record.items() if name != "answers"} for record in QUESTIONS]
    questions(tmp_path, bare)
    facts = json.loads(command(server, tmp_path, "--json", "--to-label", tmp_path / "label.jsonl").stdout)
    outcomes = read_outcomes(tmp_path / "outcomes.jsonl")
    assert [o.reference for o in outcomes] == ["largest"] * 3
    assert [o.models[1].score for o in outcomes] == [1] * 3
    assert [o.models[0].score for o in outcomes] == [1, 0, 0]
    assert any("large scores 1" in note for note in facts["notes"])
    label = [json.loads(line) for line in (tmp_path / "label.jsonl").read_text().splitlines()]
    assert [record["id"] for record in label] == ["q2", "q3"]
    assert label[0]["candidates"] == ["It was 1912", "In 1911"]
    questions(tmp_path, [bare[0], *QUESTIONS[1:]])
    facts = json.loads(command(server, tmp_path, "--json").stdout)
    assert facts["requests_paid"] == 0
    assert [o.reference for o in read_outcomes(tmp_path / "outcomes.jsonl")] == ["largest", "gold", "gold"]


def test_a_draft_that_was_cut_off_is_not_checked(server: OpenAIServer, tmp_path: Path) -> None:
    server.say("s", Reply("It is in Pa", finish_reason="length"), when="Where")
    command(server, tmp_path)
    (first, *_) = read_outcomes(tmp_path / "outcomes.jsonl")
    assert first.models[0].problem == "cut off"
    assert first.models[0].verdicts == ()


def test_a_configuration_file(server: OpenAIServer, tmp_path: Path) -> None:
    (tmp_path / "collect.toml").write_text(
        f"""
        prompt = "Context: {{context}} Question: {{question}} Be brief."
        scorer = "exact"
        [verify]
        k = 3
        temperature = 0.7
        [[model]]
        name = "small"
        url = "{server.url}#s"
        price = "1/4"
        max_tokens = 20
        [[model]]
        name = "large"
        url = "{server.url}#l"
        price = "50/200"
        """
    )
    automix("collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", "--config", tmp_path / "collect.toml")
    assert all(len(o.models[0].verdicts) == 3 for o in read_outcomes(tmp_path / "o.jsonl"))
    assert server.calls("s", verdict=False)[0].body["max_tokens"] == 20
    assert server.calls("s", verdict=True)[0].body["temperature"] == 0.7
    assert "Be brief." in server.calls("l")[0].text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model=small=http://x#s"], "two models or more"),
        (["--model=small=http://x#s", "--model=small=http://x#l"], "same name"),
        (["--model=small", "--model=l=http://x#l"], "--model must be NAME=URL#MODEL"),
        (["--model=s=http://x#s", "--model=l=http://x#l", "--price=s=1/2"], "l has none"),
        (["--model=s=http://x#s", "--model=l=http://x#l", "--price=s=1", "--price=l=1/2"], "must be IN/OUT"),
        (["--model=s=http://x#s", "--model=l=http://x#l", "--price=m=1/2"], "--price names 'm'"),
        (["--model=s=http://x#s", "--model=l=http://x#l", "--scorer=best"], "There is no scorer 'best'"),
        (["--model=s=http://x#s", "--model=l=http://x#l", "--scorer=no_such:thing"], "can't be imported"),
        (["--model=s=ftp://x#s", "--model=l=http://x#l"], "s must be URL#model"),
    ],
)
def test_bad_use(options: list[str], words: str, tmp_path: Path) -> None:
    done = automix("collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", *options, fails=2)
    assert words in done.stderr
    assert not (tmp_path / "o.jsonl").exists()


def test_bad_questions(tmp_path: Path) -> None:
    models = ["--model=s=http://x#s", "--model=l=http://x#l"]
    path = questions(tmp_path, [{"id": "q1"}])
    assert "line 1: field question" in automix("collect", path, "-o", tmp_path / "o.jsonl", *models, fails=1).stderr
    path.write_text("")
    assert "holds no questions" in automix("collect", path, "-o", tmp_path / "o.jsonl", *models, fails=1).stderr


def test_a_journal_drops_only_a_line_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.keep("a", Paid(("x é",), ("stop",), 3, 1))
        journal.keep("b", Paid(("y",), (None,), None, None))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with Journal(path) as journal:
            assert len(journal) == whole[:cut].count(b"}")
            journal.keep("c", Paid(("z",), ("stop",), 1, 1))
        with Journal(path) as journal:
            assert journal.find("c") == Paid(("z",), ("stop",), 1, 1)
            assert (journal.find("a") is not None) == (whole[:cut].count(b"}") > 0)


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text("my notes\nmore notes\n")
    with pytest.raises(DataError, match="line 1: this is not a journal"), Journal(path):
        pass
    assert path.read_text() == "my notes\nmore notes\n"
