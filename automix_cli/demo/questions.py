"""Where the demo's questions come from: the handbook's eight, the command line, or a person who types them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress

from automix_core.errors import DataError

from .corpus import Question

PROMPT = "\nYour question (an empty line ends): "


def given(text: str, number: int = 1) -> Question:
    """A question of the user's own: nobody knows what is expected. Raises `DataError` if it is not text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # bytes that Python took in as they came, as it does in some locales
        raise DataError("The question is not UTF-8 text.") from None
    return Question(f"q{number}", " ".join(text.split()))


def typed(first: str | None = None) -> Iterator[Question]:
    """`first`, if there is one, then a question a line from standard input, until an empty line or its end.

    Where standard output is no terminal the prompt goes to standard error, so that it holds answers only. Raises
    `DataError` for a line that is not text.
    """
    number = 1
    if first:
        yield given(first)
        number += 1
    if _somebody():
        with suppress(ImportError):
            import readline  # noqa: F401  importing it lets the line be edited and earlier ones called back
    while (text := _line()).strip():
        yield given(text, number)
        number += 1


def _line() -> str:
    """What is typed, or nothing at the end."""
    try:
        if _somebody() and sys.stdout.isatty():
            return input(PROMPT)  # so that editing the line leaves the prompt alone
        if _somebody():
            print(PROMPT, end="", file=sys.stderr, flush=True)
        return "" if sys.stdin is None else input()
    except UnicodeDecodeError:
        raise DataError("The question is not UTF-8 text.") from None
    except (EOFError, KeyboardInterrupt) as ended:
        if _somebody():
            print(file=sys.stderr)  # what comes next starts a line of its own
        if isinstance(ended, KeyboardInterrupt):
            raise
        return ""


def _somebody() -> bool:
    """Whether a person types."""
    return sys.stdin is not None and sys.stdin.isatty()
