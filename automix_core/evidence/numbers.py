"""Numbers in any common spelling: 1,234.5 and 1.234,5 and 1 234,5 are one number, and so are 3 million and 3,000,000.

A spelling that can be read in two ways ("1,234": 1234 in English, 1.234 in German) has both values; two numbers are the
same if they share one. Digits of every script count; of number words the English ones do, and multipliers in a few
languages. "One" is an article as often as a number and is left out, and so are numbers inside words ("B2B").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_SMALL = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NAMED = {word: n for n, word in enumerate(_SMALL.split(), 2)} | {w: 10 * n for n, w in enumerate(_TENS.split(), 2)}
_ONES = _NAMED | {"one": 1}
_SPELT = {n: word for word, n in _ONES.items()}
_ENGLISH = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_TIMES = _ENGLISH | {"tausend": 3, "millionen": 6, "mille": 3, "millions": 6, "mil": 3, "millones": 6, "milioni": 6}
_TIMES |= {"百": 2, "千": 3, "万": 4, "萬": 4, "亿": 8, "億": 8, "만": 4, "억": 8, "k": 3, "bn": 9}
_GROUP = "[\u0020\u00a0\u2009\u202f'’,.٬]"
_DIGITS = re.compile(
    rf"\d(?<![^\W_].)\d*(?:{_GROUP}\d{{3}}(?!\d))*(?:[.,٫]\d+)?"
    rf"(?:[ \u00a0-]?(?:{'|'.join(sorted(_TIMES, key=len, reverse=True))})(?![a-z\u00df-\u024f]))?"
)
_ASCII_DIGITS = re.compile(_DIGITS.pattern, re.ASCII)
_PARTS = re.compile(r"(?P<digits>.*\d)[ \u00a0-]?(?P<times>\D*)")
_WORD = re.compile(
    rf"\b(?P<word>{'|'.join(sorted(_NAMED, key=len, reverse=True))})"
    rf"(?:[ -](?P<ones>one|two|three|four|five|six|seven|eight|nine))?(?:[ -](?P<times>{'|'.join(_ENGLISH)}))?\b"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is spelt, and its values, as plain decimals: more than one where the spelling can be read so."""

    spelling: str
    values: frozenset[str]

    def spelt(self) -> Iterator[str]:
        """The ways to say it in English words."""
        for value in self.values:
            whole = int(value) if value.isdecimal() and len(value) < 16 else 0
            yield from _words(whole)
            for name, power in _ENGLISH.items():
                if whole and whole % 10**power == 0:
                    yield from (f"{words} {name}" for words in _words(whole // 10**power))


def numbers(text: str, *, named: bool = False) -> Iterator[Number]:
    """The numbers in lower-case `text`; with `named` those in English words too.

    >>> [sorted(number.values) for number in numbers("1,234 or 3 million")]
    [['1.234', '1234'], ['3000000']]
    """
    pattern = _ASCII_DIGITS if text.isascii() else _DIGITS
    yield from map(_read, pattern.findall(text))
    if named:
        for match in _WORD.finditer(text):
            value = _NAMED[match["word"]] + _ONES.get(match["ones"] or "", 0)
            power = _ENGLISH.get(match["times"] or "", 0)
            yield Number(match.group(), frozenset({_shifted(str(value), power)}))


@lru_cache(maxsize=4096)
def _read(spelling: str) -> Number:
    match = _PARTS.fullmatch(spelling)
    assert match is not None
    power = _TIMES.get(match["times"], 0)
    return Number(spelling, frozenset(_shifted(value, power) for value in _values(match["digits"])))


def _words(n: int) -> Iterator[str]:
    if n > 1 and n in _SPELT:
        yield _SPELT[n]
    elif 20 < n < 100:
        yield f"{_SPELT[n // 10 * 10]}-{_SPELT[n % 10]}"
        yield f"{_SPELT[n // 10 * 10]} {_SPELT[n % 10]}"


def _values(digits: str) -> set[str]:
    """The ways to read digits with marks among them."""
    if not digits.isascii():
        digits = "".join(str(int(c)) if c.isdecimal() else c for c in digits)
    parts, marks = re.split(r"\D", digits), re.findall(r"\D", digits)
    if not marks:
        return {digits}
    found = set()
    if len(parts[0]) < 4 and all(len(part) == 3 for part in parts[1:]):
        found.add("".join(parts))
    if marks[-1] in ".,٫" and (len(marks) == 1 or marks[-1] not in marks[:-1]):
        found.add("".join(parts[:-1]) + "." + parts[-1])
    if set(marks) & {" ", "\u00a0"} or not found:
        found.update(parts)  # two numbers side by side, perhaps
    return found


def _shifted(value: str, power: int) -> str:
    """`value` * 10 ** power, without zeros that say nothing."""
    whole, _, part = value.partition(".")
    part = part.ljust(power, "0")
    whole, part = whole + part[:power], part[power:].rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{part}" if part else whole
