"""Questions under the names of other tools, in JSON Lines, JSON and CSV, with ids and without, from any system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automix_core.errors import DataError, PolicyError
from automix_core.outcomes.outcome import Question, read_outcomes, read_questions
from automix_core.policies import Threshold
from automix_core.policies.saving import load_policy, save_policy

OUTCOME = {"id": "a", "models": [{"name": m, "score": 1, "cost": 1} for m in ("small", "large")]}


def read(folder: Path, *records: Any, name: str = "q.jsonl") -> list[Question]:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return read_questions(path)


@pytest.mark.parametrize(
    "record",
    [
        {"question": "Who?", "context": ["One.", "Two."], "answers": ["Oda"]},
        {"user_input": "Who?", "retrieved_contexts": ["One.", "Two."], "reference": "Oda", "response": "Bob"},  # ragas
        {"question": "Who?", "contexts": ["One.", "Two."], "ground_truth": "Oda", "answer": "Bob"},  # ragas, before 0.2
        {"input": "Who?", "retrieval_context": ["One.", "Two."], "expected_output": "Oda"},  # DeepEval
        {"query": "Who?", "reference_contexts": ["One.", "Two."], "reference_answer": "Oda"},  # LlamaIndex
        {"inputs": {"question": "Who?", "context": ["One.", "Two."]}, "outputs": {"answer": "Oda"}},  # LangSmith
        {"question": "Who?", "context": ["One.", "Two."], "answers": {"text": ["Oda"], "answer_start": [3]}},  # SQuAD
        {"query": "Who?", "passages": [{"text": "One."}, {"page_content": "Two.", "metadata": {}}], "output": "Oda"},
    ],
)
def test_the_usual_names(record: dict[str, Any], tmp_path: Path) -> None:
    (question,) = read(tmp_path, record)
    assert (question.question, question.context, question.golds) == ("Who?", ("One.", "Two."), ("Oda",))


def test_a_number_is_an_answer(tmp_path: Path) -> None:
    assert read(tmp_path, {"question": "How many?", "answer": 211})[0].answers == ("211",)


def test_ids_are_made_of_the_text_and_stay_where_lines_are_moved(tmp_path: Path) -> None:
    one, two = {"question": "Who?"}, {"question": "Who?", "context": "Oda."}
    first = [question.id for question in read(tmp_path, one, two, one, {"id": "mine", **one})]
    assert first[2] == f"{first[0]}-2"
    assert len(set(first)) == 4
    assert first[3] == "mine"
    assert [question.id for question in read(tmp_path, two, one)] == [first[1], first[0]]


def test_no_answer_in_a_list_means_that_the_context_lacks_it(tmp_path: Path) -> None:
    """SQuAD 2.0 writes it so; null and nothing mean that nobody knows."""
    empty, null, none = read(
        tmp_path, {"question": "1", "answers": []}, {"question": "2", "answers": None}, {"query": "3"}
    )
    assert empty.golds == ("unanswerable",)
    assert null.golds is None
    assert none.golds is None


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"question": "Who?", "answers": ["Oda", " "]}, "field answers.1: an answer is empty"),
        ({"question": "Who?", "reference": ""}, 'write "unanswerable" where the context lacks it'),
        ({"question": ""}, "field question"),
        ({"question": ["Who?"]}, "field question: input should be a valid string"),
        ({"question": "Who?", "answers": [True]}, "field answers.0"),
        ({"prompt": "Who?"}, "field question: field required"),
        (OUTCOME, "this is an outcome, as automix collect writes it; questions are expected here"),
        ({"key": "0", "texts": [], "finish": [], "tokens": []}, "this is the journal of automix collect"),
        ({"format": "automix-policy", "version": 1}, "this is a policy, as automix fit writes it"),
    ],
)
def test_what_is_no_question_is_named(record: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, {"question": "What?"}, record)
    assert "q.jsonl, line 2: " in str(caught.value)
    assert words in str(caught.value)


def test_other_swapped_files_are_named(tmp_path: Path) -> None:
    policy, outcomes, questions = tmp_path / "p.json", tmp_path / "o.jsonl", tmp_path / "q.jsonl"
    save_policy(Threshold(0.75), policy)
    outcomes.write_text(json.dumps(OUTCOME) + "\n" + json.dumps(OUTCOME | {"id": "b"}) + "\n")
    questions.write_text('{"question": "Who?"}\n')
    with pytest.raises(PolicyError, match=r"this is an outcome.*a policy is expected here"):
        load_policy(outcomes)
    with pytest.raises(PolicyError, match="this is a question that no model has answered yet"):
        load_policy(questions)
    with pytest.raises(DataError, match=r"line 1: this is a policy.*outcomes are expected here"):
        read_outcomes(policy)
    with pytest.raises(DataError, match="line 1: this is a question that no model has answered yet; automix collect"):
        read_outcomes(questions)


def test_json_documents(tmp_path: Path) -> None:
    """A list, a list under a name, or JSON Lines that are called .json; faults are named by record."""
    path = tmp_path / "q.json"
    for whole in ([{"query": "Who?"}], {"examples": [{"query": "Who?"}], "class_name": "LabelledRagDataset"}):
        path.write_text(json.dumps(whole, indent=1))
        assert [question.question for question in read_questions(path)] == ["Who?"]
    assert len(read(tmp_path, {"query": "Who?"}, {"query": "When?"}, name="q.json")) == 2
    path.write_text(json.dumps([{"query": "Who?"}, {}]))
    with pytest.raises(DataError, match="record 2: field question: field required"):
        read_questions(path)
    path.write_text('{"query": "Who?"}\n{"query"')
    with pytest.raises(DataError, match="line 2: not a whole JSON object"):
        read_questions(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_csv_as_spreadsheets_write_it(delimiter: str, ends: str, tmp_path: Path) -> None:
    """A byte order mark, semicolons, line breaks within a cell, lists within a cell, empty cells."""
    rows = [
        ["ID", "Question ", "Contexts", "Ground_Truth"],
        ["7", '"Who, or\nwhat?"', '"[\'One.\', ""It\'s two.""]"', "Oda"],
        ["", "", "", ""],
        ["8", "When?", '"[""One.""]"', ""],
    ]
    path = tmp_path / "q.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ends.join(delimiter.join(row) for row in rows).encode())
    first, second = read_questions(path)
    assert (first.id, first.question.splitlines(), first.context) == ("7", ["Who, or", "what?"], ("One.", "It's two."))
    assert first.answers == ("Oda",)
    assert (second.context, second.answers) == (("One.",), None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Who?,Oda\n", "line 1: no column is called question or query or user_input or input"),
        ("question,answer\nWho, or what?,Oda,\n", "line 2: 4 cells for 2 columns; put texts in quotes"),
        ('question,answer\n"Who?,Oda\n', "no CSV"),
        ("", "line 1: no column"),
        ("question,answer\nWho?\n,Oda\n", "line 3: field question: field required"),
    ],
)
def test_csv_that_is_none(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_questions(tmp_path / "q.csv")
    assert words in str(caught.value)


def test_a_long_cell_is_read_and_the_limit_of_others_stays(tmp_path: Path) -> None:
    import csv

    before = csv.field_size_limit()
    (tmp_path / "q.csv").write_text("question,context\nWho?," + "x" * 200_000 + "\n")
    assert len(str(read_questions(tmp_path / "q.csv")[0].context)) == 200_000
    assert csv.field_size_limit() == before
