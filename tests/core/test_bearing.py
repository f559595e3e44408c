"""What of a long context a check is shown when it may not see all of it."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core import ConfigError
from automix_core.checking.query import IN_CONTEXT, LEFT_OUT, Query
from automix_core.evidence.bearing import about, bearing, check_budget

QUESTION = "Who built the lighthouse of Quillon?"
FILLER = [f"Paragraph {n} tells of harvests, weather and the price of grain in year {1700 + n}." for n in range(40)]


def words(text: str) -> int:
    return len(text.split())


def long_context(*told: tuple[int, str]) -> str:
    parts = list(FILLER)
    for place, text in told:
        parts[place] = text
    return "\n\n".join(parts)


def test_what_has_the_drafts_words_is_shown_with_its_neighbours() -> None:
    context = long_context((20, "The lighthouse of Quillon was built by Oda Verrin."))
    found = bearing(Query(QUESTION, (context,)), "Oda Verrin built it.", 40, words)
    (shown,) = found.context
    assert "built by Oda Verrin" in shown
    assert FILLER[19] in shown
    assert FILLER[21] in shown
    assert words(shown.replace(LEFT_OUT, "")) <= 40
    assert found.truncated
    assert found.question == QUESTION


def test_numbers_count_in_any_spelling() -> None:
    context = long_context((7, "It has two hundred and eleven steps, they say, or 1,500."), (30, "A lamp."))
    (shown,) = bearing(Query(QUESTION, (context,)), "1500 steps.", 12, words).context
    assert "1,500" in shown


def test_rare_words_weigh_more_than_common_ones() -> None:
    context = long_context((33, "Verrin is a name."))
    (shown,) = bearing(Query("", (context,)), "The paragraph of year and Verrin", 10, words).context
    assert "Verrin is a name." in shown


def test_whole_passages_keep_their_order_and_their_number() -> None:
    passages = (*FILLER[:5], "Oda Verrin lived here.", *FILLER[5:9], "Verrin built the tower.")
    found = bearing(Query("", passages), "Oda Verrin built a tower", 9, words)
    assert found.context == ("Oda Verrin lived here.", "Verrin built the tower.")


def test_what_is_left_of_the_budget_goes_to_the_question() -> None:
    passages = (*FILLER[:3], "The lighthouse was built by Piet Okoro.", *FILLER[3:6], "Oda Verrin was a painter.")
    found = bearing(Query(QUESTION, passages), "Oda Verrin.", 14, words)
    assert "The lighthouse was built by Piet Okoro." in found.context, "what contradicts the draft in other words"
    found = bearing(Query(QUESTION, passages), "Oda Verrin.", 6, words)
    assert found.context == ("Oda Verrin was a painter.",)


def test_a_context_within_the_budget_stays_whole() -> None:
    query = Query(QUESTION, ("Short.", "Shorter."))
    assert bearing(query, "x", 10, words) is query
    assert bearing(Query(QUESTION), "x", 1, words) == Query(QUESTION)
    assert about(query, None, words) is query


def test_only_the_whole_context_can_tell_that_it_lacks_the_answer() -> None:
    query = Query(QUESTION, (long_context(),))
    assert bearing(query, "The context does not say who built it.", 20, words) is query


def test_of_a_whole_prompt_both_ends_are_kept() -> None:
    context = f"{long_context((20, 'Oda Verrin built it.'))}\n\n{QUESTION}"
    (shown,) = bearing(Query(IN_CONTEXT, (context,)), "Oda Verrin.", 60, words).context
    assert shown.startswith(FILLER[0])
    assert shown.endswith(QUESTION)
    assert "Oda Verrin built it." in shown


def test_a_draft_that_shares_nothing_is_shown_the_beginning() -> None:
    (shown,) = bearing(Query("", (long_context(),)), "Zzyzx", 20, words).context
    assert shown.startswith(FILLER[0])


def test_a_budget_below_the_draft_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING, "automix"),
        pytest.raises(ConfigError, match="passage_budget is 3 tokens and a draft has 4: give more"),
    ):
        bearing(Query(QUESTION, (long_context(),)), "Oda Verrin built it.", 3, words)
    assert "passage_budget is 3 tokens" in caplog.text


@pytest.mark.parametrize("budget", [0, -1, True, 2.5, "100"])
def test_a_budget_is_a_number_of_tokens(budget: object) -> None:
    with pytest.raises(ConfigError, match="passage_budget must be a whole number of tokens"):
        check_budget(budget)  # type: ignore[arg-type]
    check_budget(None)
    check_budget(1)


def test_paragraphs_without_end_are_cut_between_sentences_and_words() -> None:
    sentences = " ".join(f"Sentence {n} says that lamp {n} is lit at dusk." for n in range(100))
    blob = "".join(f"word{n} " for n in range(400))
    solid = "x" * 5000
    for text in (sentences, blob, solid):
        found = bearing(Query("", (text,)), "lamp 57 word211", 200, lambda t: -(-len(t) // 3))
        (shown,) = found.context
        assert len(shown) <= 600 + 2 * len(LEFT_OUT)
    assert "lamp 57 is lit" in bearing(Query("", (sentences,)), "lamp 57", 200, lambda t: -(-len(t) // 3)).context[0]


@given(st.lists(st.text(max_size=1500), max_size=5), st.text(max_size=60), st.integers(20, 400))
def test_what_is_shown_stood_there_and_fits(passages: list[str], draft: str, budget: int) -> None:
    def counter(text: str) -> int:
        return -(-len(text) // 4)

    query = Query("a question", tuple(text for text in passages if text.strip()))
    found = bearing(query, draft, budget, counter)
    if not found.truncated:
        assert found is query
        return
    for passage in found.context:
        for part in passage.split(LEFT_OUT):
            assert any(part in whole or LEFT_OUT in whole for whole in query.context)
    assert found.context, "one piece at least"
    assert about(query, budget, counter).truncated
