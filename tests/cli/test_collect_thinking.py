"""`automix collect` of models that think before they answer: room where there was none, paid once, the same again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from automix_core.outcomes.outcome import read_outcomes
from tests.cli.test_collect import QUESTIONS, questions
from tests.cli.test_fit import automix
from tests.loopback import OpenAIServer, Reply, Request

ANSWER, VERDICT = "Paris", "It says so.\nVerdict: Correct"


def limit(request: Request) -> int:
    """The tokens that a request allows its answer; very many where it says nothing."""
    return int(request.body.get("max_tokens") or 10**6)


def thinking(text: str, words: int = 300) -> Any:
    """A model that spends `words` tokens on thoughts before it says `text`."""

    def answer(request: Request) -> Reply:
        if limit(request) <= words:
            return Reply("", finish_reason="length", output_tokens=limit(request))
        return Reply(text, reasoning="Hm.", reasoning_tokens=words, output_tokens=words + len(text.split()))

    return answer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.say("l", ANSWER)
        running.verdicts(VERDICT)
        yield running


def collected(server: OpenAIServer, folder: Path, *, verify: str = "", model: str = "") -> dict[str, Any]:
    (folder / "c.toml").write_text(
        f'[verify]\nk = 2\n{verify}\n[[model]]\nname = "small"\nurl = "{server.url}#s"\n{model}\n'
        f'[[model]]\nname = "large"\nurl = "{server.url}#l"\n'
    )
    output = folder / "o.jsonl"
    done = automix("collect", questions(folder, QUESTIONS[:2]), "-o", output, "--config", folder / "c.toml", "--json")
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def test_thoughts_are_given_room(server: OpenAIServer, tmp_path: Path) -> None:
    """An answer cut off in its thoughts is asked again; its checks, as live, have no limit."""
    server.say("s", thinking(ANSWER))
    server.verdicts(thinking(VERDICT))
    collected(server, tmp_path)
    first, _ = read_outcomes(tmp_path / "o.jsonl")
    assert (first.models[0].answer, first.models[0].problem) == (ANSWER, None)
    assert first.models[0].verdicts == (True, True)
    assert sorted(map(limit, server.calls("s", verdict=False))) == [256, 256, 4096, 4096]
    assert set(map(limit, server.calls("s", verdict=True))) == {10**6}
    server.clear()
    assert collected(server, tmp_path)["requests_paid"] == 0
    assert not server.calls()


def test_checks_that_thought_too_long_are_drawn_again_once(server: OpenAIServer, tmp_path: Path) -> None:
    """A model whose answer shows no thoughts, and some of whose checks are cut off before a word."""
    server.say("s", ANSWER)
    some, turns = thinking(VERDICT), count()
    server.verdicts(lambda request: some(request) if next(turns) % 2 else Reply(VERDICT))
    collected(server, tmp_path)
    for outcome in read_outcomes(tmp_path / "o.jsonl"):
        assert outcome.models[0].verdicts == (True, True)
    assert set(map(limit, server.calls("s", verdict=True))) == {256, 4096}
    spent = sum(bill.output_tokens for bill in server.billed if bill.verdict)
    told = [json.loads(line)["models"][0]["verdict_usage"] for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert sum(usage["output_tokens"] for usage in told) == spent, "what was cut off is paid for too"


def test_a_limit_of_the_users_own_is_kept(server: OpenAIServer, tmp_path: Path) -> None:
    server.say("s", thinking(ANSWER, words=30))
    server.verdicts(thinking(VERDICT))
    collected(server, tmp_path, verify="max_tokens = 20", model="max_tokens = 40")
    assert set(map(limit, server.calls("s", verdict=False))) == {40}
    assert set(map(limit, server.calls("s", verdict=True))) == {20}
    assert read_outcomes(tmp_path / "o.jsonl")[0].models[0].verdicts == (None, None)


@pytest.mark.parametrize("shown", ["beside", "counted", "marked", "parts"])
def test_thoughts_are_known_however_a_server_shows_them(server: OpenAIServer, tmp_path: Path, shown: str) -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": ANSWER}]
    whole = {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}
    reply = {
        "beside": Reply(ANSWER, reasoning="Hm."),
        "counted": Reply(ANSWER, reasoning_tokens=7, output_tokens=8),
        "marked": Reply(f"<think>Hm.</think>{ANSWER}"),
        "parts": Reply(body=json.dumps(whole).encode()),
    }[shown]
    server.say("s", reply)
    collected(server, tmp_path)
    assert read_outcomes(tmp_path / "o.jsonl")[0].models[0].answer == ANSWER
    assert set(map(limit, server.calls("s", verdict=True))) == {10**6}


def test_an_answer_without_a_finish_reason_is_no_draft_that_is_kept(server: OpenAIServer, tmp_path: Path) -> None:
    """OpenAI's protocol has one in each answer; a cascade rejects such a draft, so checks of it would teach nothing."""
    server.say("s", Reply(ANSWER, finish_reason="none"))
    collected(server, tmp_path)
    (first, _) = read_outcomes(tmp_path / "o.jsonl")
    assert first.models[0].problem == "cut off (it came without a finish reason)"
    assert not server.calls("s", verdict=True)
