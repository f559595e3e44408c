"""What surrounds a check: drafts that can't be kept, and what a custom verifier may return."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from automix_core.checking.custom import Results, k_of
from automix_core.checking.finish import UNFINISHED, problem
from automix_core.checking.results import approximate_tokens, read_result
from automix_core.decision import Tally
from automix_core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "reason", "why"),
    [
        ("Verrin.", None, ""),
        ("Verrin.", "stop", ""),
        ("Verrin.", "end_turn", ""),
        ("Verrin.", "tool_calls", ""),
        ("I can't answer that.", "stop", ""),
        ("Verr", "length", "cut off"),
        ("Verr", "MAX_TOKENS", "cut off"),
        ("Verr", "max_output_tokens", "cut off"),
        ("", "length", "cut off"),
        ("Verr", "content_filter", "filtered"),
        ("", "SAFETY", "filtered"),
        ("", "stop", "empty"),
        (" \n", None, "empty"),
        ("<think>long thoughts</think>", "stop", "empty"),
        ("<think>long thou", "stop", "empty"),
        ("Verrin.", "FinishReason.STOP", ""),
        ("Verrin.", "stopstop", ""),
        ("Verr", "refusal", "filtered"),
        ("Verr", "pause_turn", "of an unknown finish reason (pause_turn)"),
        ("Verr", "error", "of an unknown finish reason (error)"),
        ("Verr", "insufficient_system_resource", "of an unknown finish reason (insufficient_system_resource)"),
        ("Verr", "MALFORMED_FUNCTION_CALL", "of an unknown finish reason (malformed_function_call)"),
        ("Verr", "unload", "of an unknown finish reason (unload)"),
    ],
)
def test_drafts_that_can_not_be_kept(text: str, reason: str | None, why: str) -> None:
    assert problem(text, reason) == why


def test_no_finish_reason_is_none_from_a_client_that_always_gives_one() -> None:
    assert problem("Verr", None, always_given=True) == UNFINISHED
    assert problem("", None, always_given=True) == "empty"
    assert problem("Verrin.", "stop", always_given=True) == ""


def test_an_unknown_finish_reason_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "automix"):
        for _ in range(3):
            problem("Verr", "gone_fishing")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "gone_fishing" in caplog.text


@pytest.mark.parametrize(
    ("result", "tally"),
    [
        ([True, False, None], Tally(1, 1, 1)),
        ([1, 0, None], Tally(1, 1, 1)),
        ((True, True), Tally(2)),
        (iter([True]), Tally(1)),
        ([], Tally()),
        ([True] * 9, Tally(4)),
        (0.5, Tally(probability=0.5)),
        (0.0, Tally(probability=0.0)),
        (1, Tally(probability=1.0)),
        # Of other libraries
        (np.float32(0.5), Tally(probability=0.5)),
        (np.float32(1.0000001), Tally(probability=1.0)),
        (-1e-9, Tally(probability=0.0)),
        (np.array(0.5), Tally(probability=0.5)),
        (np.array([0.5]), Tally(probability=0.5)),
        (np.array([[0.5]], dtype=np.float32), Tally(probability=0.5)),
        (np.array([True]), Tally(1)),
        (np.array([True, False]), Tally(1, 1)),
        ([np.bool_(True), np.int64(0), None, np.array([1])], Tally(2, 1, 1)),
        (np.array([1, 0, 1]), Tally(2, 1)),
        (Fraction(1, 2), Tally(probability=0.5)),
    ],
)
def test_what_a_verifier_may_return(result: Any, tally: Tally) -> None:
    assert read_result(result, 4) == tally


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (1.5, "between 0 and 1"),
        (-0.1, "between 0 and 1"),
        (float("nan"), "between 0 and 1"),
        (2, "between 0 and 1"),
        (True, "must return a list of True, False or None, or a float"),
        (None, "must return a list"),
        ("correct", "must return a list"),
        ({"verdicts": [1]}, "must return a list"),
        (["correct"], "a verdict is True, False or None"),
        ([2], "a verdict is True, False or None"),
        ([0.5], "a verdict is True, False or None"),
        (np.float32(1.5), "the confidence 1.5; it must lie between 0 and 1"),
        (np.array([float("nan")]), "the confidence nan; it must lie between 0 and 1"),
        (np.array([0.9, 0.2]), "the verdict 0.9; a verdict is True, False or None"),
        (["entailment"], "the verdict 'entailment'; a verdict"),
        (["a long text that may be a prompt"], "the verdict str; a verdict"),
        (np.array([[1, 0]]), "the verdict ndarray; a verdict"),
    ],
)
def test_what_it_may_not(result: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_result(result, 4)


def test_a_verifier_may_name_its_own_k() -> None:
    def check(context: str, question: str, answer: str, n: int) -> list[bool | None]:
        return [True] * n

    assert k_of(check) == 8
    check.k = 3  # type: ignore[attr-defined]
    assert k_of(check) == 3
    check.k = np.int64(5)  # type: ignore[attr-defined]
    assert k_of(check) == 5
    for wrong in (0, -1, 2.5, True, "3", None):
        check.k = wrong  # type: ignore[attr-defined]
        with pytest.raises(ConfigError, match=r"verifier\.k must be a whole number of 1 or more, not"):
            k_of(check)


def test_what_cannot_be_read_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    results = Results(lambda *_: None)
    with caplog.at_level(logging.WARNING, "automix"):
        for result in (1.5, 1.5, None):
            with pytest.raises(ConfigError):
                results.read(result, 1)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("The verifier returned the confidence 1.5; it must lie between 0 and 1.")
    assert results.read({"verdicts": [1, None], "confidence": 1.0}, 2) == (Tally(1, 0, 1), [1, None])
    assert results.read({"verdicts": [], "confidence": 0.25}, 2) == (Tally(probability=0.25), [])


def test_tokens_are_guessed_with_care() -> None:
    assert [approximate_tokens(text) for text in ("", "a", "abc", "abcd", "灯台")] == [0, 1, 1, 2, 2]
