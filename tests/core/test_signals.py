"""Signals of a draft: its own words against question and context, and its token log-probabilities."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.evidence import TEXTUAL, TOKENS, Source, Token, textual, token_signals
from automix_core.evidence.numbers import numbers

CONTEXT = "The Eiffel Tower in Paris, France, was finished in 1889. It cost 7,799,401.31 francs."


@pytest.mark.parametrize(
    ("context", "draft", "support"),
    [
        (CONTEXT, "Paris", 1.0),
        (CONTEXT, "paris, FRANCE!", 1.0),
        (CONTEXT, "Paris or Rome", 1 / 3),
        (CONTEXT, "Par", 0.0),
        ("Сегодня в Москве снег.", "в москве", 1.0),
        ("Die Straße heißt Königsallee.", "Ko\u0308nigsallee", 1.0),
        ("我们今天去北京看长城。", "北京", 1.0),
        ("我们今天去北京看长城。", "去北海", 1 / 2),
        ("วันนี้อากาศดีมาก", "อากาศ", 1.0),
        ("यह दिल्ली में है।", "दिल्ली", 1.0),
    ],
)
def test_support_is_the_share_of_the_drafts_words_that_the_context_has(
    context: str, draft: str, support: float
) -> None:
    assert textual(None, context, draft)["support"] == pytest.approx(support)


@pytest.mark.parametrize(
    ("draft", "quote"),
    [
        ("The Eiffel Tower", 1.0),
        ("it was the eiffel tower", 3 / 5),
        ("finished in 1889. It cost", 1.0),
        ("Tower Eiffel", 1 / 2),
        ("nothing here", 0.0),
    ],
)
def test_quote_is_the_longest_run_that_the_context_has_word_for_word(draft: str, quote: float) -> None:
    assert textual(None, CONTEXT, draft)["quote"] == pytest.approx(quote)


def test_a_quote_does_not_run_over_a_passages_end() -> None:
    draft = "one two three four"
    assert textual(None, "zero one two three four five", draft)["quote"] == 1.0
    assert textual(None, ["zero one two", "three four five"], draft)["quote"] == 0.5


@pytest.mark.parametrize(
    ("context", "draft", "unsupported"),
    [
        ("It has 1,234 rooms.", "1234 rooms", 0),
        ("It has 1.234 Zimmer.", "1,234", 0),
        ("Elle a 1 234 pièces.", "1234", 0),
        ("It has 1'234.5 m.", "1234.50", 0),
        ("3 million people", "3,000,000 people", 0),
        ("3,000,000 people", "three million people", 0),
        ("three hundred men", "300", 0),
        ("twenty-one guns", "21 guns", 0),
        ("Il y a 3万 personnes", "30000", 0),
        ("٣٤ رجلا", "34", 0),
        ("in 2004", "90%", 1),
        ("in 2004", "5 of 6", 2),
        ("no digits at all", "Paris", 0),
        ("It has 12345 rooms", "1234", 1),
    ],
)
def test_numbers_are_the_same_in_any_common_spelling(context: str, draft: str, unsupported: int) -> None:
    assert textual(None, context, draft)["unsupported_numbers"] == unsupported


def test_a_number_of_the_question_is_supported() -> None:
    assert textual("Who won in 1998?", "France won.", "France, in 1998")["unsupported_numbers"] == 0


def test_a_spelling_that_can_be_read_in_two_ways_has_both_values() -> None:
    assert {frozenset(n.values) for n in numbers("1,234")} == {frozenset({"1234", "1.234"})}
    assert not list(numbers("b2b h2o"))


def test_echo_length_and_refusal() -> None:
    found = textual("Where is the Eiffel Tower?", CONTEXT, "The Eiffel Tower is tall")
    assert found["echo"] == pytest.approx(4 / 5)
    assert found["length"] == 5
    assert found["refusal"] == 0


@pytest.mark.parametrize(
    "draft",
    [
        "unanswerable",
        "I don't know.",
        "The passage does not mention it.",
        "Das ist nicht im Text angegeben.",
        "无法确定",
    ],
)
def test_a_refusal_is_known_by_its_words(draft: str) -> None:
    assert textual(None, CONTEXT, draft)["refusal"] == 1


def test_missing_is_missing_and_never_nought() -> None:
    """No question apart, no context, no words in the draft."""
    assert set(textual(None, CONTEXT, "Paris")) == set(TEXTUAL) - {"echo"}
    assert set(textual("Where?", None, "Paris")) == {"echo", "length", "refusal"}
    assert set(textual("Where?", "  ", "Paris")) == {"echo", "length", "refusal"}
    assert set(textual("Where?", CONTEXT, "...")) == {"unsupported_numbers", "length", "refusal"}


def test_only_the_named_signals_are_made_and_a_prepared_context_serves_many_drafts() -> None:
    prepared = Source(CONTEXT)
    for draft in ("Paris", "Rome", "in 1889"):
        assert textual("Where?", prepared, draft) == textual("Where?", CONTEXT, draft)
    assert set(textual("Where?", prepared, "Paris", ["support", "p_correct"])) == {"support"}


@given(st.text(max_size=60), st.text(max_size=200), st.text(max_size=60))
def test_any_text_has_finite_signals_in_their_ranges(question: str, context: str, draft: str) -> None:
    found = textual(question, context, draft)
    assert all(math.isfinite(value) and value >= 0 for value in found.values())
    assert all(found[name] <= 1 for name in ("support", "quote", "echo", "refusal") if name in found)


@given(st.text(max_size=80))
def test_a_draft_that_is_the_context_is_wholly_supported(text: str) -> None:
    found = textual(None, text, text)
    assert found.get("support", 1) == 1
    assert found.get("unsupported_numbers", 0) == 0


TOKENS_OF_PARIS = [
    Token(" Paris", -0.5, {" Paris": -0.5, " London": -1.5, " Rome": -3.0}),
    Token(",", -4.0),
    Token(" in", -0.1),
    Token(" France", -0.3),
    Token("</s>", -0.01),
]


def test_token_signals_are_of_content_tokens() -> None:
    """Punctuation says nothing; quantiles are interpolated."""
    found = token_signals(TOKENS_OF_PARIS[:4])
    assert found == pytest.approx(
        {
            "logprob_min": -0.5,
            "logprob_q10": -0.46,
            "logprob_q25": -0.4,
            "logprob_q50": -0.3,
            "logprob_sum": -0.9,
            "margin_first": 1.0,
        }
    )
    assert list(found) == list(TOKENS)


def test_a_first_token_that_was_not_the_likeliest_has_a_margin_below_nought() -> None:
    assert token_signals([Token("a", -2.0, {"b": -0.5})])["margin_first"] == -1.5


def test_token_signals_that_can_not_be_known_are_missing() -> None:
    assert token_signals([]) == {}
    assert token_signals([Token("...", -1.0)]) == {}
    assert token_signals([Token("a", math.nan)]) == {}
    assert "margin_first" not in token_signals([Token("a", -1.0)])
    assert set(token_signals(TOKENS_OF_PARIS, ["logprob_min"])) == {"logprob_min"}


def test_a_log_probability_of_minus_infinity_stays_finite() -> None:
    found = token_signals([Token("a", -math.inf, {"b": -math.inf}), Token("b", -9999.0)])
    assert all(map(math.isfinite, found.values()))
