"""Signals from the draft's own words: they cost no request and every client has them.

With A the distinct words of the draft, Q and C those of question and context (`words.terms`):

    support              |A & C| / |A|
    quote                words in the longest run of the draft that the context has word for word / words of the draft
    unsupported_numbers  numbers in the draft that neither context nor question has, in any spelling; a count
    echo                 |A & Q| / |A|
    length               words of the draft (characters where words have no spaces); a count
    refusal              1 if the draft says that it can't answer, else 0

Sources: overlap with the source is the lexical baseline of grounding benchmarks, and hard to beat on short answers;
measured on real drafts in benchmarks/evidence. A signal that can't be known (no context, no question apart from it, no
words in the draft) is missing from the result, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType

from .numbers import numbers
from .words import Source, Unit, folded, terms, units

_LONGEST = 64
"""Words of a draft that `quote` looks at: a longer draft is judged by its beginning."""

_REFUSALS = re.compile(
    r"\b(unanswerable|not answerable|no answer|(do|does|did)(n[o']?t| not) (know|say|state|mention|specify|contain)"
    r"|(can|could)(n[o']?t| ?not) (be )?(answer|determin|find|found|say|tell|help|assist)"
    r"|(not|isn't|aren't|never) (given|provided|mentioned|stated|specified|found|in the (context|text|passage))"
    r"|(is|are) unknown|no (information|mention)|insufficient information|unable to"
    r"|nicht (beantwort|angegeben|genannt|erwähnt|im (text|kontext))|weiß (ich )?(es )?nicht|keine (angabe|information)"
    r"|ne (sais|peux|mentionne|précise) pas|pas (mentionné|précisé|indiqué)|aucune information"
    r"|no (se )?(sé|menciona|especifica|puedo|indica)|sin información"
    r"|non (lo so|è (indicato|menzionato|specificato))|não (sei|consta|menciona))"
    r"|无法(回答|确定)|不知道|没有(提到|提及|说明|相关)"
    r"|分かりません|わかりません|答えられません|記載がありません|알 수 없|не (знаю|указан|упомин)"
)


class Draft:
    """A draft's text, read once for all signals."""

    def __init__(self, text: str) -> None:
        self.text = folded(text)
        self.units: list[Unit] = units(self.text)
        self.terms = terms(self.units)


def support(draft: Draft, question: Source | None, context: Source | None) -> float | None:
    """The share of the draft's words, numbers and names that the context has."""
    if not draft.terms or not context:
        return None
    return sum(map(context.has, draft.terms)) / len(draft.terms)


def quote(draft: Draft, question: Source | None, context: Source | None) -> float | None:
    """The share of the draft's words in its longest run that stands in the context word for word."""
    if not draft.units or not context:
        return None
    said, best, start = draft.units[:_LONGEST], 0, 0
    while start + best < len(said):  # a run must beat the best one so far, so each end is tried once
        last = start + best
        if not context.has(said[last].text):
            start = last + 1
        elif context.says(draft.text[said[start].start : said[last].end]):
            best += 1
        else:
            start += 1
    return best / len(said)


def unsupported_numbers(draft: Draft, question: Source | None, context: Source | None) -> float | None:
    """How many numbers of the draft neither context nor question has."""
    if not context:
        return None
    sources = [source for source in (context, question) if source]
    return float(sum(not any(s.has_number(number) for s in sources) for number in numbers(draft.text, named=True)))


def echo(draft: Draft, question: Source | None, context: Source | None) -> float | None:
    """The share of the draft's words that the question has."""
    if not draft.terms or not question:
        return None
    return sum(map(question.has, draft.terms)) / len(draft.terms)


def length(draft: Draft, question: Source | None, context: Source | None) -> float:
    """The number of words."""
    return float(len(draft.units))


def refusal(draft: Draft, question: Source | None, context: Source | None) -> float:
    """1 if the draft says that it can't answer; which may be right."""
    return float(_REFUSALS.search(draft.text) is not None)


Signal = Callable[[Draft, Source | None, Source | None], float | None]

TEXTUAL: Mapping[str, Signal] = MappingProxyType(
    {
        "support": support,
        "quote": quote,
        "unsupported_numbers": unsupported_numbers,
        "echo": echo,
        "length": length,
        "refusal": refusal,
    }
)
"""The textual signals by name."""


def textual(
    question: str | Source | None,
    context: str | Iterable[str] | Source | None,
    draft: str,
    names: Collection[str] = tuple(TEXTUAL),
) -> dict[str, float]:
    """The textual signals of `draft`; those that can't be known are missing.

    `question` None says that the question isn't apart from the context (a whole prompt): then `echo` is missing.
    `Source(context)` prepares a context that several drafts are compared with. Other names than textual ones are
    passed over.

    >>> textual("Where is it?", "The tower is in Paris, France.", "In Paris", names=["support", "quote", "echo"])
    {'support': 1.0, 'quote': 1.0, 'echo': 0.0}
    """
    asked = _source(question)
    given = _source(context)
    read = Draft(draft)
    found = {name: signal(read, asked, given) for name, signal in TEXTUAL.items() if name in names}
    return {name: value for name, value in found.items() if value is not None}


def _source(text: str | Iterable[str] | Source | None) -> Source | None:
    if text is None or isinstance(text, Source):
        return text
    return Source(text)
