"""The part of a long context that bears on a draft: what has its words, numbers and names, and what stands beside it.

A check of a short answer against a long context pays mostly for reading what has nothing to do with it. Beware: what is
chosen by the draft's own words is what speaks for the draft. A passage that contradicts it in other words may be left
out, so that checks of wrong drafts say "correct" more often than they would of the whole context.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ..checking.once import once
from ..checking.query import IN_CONTEXT, LEFT_OUT, Query
from ..errors import ConfigError
from .lexical import Draft, refusal
from .numbers import numbers
from .words import Source

log = logging.getLogger("automix")

LONGEST_PIECE = 600
"""Characters of a piece: about a paragraph. Longer paragraphs are cut between sentences, and these between words."""

_SEVERAL = 4

_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n")
_WORD = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of passage number `passage`, from `start` to `end`."""

    passage: int
    start: int
    end: int


def check_budget(budget: int | None) -> None:
    """Raise `ConfigError` unless `budget` is a number of tokens or None."""
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int) or budget < 1):
        raise ConfigError(f"passage_budget must be a whole number of tokens, 1 or more, or None, not {budget!r}.")


def about(query: Query, budget: int | None, counter: Callable[[str], int]) -> Query:
    """A query of about the size of what `bearing` makes of `query`, whatever the draft."""
    return query if budget is None else query.cut_to(lambda cut: counter(cut.context_text) <= budget)


def shown(query: Query, draft: str, budget: int | None, counter: Callable[[str], int]) -> Query:
    """What a check of `draft` sees of `query`: its context once, and of that what bears on the draft; None: all."""
    return query if budget is None else bearing(once(query), draft, budget, counter)


def bearing(query: Query, draft: str, budget: int, counter: Callable[[str], int]) -> Query:
    """`query` with what of its context bears on `draft`, in `budget` tokens as `counter` counts them.

    Pieces with the draft's rarest words, numbers and names come first, each with its neighbours, then those with the
    question's; what is chosen stands in its old order, with a mark where something was left out, and the query is
    marked as truncated. A context within the budget stays whole, and so does that of a draft which says that the
    context lacks the answer: only the whole can tell. Of a prompt that stands for both context and question both ends
    are kept, where its question is. Raises `ConfigError` for a budget that the draft itself would exceed.
    """
    if not query.context or counter(query.context_text) <= budget:
        return query
    if (size := counter(draft)) > budget:
        too_small = f"passage_budget is {budget} tokens and a draft has {size}: give more, a multiple of an answer."
        log.warning("%s", too_small)
        raise ConfigError(too_small)
    read = Draft(draft)
    if refusal(read, None, None):
        return query
    pieces = _pieces(query.context)
    texts = [query.context[piece.passage][piece.start : piece.end] for piece in pieces]
    sources = [Source(text) for text in texts]
    ranked = _ranked(read, sources)
    if query.question != IN_CONTEXT:
        ranked += [place for place in _ranked(Draft(query.question), sources) if place not in ranked]
    else:
        ranked = list(dict.fromkeys([len(pieces) - 1, 0, *ranked]))
    sizes = [counter(text) for text in texts]
    chosen = _chosen(ranked, pieces, sizes, budget)
    return replace(query, context=_joined(query.context, pieces, chosen), truncated=True)


def _ranked(draft: Draft, sources: Sequence[Source]) -> list[int]:
    """The places of the pieces that share something with `draft`, the most telling first, then in order.

    A word counts the more the fewer pieces have it, and for nothing if most of several have it.
    """
    scores = [0.0] * len(sources)
    most = len(sources) / 2 if len(sources) >= _SEVERAL else len(sources)
    for has in _told(draft):
        where = [place for place, source in enumerate(sources) if has(source)]
        for place in where if len(where) <= most else ():
            scores[place] += math.log((1 + len(sources)) / len(where))
    return sorted((p for p, score in enumerate(scores) if score > 0), key=lambda p: (-scores[p], p))


def _told(draft: Draft) -> Iterable[Callable[[Source], bool]]:
    """What to look for: each word of the draft, and each number in whatever spelling."""
    for term in draft.terms:
        yield lambda source, term=term: source.has(term)  # type: ignore[misc]
    for number in numbers(draft.text, named=True):
        yield lambda source, number=number: source.has_number(number)  # type: ignore[misc]


def _chosen(ranked: Sequence[int], pieces: Sequence[Piece], sizes: Sequence[int], budget: int) -> list[int]:
    """The places of the pieces that fit: each ranked one, then its neighbours in the same passage; one at least."""
    taken: set[int] = set()
    left = budget
    for place in ranked or [0]:
        for near in (place, place - 1, place + 1):
            if not 0 <= near < len(pieces) or pieces[near].passage != pieces[place].passage or near in taken:
                continue
            if sizes[near] > left and taken:
                continue
            taken.add(near)
            left -= sizes[near]
    return sorted(taken)


def _joined(context: Sequence[str], pieces: Sequence[Piece], chosen: Sequence[int]) -> tuple[str, ...]:
    """The chosen pieces as passages; those that stood side by side stand so again."""
    found: list[str] = []
    before: Piece | None = None
    for place in chosen:
        piece = pieces[place]
        if before is not None and piece.passage == before.passage:
            gap = context[piece.passage][before.end : piece.start] if pieces[place - 1] == before else LEFT_OUT
            found[-1] += gap + context[piece.passage][piece.start : piece.end]
        else:
            found.append(context[piece.passage][piece.start : piece.end])
        before = piece
    return tuple(found)


def _pieces(context: Sequence[str]) -> list[Piece]:
    return [
        Piece(number, start, end)
        for number, text in enumerate(context)
        for start, end in _cut(text, 0, len(text), (_PARAGRAPH, _SENTENCE, _WORD))
    ]


def _cut(text: str, start: int, end: int, marks: Sequence[re.Pattern[str]]) -> list[tuple[int, int]]:
    """`text` from `start` to `end` in pieces that are no longer than they may be, cut at the coarsest marks that do.

    Parts of what is cut are put together again as long as they fit, paragraphs aside: these stand alone.
    """
    if end - start <= LONGEST_PIECE and marks and marks[0] is not _PARAGRAPH:
        return [(start, end)]
    if not marks:
        return [(at, min(at + LONGEST_PIECE, end)) for at in range(start, end, LONGEST_PIECE)]
    parts: list[tuple[int, int]] = []
    at = start
    for found in [*marks[0].finditer(text, start, end), None]:
        stop, after = (end, end) if found is None else found.span()
        if stop > at:
            parts += _cut(text, at, stop, marks[1:])
        at = max(at, after)
    if marks[0] is _PARAGRAPH:
        return parts
    together: list[tuple[int, int]] = []
    for first, last in parts:
        if together and last - together[-1][0] <= LONGEST_PIECE:
            together[-1] = (together[-1][0], last)
        else:
            together.append((first, last))
    return together
