"""Log-probabilities as clients report them, and one word's probability in them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from automix_core.checking.token_verdict import SHOTS, log_odds, log_odds_of, probability_of, read_word
from automix_core.evidence.reported import reported_tokens
from automix_core.evidence.tokens import Token

ENTRY = {"token": "Yes", "logprob": -0.5, "top_logprobs": [{"token": "Yes", "logprob": -0.5}]}
GOOGLES = {"token": "Yes", "log_probability": -0.5, "token_id": 7}
TOKEN = Token("Yes", -0.5, {"Yes": -0.5})


@pytest.mark.parametrize(
    "reported",
    [
        {"content": [ENTRY]},
        [ENTRY],
        SimpleNamespace(content=[SimpleNamespace(**ENTRY)]),
        [[SimpleNamespace(token="Yes", logprob=-0.5, bytes=[])]],
        {"tokens": ["Yes"], "token_logprobs": [-0.5], "top_logprobs": [{"Yes": -0.5}]},
        {"chosen_candidates": [GOOGLES], "top_candidates": [{"candidates": [GOOGLES]}]},
    ],
)
def test_every_known_form_is_read(reported: Any) -> None:
    assert reported_tokens(reported) == (TOKEN,)


@pytest.mark.parametrize("reported", [None, {}, "text", 3, {"content": None}, [{"token": "Yes"}], {"content": [None]}])
def test_anything_else_holds_no_tokens(reported: Any) -> None:
    assert reported_tokens(reported) == ()


def test_googles_tokens_may_come_without_alternatives() -> None:
    assert reported_tokens({"chosen_candidates": [GOOGLES, {"token": "."}]}) == (Token("Yes", -0.5, {}),)


def test_a_place_without_a_number_is_left_out_of_the_older_form() -> None:
    assert reported_tokens({"tokens": ["a", "b"], "token_logprobs": [None, -1.0]}) == (Token("b", -1.0, {}),)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Correct", True),
        (" correct", True),
        ("▁Correct.", True),
        ("Cor", True),
        ("INCORRECT", False),
        ("In", False),
        ("I", None),
        ("Co", None),
        ("corrected", None),
        ("", None),
    ],
)
def test_a_word_is_known_in_every_spelling(text: str, verdict: bool | None) -> None:
    assert read_word(text) is verdict


def test_a_word_that_was_not_reported_is_less_likely_than_what_was() -> None:
    alone = log_odds([Token("Correct", math.log(0.9), {"Correct": math.log(0.9), "Well": math.log(0.04)})])
    assert alone == pytest.approx(math.log(0.9 / 0.04))


def test_the_first_token_that_says_something_counts() -> None:
    assert log_odds([Token("\n", -0.1), Token("Incorrect", math.log(0.8)), Token("Correct", -0.1)]) == pytest.approx(
        -math.log(0.8 / 0.2)
    )


@pytest.mark.parametrize("probability", [0.0, 1.0, 1e-9])
def test_log_odds_are_clipped(probability: float) -> None:
    assert abs(log_odds_of(probability)) == 6
    assert log_odds_of(probability_of(1.5)) == pytest.approx(1.5)


def test_the_examples_are_checked_in_one_word() -> None:
    assert [read_word(shot.check) for shot in SHOTS] == [True, False, False, True, False]
