"""Questions as evaluation sets write them: JSON Lines, JSON or CSV, under the names of the usual tools."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from ..errors import DataError
from ..files import MOST, read_lines, read_text

ID = ("id", "qid", "question_id", "query_id", "_id")
QUESTION = ("question", "query", "user_input", "input")
CONTEXT = ("context", "contexts", "retrieved_contexts", "retrieval_context", "reference_contexts", "passages")
ANSWERS = (
    "answers",
    "ground_truth",
    "ground_truths",
    "reference",
    "reference_answer",
    "expected_output",
    "expected",
    "output",
    "answer",
)
"""The names of a field in the order in which they are looked for: what older ragas sets call `answer` is a model's."""
_PASSAGE = ("page_content", "text", "content")
_EXAMPLES = ("examples", "data", "questions")
_WHOLE = 20 * MOST
"""Bytes of a file that has to be read at once."""


def read_records(path: str | os.PathLike[str]) -> Iterator[tuple[str, Any]]:
    """The records of a file and where each is ("line 3"): CSV or JSON by the name's ending, else JSON Lines.

    Raises `DataError`, naming the line, for what is none of them.
    """
    match Path(path).suffix.lower():
        case ".csv" | ".tsv":
            yield from _rows(path)
        case ".json":
            yield from _examples(path)
        case _:
            for line, text in read_lines(path):
                yield f"line {line}", _json(text, f"{path}, line {line}")


def _json(text: str, where: str) -> Any:
    try:
        return from_json(text)
    except ValueError as error:
        raise DataError(f"{where}: not a whole JSON object ({error}).") from None


def as_question(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record under the names of a `Question`: `id`, `question`, `context`, `answers`, those that it has.

    `inputs` and `outputs` (LangSmith) may hold the fields; a single answer may stand for a list.
    """
    flat = dict(record)
    for name in ("outputs", "reference_outputs", "inputs"):
        if isinstance(part := record.get(name), Mapping):
            flat = {**part, **flat}
    found = {"id": _first(flat, ID), "question": _first(flat, QUESTION)}
    found["context"] = _passages(_first(flat, CONTEXT))
    found["answers"] = _answers(_first(flat, ANSWERS))
    return {name: value for name, value in found.items() if value is not None}


def made_id(question: Mapping[str, Any], made: Counter[str]) -> str:
    """An id for a question that has none: the same for the same text wherever it stands; `made` counts those so far."""
    text = json.dumps([question.get("question"), question.get("context")], default=str)
    name = "q-" + sha256(text.encode()).hexdigest()[:10]
    made[name] += 1
    return name if made[name] == 1 else f"{name}-{made[name]}"


def _first(record: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _passages(value: Any) -> Any:
    """Passages as text, also where each is a document with its text in a field."""
    if isinstance(value, list):
        return [_first(item, _PASSAGE) if isinstance(item, Mapping) else item for item in value]
    return _first(value, _PASSAGE) if isinstance(value, Mapping) else value


def _answers(value: Any) -> Any:
    """A list of answers: SQuAD has them under `text`, and one may stand alone."""
    if isinstance(value, Mapping):
        value = value.get("text", value)
    values = value if isinstance(value, list) or value is None else [value]
    return values if values is None else [_plain(item) for item in values]


def _plain(answer: Any) -> Any:
    return str(answer) if isinstance(answer, int | float) and not isinstance(answer, bool) else answer


def _examples(path: str | os.PathLike[str]) -> Iterator[tuple[str, Any]]:
    """The records of one JSON document: a list, or a list under `examples` (as LlamaIndex saves a dataset) or `data`.

    JSON Lines under a name that ends in .json are read as what they are.
    """
    lines = list(read_lines(path, _WHOLE))
    try:
        whole = from_json("\n".join(text for _, text in lines))
    except ValueError:
        for line, text in lines:
            yield f"line {line}", _json(text, f"{path}, line {line}")
        return
    listed = _first(whole, _EXAMPLES) if isinstance(whole, Mapping) else whole
    for number, record in enumerate(listed if isinstance(listed, list) else [whole], 1):
        yield f"record {number}", record


def _rows(path: str | os.PathLike[str]) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a CSV file; an empty cell is a missing one, a list in a cell is read as a list."""
    text = read_text(path, _WHOLE)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    rows, found = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), []
    before = csv.field_size_limit(MOST)
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        if not set(names) & set(QUESTION):
            raise DataError(f"{path}, line 1: no column is called {' or '.join(QUESTION)}; the first line names them.")
        first = rows.line_num + 1
        for row in rows:
            if len(row) > len(names):
                raise DataError(
                    f"{path}, line {first}: {len(row)} cells for {len(names)} columns; put texts in quotes."
                )
            record = {name: _cell(cell) for name, cell in zip(names, row, strict=False) if cell.strip()}
            found += [(f"line {first}", record)] if record else []
            first = rows.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: no CSV ({error}).") from None
    finally:
        csv.field_size_limit(before)
    return found


def _cell(text: str) -> Any:
    """The text, or the list it spells as JSON or, as pandas writes it, in Python's way."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list):
            return found
    return text
