"""Where the demo's questions come from: the handbook's eight, the command line, or a person who types them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress

from ..corpus import Question

PROMPT = "\nYour question (an empty line ends): "


def given(text: str) -> Question:
    """A question of the user's own: nobody knows what is expected."""
    return Question("q1", " ".join(text.split()))


def typed(first: str | None = None) -> Iterator[Question]:
    """`first`, if there is one, then a question a line from standard input, until an empty line or its end.

    The prompt goes to standard error, so that standard output holds answers only.
    """
    number = 1
    if first:
        yield given(first)
        number += 1
    if sys.stdin.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401  importing it lets the line be edited and earlier ones called back
    while text := _line():
        yield Question(f"q{number}", text)
        number += 1


def _line() -> str:
    if sys.stdin.isatty():
        print(PROMPT, end="", file=sys.stderr, flush=True)
    try:
        return " ".join(input().split())
    except EOFError:
        if sys.stdin.isatty():
            print(file=sys.stderr)
        return ""
