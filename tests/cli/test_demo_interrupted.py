"""Ctrl-C at every stage of the demo: exit code 130, no traceback, and what was answered is totalled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cases import block
from tests.cli.demos import BAD, provider
from tests.loopback import OpenAIServer, Quirks, Reply, Request

SLOW = 60.0
pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


def interrupted(server: OpenAIServer, when: Callable[[Request], bool], *more: str, text: str = "") -> tuple[str, str]:
    """Output and errors of a run that is interrupted once a request arrives that `when` holds for."""
    command = [sys.executable, "-m", "automix_cli", "demo", *more]
    command += ["-q", "--small", f"{server.url}#small", "--large", f"{server.url}#large"]
    pipe, root = subprocess.PIPE, Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=root) as process:
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.flush()
        while not any(when(request) for request in list(server.requests)):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        said, errors = process.communicate(timeout=SLOW / 2)
    assert process.returncode == 130, errors
    assert errors == "automix: interrupted\n"
    return said, errors


def second(request: Request) -> bool:
    """Whether it is about the second question."""
    return "crossing" in request.question.rpartition("uestion:")[2] + str(block(request.question, "question"))


STAGES: dict[str, Callable[[Request], bool]] = {
    "draft": lambda r: second(r) and r.model == "small" and not r.asks_for_verdict,
    "check": lambda r: second(r) and r.asks_for_verdict,
    "answer": lambda r: second(r) and r.model == "large",
}


@pytest.mark.parametrize("stage", STAGES)
def test_in_the_second_question(server: OpenAIServer, stage: str) -> None:
    server.verdicts(lambda request: BAD if second(request) else None)
    server.fail(None, Reply("Slow.", delay=SLOW), when=STAGES[stage])
    said, _ = interrupted(server, STAGES[stage])
    assert "1 question: 1 accepted." in said
    assert "Priced" in said


def test_while_separate_checks_are_under_way(server: OpenAIServer) -> None:
    server.quirks["small"] = Quirks(max_choices=1)
    server.fail("small", Reply("Slow.", delay=3.0), when=lambda r: r.asks_for_verdict and r.n == 1)
    said, _ = interrupted(server, lambda r: r.asks_for_verdict and r.n == 1)
    assert "draft" in said


def test_while_an_endpoint_is_tried(server: OpenAIServer) -> None:
    server.fail("small", Reply("Slow.", delay=SLOW))
    said, _ = interrupted(server, lambda request: request.model == "small")
    assert said == ""


def test_json_is_whole_and_says_so(server: OpenAIServer) -> None:
    server.fail(None, Reply("Slow.", delay=SLOW), when=second)
    said, _ = interrupted(server, second, "--json")
    found = json.loads(said)
    assert found["interrupted"] is True
    assert [record["id"] for record in found["questions"]] == ["supper"]


def test_at_the_prompt(server: OpenAIServer) -> None:
    """Typed questions: the next one never comes."""

    def asked_alone(request: Request) -> bool:
        """The large model's answer is the last request of a question; then it is written down, within a second."""
        if request.model != "large" or request.body.get("max_tokens") == 1:
            return False
        time.sleep(1.0)
        return True

    said, _ = interrupted(server, asked_alone, "--ask", text="When is supper served?\n")
    assert "1 question: 1 accepted." in said
