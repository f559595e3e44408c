"""What goes wrong for people: odd files, numbers, terminals, servers and scorers give one line, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automix_cli.collect.journal import Journal, Paid
from automix_core.errors import DataError
from automix_core.outcomes.outcome import read_outcomes
from automix_core.policies import Threshold
from automix_core.policies.saving import save_policy
from tests.cli.test_collect import command, questions
from tests.cli.test_fit import automix, write
from tests.loopback import OpenAIServer, Reply


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.say("s", "Paris")
        running.say("l", "Paris.")
        running.verdicts("Verdict: Correct")
        yield running


def process(
    *arguments: object, stdout: Any = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "automix_cli", *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment,
    )


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "{a=" * 5000, "a = " + "9" * 5000])
def test_toml_that_is_too_much(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    said = automix("collect", questions(tmp_path), "-o", tmp_path / "o", "--config", tmp_path / "c.toml", fails=2)
    assert "c.toml is not TOML" in said.stderr


@pytest.mark.parametrize("text", ["[" * 5000, "[" * 100_000 + "]" * 100_000, '{"id": "a", "x": ' + "[" * 5000])
def test_json_that_is_too_deep(text: str, tmp_path: Path) -> None:
    path, models = tmp_path / "deep", ["--model=s=http://127.0.0.1:9#s", "--model=l=http://127.0.0.1:9#l"]
    path.write_text(text)
    assert "deep, line 1" in automix("fit", path, "-o", tmp_path / "p", fails=1).stderr
    assert "deep, line 1" in automix("collect", path, "-o", tmp_path / "o", *models, fails=1).stderr
    assert "deep is not whole JSON" in automix("explain", path, fails=1).stderr
    with pytest.raises(DataError, match="line 1: this is not a journal"), Journal(path):
        pass
    assert path.read_text() == text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_terminals_that_can_not_show_a_name(encoding: str, tmp_path: Path) -> None:
    """People see question marks; JSON is escaped and stays what it was."""
    save_policy(Threshold(0.75), tmp_path / "p.json", models=["小さい", "大きい"])
    words = process("explain", tmp_path / "p.json", PYTHONIOENCODING=encoding)
    assert (words.returncode, words.stderr) == (0, b"")
    assert b"model 0: ???" in words.stdout
    facts = process("explain", tmp_path / "p.json", "--json", PYTHONIOENCODING=encoding)
    assert json.loads(facts.stdout)["models"] == ["小さい", "大きい"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_full_disk_behind_standard_output(more: list[str], tmp_path: Path) -> None:
    save_policy(Threshold(0.75), tmp_path / "p.json")
    with Path("/dev/full").open("w") as full:
        done = process("explain", tmp_path / "p.json", *more, stdout=full)
    assert (done.returncode, done.stderr) == (1, b"automix: No space left on device\n")


def test_whoever_reads_may_leave_early(tmp_path: Path) -> None:
    save_policy(Threshold(0.75), tmp_path / "p.json")
    reads, writes = os.pipe()
    os.close(reads)
    try:
        assert process("explain", tmp_path / "p.json", "--json", stdout=writes).stderr == b""
    finally:
        os.close(writes)


def test_costs_beyond_all_numbers(tmp_path: Path) -> None:
    """The line is named; what is only absurd is computed."""
    path = write(tmp_path / "outcomes.jsonl", 20)
    automix("fit", path, "-o", tmp_path / "p.json")
    lines = path.read_text().splitlines()
    record = json.loads(lines[6])
    record["models"][1]["cost"] = 1.7e308
    path.write_text("\n".join([*lines[:6], json.dumps(record), *lines[7:]]))
    for arguments in (["fit", path, "-o", tmp_path / "q.json"], ["evaluate", tmp_path / "p.json", path]):
        assert "outcomes.jsonl, line 7: field models.1.cost" in automix(*arguments, fails=1).stderr


@pytest.mark.parametrize("method", ["pomdp", "kde", "threshold"])
@pytest.mark.parametrize("unit", [1e98, 1e-322])
def test_costs_that_are_only_absurd(unit: float, method: str, tmp_path: Path) -> None:
    """They are computed with, and nothing on the way is NaN or infinite."""
    path, policy = write(tmp_path / "outcomes.jsonl", 20, costs=(unit, 50 * unit)), tmp_path / "p.json"
    for asked in (["fit", path, "-o", policy, "--method", method], ["evaluate", policy, path], ["explain", policy]):
        done = automix(*asked, "--json")
        json.loads(done.stdout, parse_constant=pytest.fail)
        assert done.stderr == ""
        automix(*asked)


@pytest.mark.parametrize("k", [10**400, 10**18, -1])
def test_a_policy_for_more_verdicts_than_there_are(k: int, tmp_path: Path) -> None:
    """It is refused where it is read, in place of a table without end."""
    save_policy(Threshold(0.75), tmp_path / "p.json", k=k)
    assert "field k" in automix("explain", tmp_path / "p.json", fails=1).stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--confidence", "0.9"], "give --max-loss with it"),
        (["--cost-weight", "1e308"], "--cost-weight must be a number from 0 to 1e+100"),
        (["--worth", "1e-308"], "--worth must be a number above 0, 1e-100 or more"),
    ],
)
def test_fit_refuses_what_it_would_ignore_or_can_not_compute(options: list[str], words: str, tmp_path: Path) -> None:
    path = write(tmp_path / "outcomes.jsonl", 20)
    assert words in automix("fit", path, "-o", tmp_path / "p.json", *options, fails=2).stderr
    assert not (tmp_path / "p.json").exists()


def test_an_empty_file_is_named_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").touch()
    assert automix("fit", "empty", "-o", "p", fails=1).stderr.startswith("automix: empty: There are no outcomes")


@pytest.fixture
def scorers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to write `hostile_scorer.py` to, where commands look for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path / "hostile_scorer.py"
    sys.modules.pop("hostile_scorer", None)


def test_a_broken_scorer_is_found_before_anything_is_paid(server: OpenAIServer, scorers: Path, tmp_path: Path) -> None:
    scorers.write_text("def score(answer, golds):\n    return {}[answer]\n")
    said = command(server, tmp_path, "--scorer=hostile_scorer:score", fails=1).stderr
    assert said == "automix: Question 'q1': The scorer hostile_scorer:score raised KeyError: 'Paris'.\n"
    assert server.requests == []


def test_a_scorer_that_fails_on_an_answer_loses_nothing(server: OpenAIServer, scorers: Path, tmp_path: Path) -> None:
    """The question is named, the answers stay, and the same command goes on from there."""
    scorers.write_text("def score(answer, golds):\n    return 1 / (answer != 'Paris.')\n")
    said = command(server, tmp_path, "--json", "--scorer=hostile_scorer:score", fails=1).stderr
    assert "Question 'q1': The scorer hostile_scorer:score raised ZeroDivisionError: division by zero." in said
    assert "The 9 answers paid for are kept in" in said
    server.clear()
    command(server, tmp_path)
    assert server.requests == []
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 3


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise SystemExit(3)", "can't be imported: SystemExit: 3"),
        ("def score(", "can't be imported: SyntaxError"),
        ("async def score(answer, golds):\n    return 1", "is an async function"),
    ],
)
def test_scorers_that_are_none(source: str, words: str, scorers: Path, tmp_path: Path) -> None:
    scorers.write_text(source)
    models = ["--model=s=http://127.0.0.1:9#s", "--model=l=http://127.0.0.1:9#l", "--scorer=hostile_scorer:score"]
    assert words in automix("collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", *models, fails=2).stderr


@pytest.mark.parametrize("usage", ["lots", {"prompt_tokens": "abc"}, {"prompt_tokens": -5}, {"prompt_tokens": 10**400}])
def test_token_counts_that_are_none(usage: object, server: OpenAIServer, tmp_path: Path) -> None:
    """The answer counts; its cost is estimated, and said to be."""
    choice = {"message": {"content": "Paris\nVerdict: Correct"}, "finish_reason": 7}
    body = json.dumps({"choices": [choice], "usage": usage}).encode()
    server.say("s", Reply(body=body))
    facts = json.loads(command(server, tmp_path, "--json").stdout)
    assert any("estimated" in note for note in facts["notes"])
    assert all(outcome.models[0].cost < 100 for outcome in read_outcomes(tmp_path / "outcomes.jsonl"))
    assert json.loads(command(server, tmp_path, "--json").stdout)["requests_paid"] == 0


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff", b'{"choices": {"a": 1}}'])
def test_replies_that_are_no_completion(body: bytes, server: OpenAIServer, tmp_path: Path) -> None:
    server.say("s", Reply(body=body))
    assert "no chat completion" in command(server, tmp_path, "--json", fails=1).stderr


def test_waiting_for_not_a_number_of_seconds(server: OpenAIServer, tmp_path: Path) -> None:
    server.fail("s", Reply(status=429, headers={"Retry-After": "nan"}), times=1)
    command(server, tmp_path)
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 3


def test_a_failed_call_does_not_waste_those_beside_it(server: OpenAIServer, tmp_path: Path) -> None:
    """The small model fails at once, the large one answers later: its answer is kept."""
    server.fail("s", Reply(status=401), when=lambda request: "Who was it?" in request.question)
    server.say("l", Reply("Paris.", delay=0.1))
    command(server, tmp_path, "--json", fails=1)
    kept = (tmp_path / "outcomes.jsonl.journal").read_bytes().count(b"\n")
    assert (kept, len(server.calls("l"))) == (3 + 2 * 2, 3)


def test_ctrl_c_before_all_has_begun(server: OpenAIServer, tmp_path: Path) -> None:
    """One line after the note on what is kept, no word of Python's about what was not begun."""
    script = (
        "import asyncio, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from automix_cli import app\n"
        "from automix_cli.collect import gather as calls\n"
        "gather = asyncio.gather\n"
        "def interrupted(*jobs):\n"
        "    every = gather(*jobs)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    return every\n"
        "calls.asyncio.gather = interrupted\n"
        "app.main()\n"
    )
    asked = ["collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", f"--model=s={server.url}#s"]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, asked), f"--model=l={server.url}#l"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 130
    assert done.stderr.splitlines()[1:] == ["automix: interrupted"], done.stderr
    assert "0 answers are kept" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTPS_PROXY", "foo://user:hidden@x"), ("HTTP_PROXY", "http://u:hid#den@x"), ("SSL_CERT_FILE", "/no/such/file")],
)
def test_an_environment_that_can_not_work(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    models = ["--model=s=http://a.invalid#s", "--model=l=http://a.invalid#l"]
    said = automix("collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", *models, fails=2).stderr
    assert "No client can be made for http://a.invalid/v1" in said
    assert "hid" not in said


@pytest.mark.parametrize("url", ["http://256.256.256.256:1#s", "http://\u2603#s", "http://x#\udcff"])
def test_addresses_that_are_none(url: str, server: OpenAIServer, tmp_path: Path) -> None:
    models = [f"--model=s={url}", f"--model=l={server.url}#l"]
    automix("collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", *models, fails=2)
    assert server.requests == []


@pytest.mark.parametrize("price", ["1e308/1", "1e-300/1", "nan/1", "-1/1"])
def test_prices_that_can_not_be_meant(price: str, tmp_path: Path) -> None:
    models = ["--model=s=http://x#s", "--model=l=http://x#l", f"--price=s={price}", "--price=l=1/1"]
    automix("collect", questions(tmp_path), "-o", tmp_path / "o.jsonl", *models, fails=2)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    path, loop = write(tmp_path / "outcomes.jsonl", 20), tmp_path / "loop"
    loop.symlink_to(loop)
    assert "loop can't be read" in automix("fit", loop, "-o", tmp_path / "p.json", fails=1).stderr
    automix("fit", path, "-o", loop)  # a link to itself keeps nothing that could be lost
    models = ["--model=s=http://127.0.0.1:9#s", "--model=l=http://127.0.0.1:9#l"]
    assert "is a folder" in automix("collect", questions(tmp_path), "-o", "", *models, fails=2).stderr


def test_the_journal_is_nobody_elses(server: OpenAIServer, tmp_path: Path) -> None:
    """Neither an output nor a second run writes to it, and a file of one's own is not taken for one cut short."""
    journal = tmp_path / "outcomes.jsonl.journal"
    assert "named twice" in command(server, tmp_path, "--to-label", journal, fails=2).stderr
    with Journal(journal) as running:
        running.keep("a", Paid(("x",), ("stop",), 1, 1))
        assert "is in use by another automix collect" in command(server, tmp_path, fails=1).stderr
    with Journal(journal) as again:
        assert len(again) == 1
    for mine in (
        "my notes, one line",
        '{"id": "q1"}\n',
        '{"key": "a", "texts": [1], "finish": [null], "tokens": []}\n',
    ):
        journal.write_text(mine)
        assert "line 1: this is not a journal" in command(server, tmp_path, fails=1).stderr
        assert journal.read_text() == mine
