"""Which of the project's files a record belongs to, so that a swapped argument is named in place of its first field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic_core import from_json

Kind = Literal["policy", "outcomes", "questions", "journal"]

UNANSWERABLE = "unanswerable"
"""The gold answer that a refusal meets."""

_WORDS: dict[Kind, str] = {
    "policy": "this is a policy, as automix fit writes it",
    "outcomes": "this is an outcome, as automix collect writes it",
    "questions": "this is a question that no model has answered yet; automix collect makes outcomes of questions",
    "journal": "this is the journal of automix collect; its outcomes are in the file of the same name without .journal",
}
_WANTED: dict[Kind, str] = {
    "policy": "a policy is",
    "outcomes": "outcomes are",
    "questions": "questions are",
    "journal": "a journal is",
}


def kind_of(record: Any) -> Kind | None:
    """The kind of file that holds such a record, if it is one of ours."""
    if not isinstance(record, Mapping):
        return None
    if isinstance(record.get("format"), str) and record["format"].startswith("automix-policy"):
        return "policy"
    if isinstance(models := record.get("models"), list) and models and isinstance(models[0], Mapping):
        return "outcomes"
    if {"key", "texts", "finish"} <= record.keys():
        return "journal"
    return "questions" if isinstance(record.get("question"), str) and "models" not in record else None


def mistaken(record: Any, wanted: Kind) -> str:
    """A sentence if `record` (also as JSON text) is plainly of another kind than `wanted`, else ""."""
    if isinstance(record, str):
        try:
            record = from_json(record)
        except ValueError:
            return ""
    found = kind_of(record)
    return "" if found in (None, wanted) else f"{_WORDS[found]}; {_WANTED[wanted]} expected here."
