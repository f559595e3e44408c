"""What one call asks, as the verifier sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

ContextSource: TypeAlias = Literal["argument", "message", "tools", "prompt", "template", "request", "parsed", "none"]

PASSAGE_BREAK = "\n\n"


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

    def fit(self, tokens: int, count: Callable[[str], int]) -> Query:
        """This query with its context cut to at most `tokens`, as `count` counts them.

        Of several passages whole ones go, from the end, since retrievers put the best first; a single text loses its
        tail. Nothing else is ever cut.
        """
        if count(self.context_text) <= tokens:
            return self
        kept = list(self.context)
        while len(kept) > 1 and count(PASSAGE_BREAK.join(kept)) > tokens:
            kept.pop()
        if count(PASSAGE_BREAK.join(kept)) > tokens:
            kept = [_head(kept[0], tokens, count)]
        return replace(self, context=tuple(passage for passage in kept if passage), truncated=True)


def passages(context: str | Sequence[str] | None) -> tuple[str, ...]:
    """`context` as a tuple of passages; blank ones are dropped, so an empty context counts as none."""
    texts = [context] if isinstance(context, str) else list(context or ())
    return tuple(text for text in texts if text.strip())


def _head(text: str, tokens: int, count: Callable[[str], int]) -> str:
    """The longest beginning of `text` that counts at most `tokens`, by bisection on characters."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[:middle]) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip()
