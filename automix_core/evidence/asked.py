"""Signals of a query, known before any draft: they cost no request, and may say that a small model's would be wasted.

With Q and C the distinct words of question and context (`words.terms`):

    question_words    words of the question (characters where words have no spaces); a count
    question_numbers  numbers in the question, in digits or English words; a count
    context_words     words of the context, between white space; a count
    passages          passages of the context; a count
    overlap           |Q & C| / |Q|: the share of the question's words that the context has

None has a sign that holds for every task, so nothing is made of them without labels. One that can't be known (no
context, no question apart from it) is missing, never 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..checking.query import Query
from .numbers import numbers
from .words import Source, folded, terms, units

QUERY = ("context_words", "overlap", "passages", "question_numbers", "question_words")
"""The names, sorted."""


def asked(
    question: str | None, context: str | Iterable[str] | None, names: Collection[str] = QUERY
) -> dict[str, float]:
    """The signals of a query; `question` None says that it isn't apart from the context (a whole prompt).

    >>> asked("Where are the 2 towers?", ["Two towers stand in Paris."], ["question_words", "question_numbers"])
    {'question_numbers': 1.0, 'question_words': 5.0}
    """
    if not names:
        return {}
    found: dict[str, float] = {}
    text = folded(question) if question else ""
    said = units(text)
    given = Source(context) if context else None
    if said:
        found["question_words"] = float(len(said))
        found["question_numbers"] = float(sum(1 for _ in numbers(text, named=True)))
    if given:
        found["context_words"] = float(given.text.count(" ") + given.text.count("\n") + 1)
        found["passages"] = float(given.text.count("\n") + 1)
    if given and said and "overlap" in names:
        distinct = terms(said)
        found["overlap"] = sum(map(given.has, distinct)) / len(distinct)
    return {name: found[name] for name in QUERY if name in found and name in names}


def asked_of(query: Query, policy: object) -> dict[str, float]:
    """Those that `policy` looks at; all for one that doesn't tell (`query_signal_names`)."""
    return asked_in(query, getattr(policy, "query_signal_names", QUERY))


def asked_in(query: Query, names: Collection[str] = QUERY) -> dict[str, float]:
    """Those of a call's query; where the question does not stand apart (source "prompt") its own are missing."""
    return asked(query.question if query.source != "prompt" else None, query.context, names)
