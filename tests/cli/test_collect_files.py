"""What `automix collect` reads and leaves behind: files from any system, private ones, the same again and again."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automix_cli.collect.journal import Journal, Paid
from automix_core.outcomes.outcome import read_outcomes
from tests.cli.test_collect import QUESTIONS, command, questions
from tests.cli.test_fit import automix
from tests.loopback import OpenAIServer, Quirks, Reply


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.say("s", "Paris")
        running.say("l", "Paris.")
        running.verdicts("Verdict: Correct", "Verdict: Incorrect", "Hm.")
        yield running


@pytest.mark.skipif(sys.platform == "win32", reason="modes are other things there")
def test_journals_and_outcomes_are_their_owners_alone(server: OpenAIServer, tmp_path: Path) -> None:
    """New ones; a file that was there keeps the mode that somebody gave it."""
    mask = os.umask(0o022)
    try:
        command(server, tmp_path, "--to-label", tmp_path / "label.jsonl")
        for name in ("outcomes.jsonl", "outcomes.jsonl.journal", "label.jsonl"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        (tmp_path / "outcomes.jsonl").chmod(0o640)
        command(server, tmp_path)
        assert stat.S_IMODE((tmp_path / "outcomes.jsonl").stat().st_mode) == 0o640
    finally:
        os.umask(mask)


def test_no_lock_is_left_behind(server: OpenAIServer, tmp_path: Path) -> None:
    """Neither by this run nor by one that was killed."""
    lock = tmp_path / "outcomes.jsonl.journal.lock"
    lock.touch()
    command(server, tmp_path)
    assert not lock.exists()
    server.fail("l", Reply(status=401))
    questions(tmp_path, [*QUESTIONS, {"id": "q4", "question": "Where now?"}])
    command(server, tmp_path, "--json", fails=1)
    assert not lock.exists()


def test_a_lock_that_was_taken_away_holds_nothing(tmp_path: Path) -> None:
    """Whoever opened the lock file just before its holder removed it locks the new one."""
    path = tmp_path / "journal"
    with Journal(path) as first:
        first.keep("a", Paid(("x",), ("stop",), 1, 1))
        (tmp_path / "journal.lock").unlink()
        (tmp_path / "journal.lock").touch()
    with Journal(path) as second:
        assert second.find("a") is not None


def test_without_texts(server: OpenAIServer, tmp_path: Path) -> None:
    """Scores, costs, verdicts and signals, and no word that anybody wrote; the journal goes once all is done."""
    records = [record | {"question": f"Secret {record['question']}"} for record in QUESTIONS]
    questions(tmp_path, records)
    server.fail("l", Reply(status=401), when="Who was it", times=1)
    command(server, tmp_path, "--no-texts", "--json", fails=1)
    assert (tmp_path / "outcomes.jsonl.journal").exists()
    command(server, tmp_path, "--no-texts")
    text = (tmp_path / "outcomes.jsonl").read_text()
    assert not any(word in text for word in ("Secret", "Paris", "Verdict", "Hm."))
    assert not (tmp_path / "outcomes.jsonl.journal").exists()
    first, *_ = read_outcomes(tmp_path / "outcomes.jsonl")
    assert first.models[0].score == 1
    assert len(first.models[0].verdicts) == 8
    assert first.models[0].signals["support"] == 1


def test_an_empty_answer_without_texts_is_still_empty(server: OpenAIServer, tmp_path: Path) -> None:
    server.say("s", "", when="Where")
    command(server, tmp_path, "--no-texts")
    assert read_outcomes(tmp_path / "outcomes.jsonl")[0].models[0].problem == "empty"


def test_labels_need_texts(server: OpenAIServer, tmp_path: Path) -> None:
    said = command(server, tmp_path, "--no-texts", "--to-label", tmp_path / "l", fails=2).stderr
    assert "give one of the two" in said


def test_questions_alike_are_asked_each(server: OpenAIServer, tmp_path: Path) -> None:
    """Six ids with one text are six observations, and the same command again writes the same file."""
    alike = [
        {"id": f"q{i}", "question": "Where?", "context": ["In Paris.", ""] if i % 2 else "In Paris."} for i in range(6)
    ]
    questions(tmp_path, alike)
    assert json.loads(command(server, tmp_path, "--json").stdout)["requests_paid"] == 18
    before = (tmp_path / "outcomes.jsonl").read_bytes()
    assert (tmp_path / "outcomes.jsonl.journal").read_bytes().count(b"\n") == 18
    facts = json.loads(command(server, tmp_path, "--json").stdout)
    assert (facts["requests_paid"], facts["requests_from_journal"]) == (0, 18)
    assert (tmp_path / "outcomes.jsonl").read_bytes() == before


def test_one_model_under_two_names_is_paid_once(server: OpenAIServer, tmp_path: Path) -> None:
    models = [f"--model=one={server.url}#s", f"--model=two={server.url}#s"]
    asked = ("collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", *models, "--json")
    assert json.loads(automix(*asked).stdout)["requests_paid"] == 6
    assert len(server.calls("s", verdict=False)) == 3


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_files_from_windows(ends: bytes, server: OpenAIServer, tmp_path: Path) -> None:
    """A byte order mark and the line ends of Windows, in questions and configuration."""
    mark = b"\xef\xbb\xbf"
    lines = [json.dumps(record).encode() for record in QUESTIONS]
    (tmp_path / "q.jsonl").write_bytes(mark + ends.join(lines))
    config = [b"[verify]", b"k = 2", *(f'[[model]]\nname = "{m}"\nurl = "{server.url}#{m}"'.encode() for m in "sl")]
    (tmp_path / "c.toml").write_bytes(mark + ends.join(config))
    automix("collect", tmp_path / "q.jsonl", "-o", tmp_path / "o.jsonl", "--config", tmp_path / "c.toml")
    assert [len(o.models[0].verdicts) for o in read_outcomes(tmp_path / "o.jsonl")] == [2, 2, 2]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("q.jsonl", b'{"id": "a", "question": "A?"}\n\n{"id": "b", "question": "caf\xe9"}\n', "line 3: not UTF-8 text"),
        ("q.csv", b"question\nA?\ncaf\xe9\n", "line 3: not UTF-8 text"),
        ("q.jsonl", '{"question": "A?"}'.encode("utf-16"), "is UTF-16, not UTF-8 text"),
    ],
)
def test_text_that_is_no_utf8(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    models = ["--model=s=http://127.0.0.1:9#s", "--model=l=http://127.0.0.1:9#l"]
    said = automix("collect", tmp_path / name, "-o", tmp_path / "o", *models, fails=1).stderr
    assert words in said


def test_a_table_of_questions(server: OpenAIServer, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("user_input,retrieved_contexts,reference\nWhere?,\"['In Paris.']\",Paris\n")
    models = [f"--model=small={server.url}#s", f"--model=large={server.url}#l"]
    automix("collect", tmp_path / "q.csv", "-o", tmp_path / "o.jsonl", *models)
    (outcome,) = read_outcomes(tmp_path / "o.jsonl")
    assert (outcome.question, outcome.context, outcome.answers) == ("Where?", ("In Paris.",), ("Paris",))
    assert outcome.id.startswith("q-")


def test_an_empty_list_of_answers(server: OpenAIServer, tmp_path: Path) -> None:
    """The context lacks the answer: abstaining is right, and it is said how the list was read."""
    questions(tmp_path, [{"id": "q", "question": "Who?", "context": "Rain.", "answers": []}])
    server.say("s", "The context does not say.")
    server.say("l", "Bob")
    facts = json.loads(command(server, tmp_path, "--json").stdout)
    (outcome,) = read_outcomes(tmp_path / "outcomes.jsonl")
    assert [model.score for model in outcome.models] == [1, 0]
    assert (outcome.reference, outcome.answers) == ("gold", ("unanswerable",))
    assert any("empty list of answers" in note for note in facts["notes"])


PARTS: list[Any] = [
    [{"type": "thinking", "thinking": [{"type": "text", "text": "Lyon?"}]}, {"type": "text", "text": "Paris"}],
    [{"type": "reasoning", "text": "Lyon?"}, {"type": "output_text", "text": "Pa"}, "ris"],
]


@pytest.mark.parametrize("content", PARTS)
def test_an_answer_in_parts(content: list[Any], server: OpenAIServer, tmp_path: Path) -> None:
    """Magistral and its like: the thoughts are left out."""
    choice = {"message": {"content": content}, "finish_reason": "stop"}
    server.say("s", Reply(body=json.dumps({"choices": [choice]}).encode()), when="Where")
    command(server, tmp_path)
    assert read_outcomes(tmp_path / "outcomes.jsonl")[0].models[0].answer == "Paris"


def test_the_price_of_cached_tokens(server: OpenAIServer, tmp_path: Path) -> None:
    server.say("s", Reply("Paris", input_tokens=1000, cached_tokens=900))
    server.verdicts(Reply("Verdict: Correct", input_tokens=1000, cached_tokens=800, output_tokens=10))
    command(server, tmp_path, "--price=small=1/2/0.1", "--price=large=1/1")
    (first, *_) = read_outcomes(tmp_path / "outcomes.jsonl")
    assert first.models[0].cost == pytest.approx((100 + 900 * 0.1 + 1 * 2) / 1e6)
    assert first.models[0].verdict_cost.first == pytest.approx((200 + 800 * 0.1) / 1e6)
    assert first.models[0].verdict_cost.each == pytest.approx(10 * 2 / 1e6)


def test_tokens_seconds_and_signals_are_kept(server: OpenAIServer, tmp_path: Path) -> None:
    command(server, tmp_path)
    bills = [bill for bill in server.billed if bill.model == "s"]
    outcomes = read_outcomes(tmp_path / "outcomes.jsonl")
    usages = [outcome.models[0].usage for outcome in outcomes]
    assert all(usage is not None for usage in usages)
    assert sum(usage.input_tokens for usage in usages if usage) == sum(b.input_tokens for b in bills if not b.verdict)
    checks = [outcome.models[0].verdict_usage for outcome in outcomes]
    assert sum(usage.output_tokens for usage in checks if usage) == sum(b.output_tokens for b in bills if b.verdict)
    assert outcomes[0].models[0].signals["support"] == 1
    assert outcomes[0].query_signals["passages"] == 1
    assert outcomes[1].models[0].signals["support"] == 0
    assert all(model.seconds is not None for outcome in outcomes for model in outcome.models)
    before = (tmp_path / "outcomes.jsonl").read_bytes()
    command(server, tmp_path)
    assert (tmp_path / "outcomes.jsonl").read_bytes() == before


def test_tokens_that_nobody_reported_are_null(server: OpenAIServer, tmp_path: Path) -> None:
    server.say("s", Reply("Paris", usage=False))
    command(server, tmp_path)
    record = json.loads((tmp_path / "outcomes.jsonl").read_text().splitlines()[0])
    assert record["models"][0]["usage"] is None


def test_a_journal_of_an_older_version_still_counts(server: OpenAIServer, tmp_path: Path) -> None:
    """Its lines have no seconds."""
    command(server, tmp_path)
    journal = tmp_path / "outcomes.jsonl.journal"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    journal.write_text("".join(json.dumps({k: v for k, v in line.items() if k != "seconds"}) + "\n" for line in lines))
    assert json.loads(command(server, tmp_path, "--json").stdout)["requests_paid"] == 0


@pytest.mark.parametrize(("quirks", "asked"), [(Quirks(), [128, 72]), (Quirks(max_choices=100), [128, 72, *[1] * 28])])
def test_more_verdicts_than_a_request_gives(
    quirks: Quirks, asked: list[int], server: OpenAIServer, tmp_path: Path
) -> None:
    server.quirks["s"] = quirks
    questions(tmp_path, QUESTIONS[:1])
    facts = json.loads(command(server, tmp_path, "--k=200", "--json").stdout)
    assert "automix fit uses the first 32 verdicts of a draft, 16 where some are unreadable." in facts["notes"]
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")[0].models[0].verdicts) == 200
    assert sorted((request.n for request in server.calls("s", verdict=True)), reverse=True) == asked


def test_swapped_arguments_are_named(server: OpenAIServer, tmp_path: Path) -> None:
    command(server, tmp_path)
    outcomes, policy = tmp_path / "outcomes.jsonl", tmp_path / "p.json"
    models = [f"--model=small={server.url}#s", f"--model=large={server.url}#l"]
    said = automix("collect", outcomes, "-o", tmp_path / "o", *models, fails=1).stderr
    assert "outcomes.jsonl, line 1: this is an outcome, as automix collect writes it; questions are expected" in said
    said = automix("fit", tmp_path / "questions.jsonl", "-o", policy, fails=1).stderr
    assert "line 1: this is a question that no model has answered yet; automix collect makes outcomes" in said
    said = automix("evaluate", outcomes, policy, fails=1).stderr
    assert "outcomes.jsonl: this is an outcome, as automix collect writes it; a policy is expected here" in said
    said = automix("fit", tmp_path / "outcomes.jsonl.journal", "-o", policy, fails=1).stderr
    assert "this is the journal of automix collect" in said


def test_prices_given_to_fit_and_evaluate(server: OpenAIServer, tmp_path: Path) -> None:
    """The same costs as if they had been given to collect."""
    many = [{"id": f"q{i}", "question": f"Where is {i}?", "context": "x", "answers": ["Paris"]} for i in range(12)]
    server.say("l", Reply("It is Paris.", input_tokens=100, cached_tokens=50))
    questions(tmp_path, many)
    prices = ["--price=small=1/4", "--price=large=50/200/5"]
    command(server, tmp_path)
    policy, unpriced, priced = tmp_path / "p.json", tmp_path / "outcomes.jsonl", tmp_path / "priced.jsonl"
    unpriced.rename(tmp_path / "u.jsonl")
    command(server, tmp_path, *prices)
    (tmp_path / "outcomes.jsonl").rename(priced)
    given = json.loads(automix("fit", tmp_path / "u.jsonl", "-o", policy, "--json", *prices).stdout)
    before = policy.read_bytes()
    assert given["expected"] == json.loads(automix("fit", priced, "-o", policy, "--json").stdout)["expected"]
    assert policy.read_bytes() == before
    figures = [
        json.loads(automix("evaluate", policy, tmp_path / "u.jsonl", "--json", *prices).stdout),
        json.loads(automix("evaluate", policy, priced, "--json").stdout),
    ]
    assert [told.pop("currency") for told in figures] == ["USD", None]  # a file of outcomes does not say
    assert figures[0] == figures[1]
    assert figures[0]["in_sample"]


@pytest.mark.parametrize(
    ("prices", "code", "words"),
    [
        (["--price=small=1/2"], 2, "Prices are given for some models only; large has none"),
        (["--price=tiny=1/2"], 2, "--price names 'tiny', but the models are small, large"),
        (["--price=small=1"], 2, "must be IN/OUT"),
        (["--price=small=1/2", "--price=large=1/2"], 1, "does not say how many tokens small's answer took"),
    ],
)
def test_prices_that_fit_can_not_use(prices: list[str], code: int, words: str, tmp_path: Path) -> None:
    models = [{"name": name, "score": 1, "cost": 1} for name in ("small", "large")]
    path = tmp_path / "o.jsonl"
    path.write_text("".join(json.dumps({"id": f"q{i}", "models": models}) + "\n" for i in range(12)))
    said = automix("fit", path, "-o", tmp_path / "p.json", *prices, fails=code).stderr
    assert words in said
