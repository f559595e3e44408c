"""Telling what a model thought from what it said, in every form in which models and servers write thoughts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.checking.thoughts import final_text, split

OPEN_AND_CLOSE = [
    ("<think>", "</think>"),
    ("<THINK>", "</Think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>thought\n", "<unused95>"),
]


@pytest.mark.parametrize(("start", "end"), OPEN_AND_CLOSE)
def test_every_models_marks(start: str, end: str) -> None:
    assert final_text(f"{start}EVIL{end}It has 211 steps.") == "It has 211 steps."
    assert final_text(f"It has {start}EVIL{end}211 steps.") == "It has 211 steps."
    assert final_text(f"{start}a{start}EVIL{end}b{end} It has 211 steps.") == "It has 211 steps.", "nested"
    assert final_text(f"EVIL {end} It has 211 steps.") == "It has 211 steps.", "opened in the prompt"
    assert final_text(f"{start}a{end}EVIL{end}It has 211 steps.") == "It has 211 steps."
    assert final_text(f"It has 211 steps.{start}EVIL") == "It has 211 steps.", "cut off"
    assert final_text(f"{start}EVIL") == ""


@pytest.mark.parametrize(
    ("text", "final"),
    [
        (" plain ", "plain"),
        ("", ""),
        ("a </think><think>b</think>c", "c"),
        ("<think>one <think> is a tag</think>b", "b"),
        ("<thinker>a</thinker>", "<thinker>a</thinker>"),
        ("The mark `</think>` ends a thought.", "The mark `</think>` ends a thought."),
        ("Two < three and [think] of it", "Two < three and [think] of it"),
        ("<|channel|>analysis<|message|>EVIL<|end|><|channel|>final<|message|>It has 211.<|return|>", "It has 211."),
        ("<|channel|>analysis<|message|>EVIL", ""),
        ("analysisThe user asks.assistantfinalIt has 211.", "It has 211."),
        ("analysis of the tower: 211 steps", "analysis of the tower: 211 steps"),
    ],
)
def test_final_text(text: str, final: str) -> None:
    assert final_text(text) == final


pieces = st.lists(
    st.sampled_from(["It has ", "EVIL", "<think>", "</think>", "[THINK]", "[/THINK]", "`", "\n", "<thi", "nk>"])
)


@given(pieces)
def test_what_is_left_has_no_thoughts_left(texts: list[str]) -> None:
    once = final_text("".join(texts))
    assert final_text(once) == once
    assert len(once) <= len("".join(texts))


def test_what_an_orphan_mark_hides_is_told() -> None:
    assert split("Hm.</think>Yes.") == ("Hm.", "Yes.")
    assert split("<think>Hm.</think>Yes.") == ("", "Yes.")
