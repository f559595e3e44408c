"""Scorers: how right an answer is, from 0 to 1, given the gold answers.

A scorer is a function `(answer, golds) -> float`. `f1` is the token F1 of SQuAD, `exact` its exact match, `choice` for
answers that are one of a few options, `contains` for short facts within sentences; any other is named
`module:function`. The gold `unanswerable` is met by a refusal (`REFUSALS`), whatever the scorer.
"""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from numbers import Real
from typing import TypeAlias

from ..errors import ConfigError, DataError
from ..imported import imported
from .kinds import UNANSWERABLE

Scorer: TypeAlias = Callable[[str, Sequence[str]], float]

REFUSALS = (
    "unanswerable",
    "not answerable",
    "no answer",
    "cannot be answered",
    "can't be answered",
    "cannot answer",
    "can't answer",
    "unable to answer",
    "cannot be determined",
    "can't be determined",
    "cannot determine",
    "not possible to determine",
    "not enough information",
    "insufficient information",
    "no information",
    "does not say",
    "doesn't say",
    "do not say",
    "don't say",
    "does not mention",
    "doesn't mention",
    "do not mention",
    "does not state",
    "doesn't state",
    "does not specify",
    "doesn't specify",
    "does not provide",
    "doesn't provide",
    "does not contain",
    "doesn't contain",
    "do not contain",
    "does not include",
    "not mentioned",
    "not stated",
    "not specified",
    "not provided",
    "not given",
    "not in the context",
    "not in the passage",
    "not in the text",
    "not known",
    "unknown",
    "i don't know",
    "i do not know",
)
"""An answer that contains one of these, in any case and with any apostrophe, says that the context lacks the answer."""

_HAIR = 1e-6
_ARTICLES = {"a", "an", "the"}
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
"""Thai, Lao, Burmese, Khmer, kana and Han: written without spaces, so compared by character."""
_TELLING = re.compile(r"(?<![\w.,)-])-(?=\.?\d)|(?<=\w)(?:\+\+|#)(?!\w)|(?<=[^\W\d_])\+(?!\w)")
"""Signs without which an answer is another one: the minus of -5, the plus of C++ and A+, the sharp of C#."""


def f1(answer: str, golds: Sequence[str]) -> float:
    """The best token F1 with a gold answer; case, punctuation and English articles don't count.

    >>> round(f1("The Eiffel Tower, in Paris", ["Eiffel Tower"]), 3)
    0.667
    """
    return max((_f1(*_both(answer, gold)) for gold in golds), default=0.0)


def exact(answer: str, golds: Sequence[str]) -> float:
    """1 if the answer is a gold answer; case, punctuation and English articles don't count."""
    return float(any(len(set(map(tuple, _both(answer, gold)))) == 1 for gold in golds))


def choice(answer: str, golds: Sequence[str]) -> float:
    """1 if the answer names the gold option: alone, first ("B) Paris", "Yes, because ..."), or as "the answer is B".

    >>> choice("B) because it says so", ["(b)"]), choice("Answer: no.", ["No."]), choice("Maybe no", ["no"])
    (1.0, 1.0, 0.0)
    """
    return float(any(_names(answer, option) for gold in golds for option in _options(gold)))


def _names(answer: str, option: str) -> bool:
    whole = re.escape(option) + r"(?![\w+#]|[.,/]\w|\s+or\s)"
    plain = _bare(answer)
    return bool(
        re.match(rf"(?:(?:option|choice)\s+)?{whole}", plain)
        or re.search(rf"(?:answer|option|choice)(?:\s+is\b|\s*[:=])[^\w+$€£-]*(?:option\s+)?{whole}", plain)
    )


def _options(gold: str) -> list[str]:
    """The gold option without its brackets and full stop; of "B) Paris" the letter, too."""
    bare = _bare(gold).rstrip(".:;!")
    letter = re.match(r"\W*([a-z])[).:]\s+\w", gold.strip().lower())
    return [option for option in (bare, letter and letter[1]) if option]


def _bare(text: str) -> str:
    return re.sub(r"[*_`\"'()\[\]]", "", text).strip().lower()


def contains(answer: str, golds: Sequence[str]) -> float:
    """1 if the answer holds a gold answer word for word; case, punctuation and English articles don't count.

    A rule for short facts in whole sentences: it does not see an answer that denies one. A gold without any other
    word, such as the option "A", must be what the answer names.

    >>> contains("Supper is at 18:45.", ["18:45"]), contains("At 6:18, 45 people came.", ["8:45"])
    (1.0, 0.0)
    """
    words = tokens(answer)
    return float(any(_within(part, words) if (part := tokens(g)) else choice(answer, [g]) for g in golds))


def _within(part: list[str], whole: list[str]) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))


BUILT_IN: dict[str, Scorer] = {"f1": f1, "exact": exact, "choice": choice, "contains": contains}


def scorer(name: str) -> Scorer:
    """The scorer called `name`, with refusals read as the gold `unanswerable`.

    Raises `ConfigError` if there is none; the scorer itself raises `DataError` for a score outside [0, 1].
    """
    chosen = BUILT_IN.get(name) or _imported(name)

    def score(answer: str, golds: Sequence[str]) -> float:
        refusing = [gold for gold in golds if gold.strip().lower() == UNANSWERABLE]
        if refusing and refuses(answer):
            return 1.0
        rest = [gold for gold in golds if gold not in refusing]
        if not rest:
            return 0.0
        try:
            value = chosen(answer, rest)
        except Exception as error:
            raise DataError(f"The scorer {name} raised {type(error).__name__}: {str(error).rstrip('.')}.") from error
        return _checked(value, name)

    return score


def refuses(answer: str) -> bool:
    """Whether the answer says that the context lacks the answer."""
    plain = " ".join(answer.replace("’", "'").lower().split())
    return any(re.search(rf"(?<!\w){re.escape(refusal)}(?!\w)", plain) for refusal in REFUSALS)


def tokens(text: str) -> list[str]:
    """The words that count; scripts without spaces by character, currencies by themselves."""
    return [word for word in _words(text) if word not in _ARTICLES]


def _words(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).lower().replace("−", "-")
    text = _UNSPACED.sub(lambda match: f" {match[0]} ", text)
    kept = {place for match in _TELLING.finditer(text) for place in range(*match.span())}
    return "".join(char if at in kept else _spaced(char) for at, char in enumerate(text)).split()


def _spaced(char: str) -> str:
    kind = unicodedata.category(char)
    return f" {char} " if kind == "Sc" else " " if kind[0] in "PS" else char


def _both(answer: str, gold: str) -> tuple[list[str], list[str]]:
    """The tokens of both; where one has none ("A", "?"), its articles count, or else its signs."""
    found = tokens(answer), tokens(gold)
    return found if all(found) else (_words(answer) or answer.split(), _words(gold) or gold.split())


def _f1(answer: list[str], gold: list[str]) -> float:
    if not answer or not gold:
        return float(answer == gold)
    common = sum((Counter(answer) & Counter(gold)).values())
    return 2 * common / (len(answer) + len(gold))


def _checked(value: object, name: str) -> float:
    """The score, from whatever kind of number; what rounding put a hair outside is put back."""
    if not isinstance(value, Real) or not -_HAIR <= float(value) <= 1 + _HAIR:  # so is what is not a number
        raise DataError(f"The scorer {name} returned {value!r}; it must return a number from 0 to 1.")
    return min(max(float(value), 0.0), 1.0)


def _imported(name: str) -> Scorer:
    if ":" not in name:
        raise ConfigError(f"There is no scorer {name!r}: use {', '.join(BUILT_IN)} or module:function.")
    found = imported("The scorer", name)
    if inspect.iscoroutinefunction(found):
        raise ConfigError(f"The scorer {name!r} is an async function; it must be a plain one.")
    return found
