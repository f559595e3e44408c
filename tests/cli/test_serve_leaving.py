"""`automix serve` and what goes on meanwhile: callers that hang up, policies that change, paths that there are not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from automix_core import Threshold, save_policy
from tests.cli.test_serve import QUESTION, ask, cascade_file, served
from tests.loopback import OpenAIServer, Reply


def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("what was waited for did not happen")


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_hangs_up_is_no_longer_worked_for(tmp_path: Path, stream: bool) -> None:
    with OpenAIServer() as provider:
        provider.say("small", Reply("Oda Verrin.", delay=60.0))
        with served(cascade_file(tmp_path, provider)) as (address, traffic):
            body = {"model": "cascade", "messages": QUESTION, "stream": stream}
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{address}/v1/chat/completions", json=body, timeout=0.5)
            eventually(lambda: traffic.working == 0 and provider.in_flight == 0)
            assert [request.model for request in provider.requests] == ["small"]  # nothing was asked after that
            assert 'automix_refusals_total{status="499"} 1.0' in httpx.get(f"{address}/metrics").text


def test_a_policy_changes_under_load_and_no_call_is_dropped(tmp_path: Path) -> None:
    with OpenAIServer() as provider:
        provider.say("small", "Oda Verrin.")
        provider.verdicts("Verdict: correct")
        save_policy(Threshold(0.5), tmp_path / "policy.json")
        with (
            served(cascade_file(tmp_path, provider, more='policy = "policy.json"')) as (address, _),
            ThreadPoolExecutor(4) as callers,
        ):
            seen: set[str] = set()

            def call(_: int) -> int:
                reply = ask(address)
                seen.add(reply.json()["automix"]["policy"])
                return int(reply.status_code)

            statuses = list(callers.map(call, range(4)))
            save_policy(Threshold(0.9), tmp_path / "policy.json")
            while "Threshold(0.9)" not in seen and len(statuses) < 400:
                statuses += callers.map(call, range(4))
    assert set(statuses) == {200}
    assert seen == {"Threshold(0.5)", "Threshold(0.9)"}


def test_a_path_that_there_is_not_is_told_in_openais_form(tmp_path: Path) -> None:
    with OpenAIServer() as provider, served(cascade_file(tmp_path, provider)) as (address, _):
        for reply in (httpx.post(f"{address}/v1/embeddings", json={}), httpx.get(f"{address}/v1/chat/completions")):
            error = json.loads(reply.text)["error"]
            assert reply.status_code in (404, 405)
            assert (error["type"], error["code"]) == ("invalid_request_error", "unknown_url")
            assert "There is no " in error["message"]
