"""The handbook and its questions are data that the demo depends on; these are the promises about them."""

from __future__ import annotations

import re

import pytest

from automix_cli.demo.corpus import Passage, Question, handbook, questions, read_markdown, read_questions
from automix_core.errors import DataError


def test_the_handbook_has_twenty_to_forty_passages_of_a_readable_length() -> None:
    passages = handbook()
    assert 20 <= len(passages) <= 40
    assert len({passage.title for passage in passages}) == len(passages)
    assert all(60 <= len(passage.text.split()) <= 120 for passage in passages)
    assert not any("\n" in passage.text for passage in passages)


def test_the_eight_questions_are_a_mix() -> None:
    asked = questions()
    kinds = [question.kind for question in asked]
    assert len(asked) == 8
    assert len({question.id for question in asked}) == 8
    assert kinds.count("two passages") >= 2
    assert kinds.count("unanswered") >= 1
    assert kinds.count("trap") >= 1
    assert kinds.count("easy") >= 3


def test_every_question_has_a_gold_answer_and_names_passages_that_exist() -> None:
    titles = {passage.title for passage in handbook()}
    needed = {"easy": {1}, "two passages": {2}, "unanswered": {0}, "trap": {0, 1}}
    for question in questions():
        assert question.answers
        assert question.kind is not None
        assert set(question.passages) <= titles
        assert len(question.passages) in needed[question.kind]


def test_an_easy_question_s_answer_stands_in_its_passage() -> None:
    texts = {passage.title: passage.text for passage in handbook()}
    for question in questions():
        if question.kind == "easy":
            (title,) = question.passages
            assert re.search(rf"\b{re.escape(question.answers[-1])}\b", texts[title])


def test_no_single_passage_answers_a_two_passage_question() -> None:
    named = {passage.title: passage for passage in handbook()}
    for question in questions():
        if question.kind == "two passages":
            first, second = (named[title].text for title in question.passages)
            alone = [question.answers[-1] in text for text in (first, second)]
            assert alone.count(True) <= 1


def test_markdown_becomes_one_passage_a_heading() -> None:
    text = "# Title\n\nforeword\n\n## One\n\na b\nc\n\n## Two\n\n### inside\nd\n"
    assert read_markdown(text) == (Passage("One", "a b c"), Passage("Two", "### inside d"))


def test_text_without_a_heading_has_no_passages() -> None:
    assert read_markdown("only words") == ()


def test_a_passage_is_read_with_its_title() -> None:
    assert Passage("One", "a b").content == "One\na b"


def test_questions_need_only_an_id_and_a_question() -> None:
    assert read_questions('\n{"id": "q", "question": "Why?"}\n', "q.jsonl") == (Question("q", "Why?"),)


@pytest.mark.parametrize(
    "line", ["{", "[]", "3", '{"id": "q"}', '{"question": "?"}', '{"id": "q", "question": "?", "kind": "hard"}']
)
def test_a_bad_question_names_its_file_and_line(line: str) -> None:
    with pytest.raises(DataError, match=r"mine\.jsonl, line 2"):
        read_questions(f'{{"id": "a", "question": "?"}}\n{line}\n', "mine.jsonl")
