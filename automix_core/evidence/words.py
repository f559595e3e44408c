"""Words of any language: runs of letters and digits; where words have no spaces, single characters.

A `Source` is what answers are compared with, prepared once: lower-cased, split, joined by single spaces. That costs
about twice `text.lower().split()`. A word is then looked up in a set, and one that stands beside punctuation found by a
substring search, so that punctuation is never removed from a long text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from .numbers import Number, numbers

_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, kana and Chinese characters: scripts that set no space between words."""
_BETWEEN = (
    r"\s!-/:-@\[-`{-~\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u0589\u05be\u060c\u061b\u061f\u066a\u06d4\u0964"
    r"\u0965\u2000-\u206f\u20a0-\u20bf\u2190-\u2bff\u3000-\u3003\u3008-\u3020\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
    r"\uff5b-\uff65"
)
"""What stands between words; marks that belong to letters (Thai, Hindi, Arabic) don't."""
_UNIT = re.compile(f"[{_SPACELESS}]|[^{_BETWEEN}{_SPACELESS}]+")
_IS_SPACELESS = re.compile(f"[{_SPACELESS}]")


@dataclass(frozen=True, slots=True)
class Unit:
    """A word, or a character where words have no spaces, and its place in the folded text."""

    text: str
    start: int
    end: int


def folded(text: str) -> str:
    """`text` lower-cased, composed (NFC), with single spaces."""
    return " ".join(_split(text))


def _split(text: str) -> list[str]:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.lower().split()


def units(text: str) -> list[Unit]:
    """The words of folded `text`, in order.

    >>> [unit.text for unit in units("mr. o'brien in 北京")]
    ['mr', 'o', 'brien', 'in', '北', '京']
    """
    return [Unit(match.group(), *match.span()) for match in _UNIT.finditer(text)]


def terms(found: Sequence[Unit]) -> list[str]:
    """The distinct words; of characters without spaces the pairs that stand together (one alone if it has no pair).

    >>> terms(units("the 北京 the"))
    ['the', '北京']
    """
    seen: dict[str, None] = {}
    for place, unit in enumerate(found):
        if not _IS_SPACELESS.match(unit.text):
            seen[unit.text] = None
            continue
        after = found[place + 1] if place + 1 < len(found) else None
        if after is not None and after.start == unit.end and _IS_SPACELESS.match(after.text):
            seen[unit.text + after.text] = None
        elif place == 0 or found[place - 1].end != unit.start or not _IS_SPACELESS.match(found[place - 1].text):
            seen[unit.text] = None
    return list(seen)


class Source:
    """A text that answers are compared with, prepared once; made of one text, or of several passages.

    `text` is the folded text, `words` what stands between its white space.
    """

    __slots__ = ("_known", "_numbers", "text", "words")

    def __init__(self, texts: str | Iterable[str]) -> None:
        parts = [_split(text) for text in ([texts] if isinstance(texts, str) else texts)]
        self.text = "\n".join(map(" ".join, parts))  # no quote runs over a passage's end
        self.words = frozenset(parts[0] if len(parts) == 1 else chain.from_iterable(parts))
        self._known: dict[str, bool] = {}
        self._numbers: frozenset[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.text)

    def has(self, term: str) -> bool:
        """Whether `term`, a word or a pair of characters, stands in the text."""
        if term in self.words:
            return True
        known = self._known.get(term)
        if known is None:
            known = self._known[term] = self.says(term)
        return known

    def has_number(self, number: Number) -> bool:
        """Whether the text has the number, in whatever spelling."""
        if self.has(number.spelling):
            return True
        if self._numbers is None:
            self._numbers = frozenset(value for found in numbers(self.text) for value in found.values)
        return bool(number.values & self._numbers) or any(map(self.has, number.spelt()))

    def says(self, term: str) -> bool:
        """Whether `term`, a word or several, stands in the text word for word."""
        text, size = self.text, len(term)
        start = text.find(term)
        while start >= 0:
            end = start + size
            before = start == 0 or not text[start - 1].isalnum() or _joins(text[start - 1], term[0])
            after = end == len(text) or not text[end].isalnum() or _joins(term[-1], text[end])
            if before and after:
                return True
            start = text.find(term, start + 1)
        return False


def _joins(before: str, after: str) -> bool:
    """Whether a word may end between two letters: one is of a script without spaces, or a digit of another kind (²)."""
    return any(_IS_SPACELESS.match(letter) or not _UNIT.match(letter) for letter in (before, after))
