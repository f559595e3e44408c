"""Reading verdicts: the design's rule, clause by clause, and the traps in what models write."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.checking.verdict import count, final_text, read_verdict, read_word
from automix_core.decision import Tally

GOLDEN = Path(__file__).parent.parent / "golden" / "verdicts.jsonl"
PAPER = "Verification Decision: The AI generated answer is"

READABLE = [
    "Verdict: Correct",
    "Verdict: correct.",
    "VERDICT: CORRECT",
    "verdict:correct",
    "Verdict : Correct",
    "Verdict:\tCorrect .",
    "  Verdict: Correct  ",
    "\u00a0Verdict:\u00a0Correct\u00a0",
    f"{PAPER} Correct.",
    f"{PAPER} correct",
    "verification decision : the ai generated answer is CORRECT.",
    "Verification  Decision:  The AI generated  answer is  Correct",
    # Markdown
    "**Verdict: Correct**",
    "**Verdict:** Correct",
    "**Verdict**: **Correct**.",
    "__Verdict:__ _Correct_",
    "*Verdict*: `Correct`",
    "### Verdict: Correct",
    "## **Verdict: Correct** ##",
    "> Verdict: Correct",
    "> > Verdict: Correct",
    "- Verdict: Correct",
    "* Verdict: Correct",
    "+ Verdict: Correct",
    "• Verdict: Correct",
    "1. Verdict: Correct",
    "2) **Verdict:** Correct",
    "> - **Verdict:** Correct.",
    "| Verdict: Correct |",
    "```\nVerdict: Correct\n```",
    # Where it stands
    "The passage says so.\nVerdict: Correct",
    "The passage says so.\r\nVerdict: Correct\r\n",
    "Verdict: Correct\nThe passage names her.",
    "Verdict: Correct\n\nNote that the answer could be more complete. It is incorrect to say more.",
    "The answer is incorrect at first sight.\nVerdict: Correct",
    # The last line decides
    "Verdict: Incorrect\nOn second thoughts:\nVerdict: Correct",
    "Verdict: correct or incorrect\nVerdict: Correct",
    "Verdict: Incorrect\n" + f"{PAPER} Correct.",
    f"{PAPER} Incorrect.\nVerdict: Correct",
    # Thoughts
    "<think>Verdict: Incorrect</think>\nVerdict: Correct",
    "\n<think>\nVerdict: Incorrect\n</think>\n\nVerdict: Correct",
    "<THINK>Verdict: Incorrect</THINK>Verdict: Correct",
    "<thinking>Verdict: Incorrect</thinking>Verdict: Correct",
    "<think>one</think><think>Verdict: Incorrect</think>Verdict: Correct",
    "Hm. Verdict: Incorrect\n</think>\nVerdict: Correct",
    "Verdict: Correct\n<think>Is it?</think>",
]

UNREADABLE = [
    "",
    "   \n ",
    "Correct",
    "The answer is correct.",
    "I would say that the verdict is correct.",
    "So the verdict: correct",
    "Final verdict: Correct",
    "Verdict - Correct",
    "Verdict Correct",
    "Verdict: Correct or Incorrect",
    "Verdict: correct/incorrect",
    "Verdict: not correct",
    "Verdict: Correct!",
    "Verdict: Correct?",
    "Verdict: Correct...",
    "Verdict: Correct, mostly",
    "Verdict: Correct (Verrin)",
    "Verdict: partially correct",
    "Verdict: Correctly stated",
    "Verdict: Yes",
    "Verdict: True",
    "Verdict: The answer is correct",
    "Verdict:",
    "Verdict:\nCorrect",
    "Verdict: <correct>",
    'Verdict: "Correct"',
    "Verdict: Correct Verdict: Incorrect",
    "Verdict: Verdict: Correct",
    "| Verdict | Correct |",
    f"{PAPER} not correct.",
    f"{PAPER}: correct.",
    f"{PAPER}correct",
    "Verification Decision: Correct",
    "The AI generated answer is correct.",
    f"Verdict: {PAPER} correct",
    # The last line decides, also when it can't be read
    "Verdict: Correct\nVerdict: unsure",
    "Verdict: Correct\nVerdict:",
    f"Verdict: Correct\n{PAPER} hard to judge.",
    # Thoughts
    "<think>Verdict: Correct</think>",
    "<think>Verdict: Correct",
    "<think>Verdict: Correct</think>\nNo idea.",
    "Verdict: Correct\n</think>\nNo idea.",
]


def opposite(text: str) -> str:
    """The same words for the other verdict."""
    return re.sub("(in)?correct", lambda found: "correct" if found[1] else "incorrect", text, flags=re.IGNORECASE)


@pytest.mark.parametrize("text", READABLE)
def test_readable(text: str) -> None:
    assert read_verdict(text) is True
    assert read_verdict(opposite(text)) is False


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text: str) -> None:
    assert read_verdict(text) is None
    assert read_verdict(opposite(text)) is None


lines = st.sampled_from(
    ["Some reason.", "It is correct.", "Verdict: Correct", "**Verdict: incorrect.**", "Verdict: hm"]
)
SAID = {"Verdict: Correct": True, "**Verdict: incorrect.**": False, "Verdict: hm": None}


@given(st.lists(lines), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_the_last_verdict_line_decides_whatever_surrounds_it(text: list[str], end: str) -> None:
    said = [SAID[line] for line in text if line in SAID]
    assert read_verdict(end.join(text)) is (said[-1] if said else None)


@given(st.text())
def test_any_text_has_at_most_one_verdict(text: str) -> None:
    assert read_verdict(text) in (True, False, None)
    assert read_verdict(f"{text}\nVerdict: Correct") in (True, None), "None: an open thought swallows it"


@pytest.mark.parametrize(
    ("text", "final"),
    [
        (" plain ", "plain"),
        ("<think>a</think>b", "b"),
        ("<think>a", ""),
        ("a</think>b", "b"),
        ("b <think>c</think> d", "b <think>c</think> d"),
        ("<think>a</think>b</think>c", "b</think>c"),
        ("<thinker>a</thinker>", "<thinker>a</thinker>"),
    ],
)
def test_final_text(text: str, final: str) -> None:
    assert final_text(text) == final


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("Correct", True), (" **incorrect**. ", False), ("<think>x</think>correct", True), ("Verdict: Correct", None)],
)
def test_a_one_token_verifier_reads_a_bare_word(text: str, verdict: bool | None) -> None:
    assert read_word(text) is verdict


def test_counting() -> None:
    assert count([True, None, False, True], failed=2) == Tally(2, 1, 1, 2)
    assert count([]) == Tally()


def test_what_real_models_wrote() -> None:
    rows = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 100
    assert {row["verdict"] for row in rows} == {1, 0, None}
    wrong = [
        row
        for row in rows
        if read_verdict(row["text"]) is not (None if row["verdict"] is None else bool(row["verdict"]))
    ]
    assert not wrong
