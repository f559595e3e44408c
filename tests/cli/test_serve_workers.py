"""`automix serve --workers 2` as it is typed: what the workers share, and what the death of one costs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.cli.test_serve import QUESTION, ask, cascade_file
from tests.cli.test_serve_command import process
from tests.loopback import OpenAIServer, Reply

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _keeps(provider: OpenAIServer) -> None:
    provider.verdicts("Verdict: correct")


def workers(running: subprocess.Popen[str]) -> list[int]:
    """The processes that serve: the children of the command that are no helpers of multiprocessing's."""
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def ready(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{url.removesuffix('/v1')}/ready", timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("nobody serves")


def test_workers_count_together(tmp_path: Path, provider: OpenAIServer) -> None:
    """Calls of all of them are in the metrics of each, and a minute's limit holds for all of them together."""
    file = cascade_file(tmp_path, provider)
    file.write_text(f"{file.read_text()}[serve]\nper_minute = 30\n")
    with process(file, "--workers", "2") as (running, url), ThreadPoolExecutor(6) as callers:
        ready(url)
        assert len(workers(running)) == 2
        address = url.removesuffix("/v1")
        statuses = list(callers.map(lambda _: ask(address).status_code, range(40)))
        assert sorted(statuses) == [200] * 30 + [429] * 10
        for _ in range(6):  # whoever answers
            told = httpx.get(f"{address}/metrics", timeout=60).text
            assert 'automix_calls_total{action="accept",cascade="cascade",model="0"} 30.0' in told
            assert 'automix_refusals_total{status="429"} 10.0' in told
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 0


def test_a_killed_worker_is_replaced_and_no_call_ends_in_silence(tmp_path: Path, provider: OpenAIServer) -> None:
    provider.say("small", Reply("Oda Verrin.", delay=0.2))
    with process(cascade_file(tmp_path, provider), "--workers", "2") as (running, url), ThreadPoolExecutor(4) as calls:
        ready(url)
        before = workers(running)

        def call(place: int) -> str:
            if place == 8:
                os.kill(before[0], signal.SIGKILL)
            try:
                reply = ask(url.removesuffix("/v1"))
            except httpx.TransportError as error:
                return type(error).__name__
            return str(reply.status_code)

        told = list(calls.map(call, range(40)))
        broken = [word for word in told if word != "200"]
        assert len(told) == 40
        assert len(broken) <= 4, broken  # those that the dead one was answering
        for _ in range(300):
            if len(workers(running)) == 2 and workers(running) != before:
                break
            time.sleep(0.1)
        assert len(workers(running)) == 2
        ready(url)
        assert ask(url.removesuffix("/v1")).status_code == 200


def test_a_shutdown_of_workers_lets_streams_come_to_their_end(tmp_path: Path, provider: OpenAIServer) -> None:
    provider.say("large", Reply("", pieces=("It was ", "Oda ", "Verrin."), pause=1.0))
    provider.verdicts("Verdict: incorrect")
    with process(cascade_file(tmp_path, provider), "--workers", "2") as (running, url):
        ready(url)
        body = {"model": "cascade", "messages": QUESTION, "stream": True}
        with httpx.stream("POST", f"{url}/chat/completions", json=body, timeout=60) as reply:
            lines = reply.iter_lines()
            assert "assistant" in next(lines)
            running.send_signal(signal.SIGTERM)
            rest = [line for line in lines if line]
        assert rest[-1] == "data: [DONE]"
        assert re.search(r'"action": ?"escalate"', rest[-2])
        assert running.wait(timeout=60) == 0
