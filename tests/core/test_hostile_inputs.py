"""What strangers can write, in a search for anything but an answer or one of our own errors.

The default run tries a few; `-m slow`, which CI runs, fifteen hundred.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automix_core import AutoMixError, load_policy, read_outcomes, read_questions
from automix_core.checking.once import once
from automix_core.checking.query import IN_CONTEXT, Query, passages
from automix_core.checking.transcript import transcript, whole_prompt
from automix_core.checking.verdict import read_verdict
from automix_core.decision import State, Tally

POLICY = json.loads((Path(__file__).parents[1] / "golden" / "policy_v1.json").read_text(encoding="utf-8"))
OUTCOME = {
    "id": "q1",
    "question": "Who?",
    "context": "Oda did.",
    "models": [
        {"name": "small", "score": 0.5, "cost": 1, "verdicts": [1, 0, None], "verdict_cost": 0.1,
         "signals": {"support": 1}},
        {"name": "large", "score": 1, "cost": 50},
    ],
}  # fmt: skip
TRIES = [pytest.param(40, id="few"), pytest.param(1500, id="many", marks=pytest.mark.slow)]
REPLY = (
    "Verdict:", "Correct", "Incorrect", "\n", " ", "Verdict: Correct", "Verdict: Incorrect", "Final Verdict:", "```",
    "~~~", "> ", "<!--", "-->", "<x>", "</x>", "<think>", "</think>", "[THINK]", "</s>", "<|im_end|>", "\u201c",
    "\u201d", '"', "|", "~~", "    ", "<|channel|>final<|message|>", "\u2028", "\r", "**", "- ", "1. ", "Reason:",
)  # fmt: skip
replies = st.lists(st.sampled_from(REPLY) | st.text(max_size=4), max_size=14).map("".join)
odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1e308, -1e308, "", "x" * 300, [], {}, [[]], {"a": {}}, "\u0000", 10**40]
)
said = st.lists(st.tuples(st.sampled_from(["User", "Assistant", "System", "Tool"]), st.text(max_size=60)), max_size=5)


def changed(record: Any, draw: Callable[[Any], Any]) -> Any:
    """A record with one of its parts changed, left out, or put elsewhere."""
    if isinstance(record, dict) and record:
        name = draw(st.sampled_from(sorted(record)))
        what = draw(st.sampled_from(["inside", "inside", "inside", "odd", "gone", "more"]))
        rest = {key: value for key, value in record.items() if key != name}
        if what == "gone":
            return rest
        if what == "more":
            return {**record, draw(st.text(max_size=5)): draw(odd)}
        return {**record, name: draw(odd) if what == "odd" else changed(record[name], draw)}
    if isinstance(record, list) and record:
        at = draw(st.integers(0, len(record) - 1))
        return [*record[:at], changed(record[at], draw), *record[at + 1 :]]
    return draw(odd)


def attempted(read: Callable[[Path], Any], path: Path) -> tuple[Any, str]:
    """What was read, or None and why it was refused; any other error is a finding."""
    try:
        return read(path), ""
    except AutoMixError as error:
        return None, str(error)


def searched(tries: int, test: Callable[..., None], *parts: st.SearchStrategy[Any]) -> None:
    check = [HealthCheck.too_slow, HealthCheck.data_too_large]
    settings(max_examples=tries, deadline=None, database=None, suppress_health_check=check)(given(*parts)(test))()


@pytest.mark.parametrize("tries", TRIES)
def test_no_reply_is_too_odd_and_none_that_denied_becomes_a_consent(tries: int) -> None:
    def test(copied: str, reason: str) -> None:
        assert read_verdict(copied) in (True, False, None)
        own = f"Reason: {reason.replace('Verdict', 'It')}\nVerdict: Incorrect"
        assert read_verdict(f"The document says: {copied}\n{own}") is not True

    plain = st.text(st.characters(categories=["L", "N", "Zs"]), max_size=20)
    searched(tries, test, replies, plain)


@pytest.mark.parametrize("tries", TRIES)
def test_a_policy_that_loads_can_decide(tries: int) -> None:
    def test(data: st.DataObject) -> None:
        record = changed(changed(POLICY, data.draw), data.draw)
        with TemporaryDirectory() as folder:
            path = Path(folder, "p.json")
            path.write_text(json.dumps(record), encoding="utf-8")
            policy, refused = attempted(load_policy, path)
        if policy is None:
            assert str(path) in refused
            assert "\n" not in refused
        else:
            policy.decide(State((True, False), (Tally(), Tally()), (8, 8), 0.5))

    searched(tries, test, st.data())


@pytest.mark.parametrize("read", [read_outcomes, read_questions])
@pytest.mark.parametrize("tries", TRIES)
def test_records_are_read_or_refused_by_line(tries: int, read: Callable[[Path], list[Any]]) -> None:
    logging.getLogger("automix").setLevel(logging.ERROR)

    def test(data: st.DataObject) -> None:
        line = json.dumps(changed(changed(OUTCOME, data.draw), data.draw))
        text = data.draw(st.sampled_from([line, line[:-5], line + "}", line.replace('"', "'"), f"{line}\n{line}"]))
        with TemporaryDirectory() as folder:
            path = Path(folder, "o.jsonl")
            path.write_text(text, encoding="utf-8")
            found, refused = attempted(read, path)
            assert found or str(path) in refused

    try:
        searched(tries, test, st.data())
    finally:
        logging.getLogger("automix").setLevel(logging.NOTSET)


@pytest.mark.parametrize("tries", TRIES)
def test_a_context_is_read_from_anything(tries: int) -> None:
    def test(turns: list[tuple[str, str]], context: list[str], question: str) -> None:
        shown = transcript(turns)
        assert shown.count("\n\nSystem: ") <= max(0, sum(who == "System" for who, _ in turns))
        for asked in range(len(turns)):
            found = whole_prompt(turns, asked)
            assert found.source == "prompt"
            assert once(found).context == found.context
        query = once(Query(question, passages(context), shown))
        assert query.question.strip() or not question.strip() or query.question == IN_CONTEXT
        assert query.cut_to(lambda q: len(q.context_text) < 20).context_text.count("") <= 40

    searched(tries, test, said, st.lists(st.text(max_size=50), max_size=4), st.text(max_size=60))


def test_long_replies_take_no_time_to_speak_of() -> None:
    """A reader that backtracks would take hours: 200,000 characters of what it looks for."""
    start = time.process_time()
    for piece in REPLY:
        read_verdict(piece * (200_000 // len(piece)))
    assert time.process_time() - start < 60
