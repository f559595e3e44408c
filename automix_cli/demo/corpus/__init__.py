"""The demo's own documents: a handbook of an invented island, and eight questions about it.

Both are data files beside this module: `handbook.md`, one passage a `##` heading, and `questions.jsonl`, in the
project's question format with a `kind` added (easy, two passages, unanswered, trap) and the titles of the passages
that answer it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, TypeAlias, get_args

from automix_core.errors import DataError

Kind: TypeAlias = Literal["easy", "two passages", "unanswered", "trap"]


@dataclass(frozen=True, slots=True)
class Passage:
    """One titled piece of text, the unit that is retrieved."""

    title: str
    text: str

    @property
    def content(self) -> str:
        """Title and text as a model reads them."""
        return f"{self.title}\n{self.text}"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its gold answers; `passages` are the titles it can be answered from, none if it can't be."""

    id: str
    question: str
    answers: tuple[str, ...] = ()
    kind: Kind | None = None
    passages: tuple[str, ...] = ()


def handbook() -> tuple[Passage, ...]:
    """The passages of the handbook, in order."""
    return read_markdown((files(__name__) / "handbook.md").read_text(encoding="utf-8"))


def questions() -> tuple[Question, ...]:
    """The eight questions of the demo, in order."""
    return read_questions((files(__name__) / "questions.jsonl").read_text(encoding="utf-8"), "questions.jsonl")


def read_markdown(text: str) -> tuple[Passage, ...]:
    """One passage a level-two heading, with its lines joined; what stands before the first heading is left out."""
    _, *sections = f"\n{text}".split("\n## ")
    passages = []
    for section in sections:
        title, _, body = section.partition("\n")
        passages.append(Passage(title.strip(), " ".join(body.split())))
    return tuple(passages)


def read_questions(text: str, name: str) -> tuple[Question, ...]:
    """The questions of a JSON Lines text; `name` is the file named in errors. Raises `DataError`."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            question = Question(
                record["id"],
                record["question"],
                tuple(record.get("answers", ())),
                record.get("kind"),
                tuple(record.get("passages", ())),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{name}, line {number}: not a question record ({error!r}).") from error
        if question.kind is not None and question.kind not in get_args(Kind):
            raise DataError(f"{name}, line {number}: kind must be one of {', '.join(get_args(Kind))}.")
        found.append(question)
    return tuple(found)
