"""The retrieved text stands once in a check.

Prompts of retrieval hold the context somewhere in a message, so the question or the instructions read from them hold it
too. There "(the context)" stands in its place: a check is then as long as its context, not twice as long, and cutting
the context to a window cuts all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .query import IN_CONTEXT, SHORT, THE_CONTEXT, Query
from .transcript import as_said

LEAST = 40
"""Characters of a passage that is looked for: a shorter one costs little, and may be a name that a question has too."""

_HERE = re.escape(THE_CONTEXT)
_WRITTEN = re.compile(rf"""\b\w{{1,60}}\([^()]*=(['"]){_HERE}\1[^()]*\)""")
"""A passage in an object as Python writes it: `Document(metadata={}, page_content='...')`."""
_SEVERAL = re.compile(rf"\[?{_HERE}(?:[\s,]+{_HERE})+\]?")


def once(query: Query) -> Query:
    """`query` with "(the context)" where its question, history or instructions repeat the context.

    A long question that is itself a part of the context (a whole prompt stands for both) is said to be there.
    """
    if not query.context:
        return query
    question = without_context(query.question, query.context)
    if _says_nothing(question) or (len(question) > SHORT and _holds(query.context_text, question)):
        question = query.question if len(query.question) <= SHORT else IN_CONTEXT
    history = without_context(query.history, query.context)
    instructions = without_context(query.instructions, query.context)
    if (question, history, instructions) == (query.question, query.history, query.instructions):
        return query
    return replace(query, question=question, history=history, instructions=instructions)


def without_context(text: str, context: Sequence[str]) -> str:
    """`text` with "(the context)" for each passage of `context` that it repeats, also as Python or JSON write it."""
    if len(text) < LEAST:
        return text
    found = text
    for piece in _pieces(context):
        if len(piece) >= LEAST:
            found = found.replace(piece, THE_CONTEXT)
    return found if found == text else _SEVERAL.sub(THE_CONTEXT, _WRITTEN.sub(THE_CONTEXT, found))


def _pieces(context: Sequence[str]) -> Iterator[str]:
    """The whole context, as it is usually joined, then each passage, the longest first."""
    for join in ("\n\n", "\n"):
        yield join.join(context)
    for passage in sorted({passage.strip() for passage in context}, key=len, reverse=True):
        yield passage
        for written in (repr(passage)[1:-1], json.dumps(passage)[1:-1], json.dumps(passage, ensure_ascii=False)[1:-1]):
            if written != passage:
                yield written


def _says_nothing(text: str) -> bool:
    return THE_CONTEXT in text and not re.search(r"\w", text.replace(THE_CONTEXT, ""))


def _holds(context: str, question: str) -> bool:
    return question.strip() in context or as_said(question) in context
