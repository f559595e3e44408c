"""BM25 finds what the demo's questions need, always the same, and says nothing while it does."""

from __future__ import annotations

import pytest

from automix_cli.demo.corpus import Passage, Question, handbook, questions
from automix_cli.demo.retrieval import Retriever, excerpt, shared
from automix_core.errors import DataError

PASSAGES = [
    Passage("Boats", "The red boat sails on Monday. The green boat sails on Friday."),
    Passage("Beds", "Each bed has two blankets."),
    Passage("Bees", "There are nine hives in the garden."),
]


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.id)
def test_the_first_three_passages_hold_what_a_question_needs(question: Question) -> None:
    found = Retriever(handbook()).search(question.question)
    assert len(found) == 3
    assert set(question.passages) <= {passage.title for passage in found}


def test_the_best_passage_comes_first() -> None:
    assert Retriever(PASSAGES).search("when does the green boat sail?")[0].title == "Boats"


def test_titles_are_searched_too() -> None:
    assert [p.title for p in Retriever(PASSAGES).search("beds")] == ["Beds"]


def test_no_more_than_k_are_found() -> None:
    assert len(Retriever(handbook()).search("boat warden permit station", k=2)) == 2


def test_a_query_without_a_known_word_finds_nothing() -> None:
    retriever = Retriever(PASSAGES)
    assert [retriever.search(query) for query in ("zeppelin", "", "the of a", "?!")] == [[], [], [], []]


def test_equal_scores_keep_the_order_of_the_passages() -> None:
    twins = [Passage(f"T{number}", "same words here") for number in range(6)] + [Passage("other", "else")]
    assert [p.title for p in Retriever(twins).search("same words")] == ["T0", "T1", "T2"]


def test_fewer_passages_than_asked_for_are_no_error() -> None:
    assert [p.title for p in Retriever(PASSAGES[:1]).search("boat")] == ["Boats"]


def test_searching_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    Retriever(PASSAGES).search("boat")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("passages", [[], [Passage("", "")], [Passage("?", "...")]])
def test_documents_without_words_are_refused(passages: list[Passage]) -> None:
    with pytest.raises(DataError, match="nothing to search"):
        Retriever(passages)


def test_the_excerpt_is_the_sentence_nearest_to_the_question() -> None:
    assert excerpt(PASSAGES[0], "when does the green boat sail?") == "The green boat sails on Friday."


def test_without_a_common_word_the_excerpt_is_the_first_sentence() -> None:
    assert excerpt(PASSAGES[0], "hives") == "The red boat sails on Monday."


def test_shared_words_are_those_that_retrieval_compares() -> None:
    text = "Supper is served at 18:45, says the cook."
    words = [text[start:end] for start, end in shared(text, "When is SUPPER served, 18 or 19?")]
    assert words == ["Supper", "served", "18"]
    assert shared(text, "is the at") == []
