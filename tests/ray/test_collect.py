"""`automix collect --engine ray` on a cluster of several processes on this computer; workers and drivers are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray.exceptions", reason="Ray is not installed (the extra ray)")

from automix_core.outcomes.outcome import Outcome, read_outcomes
from tests.loopback import OpenAIServer, Reply

LIMIT = 6
QUESTIONS = 40

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.say("s", Reply("Paris", delay=0.1))
        running.say("l", Reply("Paris.", delay=0.1))
        running.verdicts(Reply("Verdict: Correct", delay=0.1), Reply("Verdict: Incorrect", delay=0.1))
        yield running


def asked(server: OpenAIServer, folder: Path, output: str, *more: str) -> list[str]:
    path = folder / "questions.jsonl"
    records = [
        {"id": f"q{n}", "question": f"Where is number {n}?", "context": f"{n} is in Paris.", "answers": ["Paris"]}
        for n in range(QUESTIONS)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    models = [f"--model=small={server.url}#s", f"--model=large={server.url}#l"]
    start = [sys.executable, "-m", "automix_cli", "collect", str(path), "-o", str(folder / output), *models]
    return [*start, f"--concurrency={LIMIT}", "--json", *more]


def on_ray(workers: int) -> tuple[str, ...]:
    return "--engine=ray", f"--workers={workers}"


def started(command: list[str]) -> subprocess.Popen[str]:
    here = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | {"PYTHONPATH": here}
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True
    )


def finished(command: list[str]) -> dict[str, Any]:
    with started(command) as process:
        said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    facts: dict[str, Any] = json.loads(said)
    return facts


def until(true: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.02)


def workers() -> list[int]:
    """The processes of the cluster's workers: Ray names a process by its actor."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if place.read_bytes().startswith(b"ray::Asker"):
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found


def untimed(path: Path) -> list[dict[str, Any]]:
    """The records without what the clock said."""

    def plain(outcome: Outcome) -> dict[str, Any]:
        record = outcome.record()
        for model in record["models"]:
            model.pop("seconds", None)
            model.pop("verdict_seconds", None)
        return record

    return [plain(outcome) for outcome in read_outcomes(path)]


def paid_for(folder: Path, output: str) -> int:
    journal = folder / f"{output}.journal"
    keys = [json.loads(line)["key"] for line in journal.read_text().splitlines()]
    assert max(Counter(keys).values()) == 1
    return len(keys)


def test_records_are_those_of_one_process_and_the_limit_is_the_clusters(server: OpenAIServer, tmp_path: Path) -> None:
    finished(asked(server, tmp_path, "local.jsonl"))
    alone = len(server.requests)
    server.clear()
    facts = finished(asked(server, tmp_path, "ray.jsonl", *on_ray(3)))
    assert facts["outcomes"] == QUESTIONS
    assert untimed(tmp_path / "ray.jsonl") == untimed(tmp_path / "local.jsonl")
    assert len(server.requests) == alone
    assert 1 < server.peak <= LIMIT
    assert not workers()
    again = finished(asked(server, tmp_path, "ray.jsonl", *on_ray(1)))
    assert (again["requests_paid"], len(server.requests)) == (0, alone)


def test_a_worker_that_is_killed_loses_nothing(server: OpenAIServer, tmp_path: Path) -> None:
    kills = 0
    with started(asked(server, tmp_path, "ray.jsonl", *on_ray(2))) as process:
        for share in (0.2, 0.5):
            until(lambda share=share: len(server.requests) >= share * 3 * QUESTIONS and bool(workers()))  # type: ignore[misc]
            os.kill(workers()[0], signal.SIGKILL)
            kills += 1
        said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    assert json.loads(said)["outcomes"] == QUESTIONS
    assert Counter(o.id for o in read_outcomes(tmp_path / "ray.jsonl")) == Counter(f"q{n}" for n in range(QUESTIONS))
    twice = len(server.requests) - paid_for(tmp_path, "ray.jsonl")
    assert 0 <= twice <= kills * LIMIT
    assert server.peak <= 2 * LIMIT  # what a killed worker had asked may be under way at the server for a while


def test_a_driver_that_is_killed_goes_on_from_its_journal(server: OpenAIServer, tmp_path: Path) -> None:
    command = asked(server, tmp_path, "ray.jsonl", *on_ray(2))
    with started(command) as process:
        until(lambda: len(server.requests) >= 1.5 * QUESTIONS)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    until(lambda: not workers())  # they end with their driver
    assert not (tmp_path / "ray.jsonl").exists()
    facts = finished(command)
    assert facts["requests_from_journal"] > 0
    assert Counter(o.id for o in read_outcomes(tmp_path / "ray.jsonl")) == Counter(f"q{n}" for n in range(QUESTIONS))
    assert 0 <= len(server.requests) - paid_for(tmp_path, "ray.jsonl") <= LIMIT
