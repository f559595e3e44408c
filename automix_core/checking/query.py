"""What one call asks, as the verifier sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from ..errors import ConfigError

ContextSource: TypeAlias = Literal["argument", "message", "tools", "prompt", "template", "request", "parsed", "none"]

PASSAGE_BREAK = "\n\n"
THE_CONTEXT, THE_QUESTION = "(the context)", "(the question)"
"""Stand where a text repeats the context or the question."""
IN_CONTEXT = "(in the context)"
"""Stands for a question that is part of the context: a whole prompt stands for both."""
SHORT = 300
"""Characters up to which a text is shown again although the context holds it."""
LEFT_OUT = "\n(...)\n"
LEAST_END = 2000
"""Characters at the end of a whole prompt that are cut last: its question most often stands there."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question, the passages it is to be answered from, and what surrounded it.

    `context` is the retrieved passages in order; one string is one passage. `history` (earlier turns) and
    `instructions` (system text) are shown to the verifier as labelled data and are never judged. `source` records where
    the context was found. `truncated` is true once passages were cut to fit the verifier's window.
    """

    question: str
    context: tuple[str, ...] = ()
    history: str = ""
    instructions: str = ""
    source: ContextSource = "none"
    truncated: bool = False

    @property
    def context_text(self) -> str:
        """The passages as one text."""
        return PASSAGE_BREAK.join(self.context)

    def cut_to(self, suits: Callable[[Query], bool]) -> Query:
        """This query with as much of its context as `suits` it.

        Of several passages whole ones go, from the end, since retrievers put the best first; a single text loses its
        tail, and a whole prompt its middle, as it holds the question at its beginning or its end. Nothing else is ever
        cut, so that a query without any context left may still be too long.
        """
        if not self.context or suits(self):
            return self

        def cut(*kept: str) -> Query:
            return replace(self, context=tuple(passage for passage in kept if passage), truncated=True)

        first, *_ = self.context
        if whole := _most(len(self.context) - 1, lambda n: suits(cut(*self.context[:n]))):
            return cut(*self.context[:whole])
        if self.question == IN_CONTEXT:
            return cut(_ends(first, _most(len(first), lambda n: suits(cut(_ends(first, n))))))
        return cut(first[: _most(len(first), lambda n: suits(cut(first[:n])))].rstrip())


def read_coin(coin: Any) -> float | None:
    """The coin passed with a call, in [0, 1), or None where none was. Raises `ConfigError` for anything else."""
    if coin is None:
        return None
    if not isinstance(coin, bool) and isinstance(coin, int | float) and 0 <= coin < 1:
        return float(coin)
    raise ConfigError(f"automix_coin must be a number from 0 up to, but not including, 1, not {coin!r}.")


def passages(context: str | Sequence[str] | None) -> tuple[str, ...]:
    """`context` as a tuple of passages; blank ones are dropped, so an empty context counts as none."""
    texts = [context] if isinstance(context, str) else list(context or ())
    return tuple(text for text in texts if text.strip())


def _ends(text: str, n: int) -> str:
    """`n` characters of `text`, from both its ends; none for 0."""
    end = min(n // 2, LEAST_END)
    return f"{text[: n - end].rstrip()}{LEFT_OUT}{text[len(text) - end :].lstrip()}" if n else ""


def _most(top: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `top` that `fits`, by bisection; 0 if none does."""
    low, high = 0, top
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
