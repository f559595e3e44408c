"""Messages as text for the verifier to read, the same whichever framework they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from .disguises import seen_through
from .query import IN_CONTEXT, SHORT, Query

Said: TypeAlias = tuple[str, str]
"""Who speaks (User, Assistant, System, Tool, ...) and what is said."""

MODEL = "Assistant"
"""Who speaks for the models: what they said is never context."""

_LINE = re.compile(
    r"(\r\n?|[\n\v\f\x1c-\x1e\x85\u2028\u2029]|&#0*1[03](?:;|(?!\d))|&#x0*[ad](?:;|(?![\da-f]))|&newline;|%0[ad]|\\[nr]"
    r"|<br\s*/?>)",
    re.IGNORECASE,
)
"""What ends a line, for any reader."""
_LONGEST = 200
"""Characters at the beginning of a line that are looked at for a label."""
_SPEAKER = r"(?:user|human|assistant|ai|model|chatbot|bot|system|developer|tool|function)"
_LABEL = re.compile(rf"[\W_]*{_SPEAKER}[\W_]*(?::|$)|[\W_]*start_of_turn\W*{_SPEAKER}\b|[\W_]*im_start\W*{_SPEAKER}\b")


def transcript(said: Iterable[Said]) -> str:
    """The turns as labelled text. A line inside a turn that looks like a label is quoted: nobody forges a turn."""
    return "\n\n".join(f"{who}: {as_said(text)}" for who, text in said if text.strip())


def as_said(text: str) -> str:
    """The text of one turn, in which no line begins like another turn, whatever the label is disguised as."""
    first, *rest = _LINE.split(text.strip())
    lines = zip(rest[::2], rest[1::2], strict=True)
    return first + "".join(
        f"{end}{_quoted(line) if _LABEL.match(seen_through(line[:_LONGEST])) else line}" for end, line in lines
    )


def _quoted(line: str) -> str:
    start = len(line) - len(line.lstrip())
    return f"{line[:start]}> {line[start:]}"


def whole_prompt(said: Sequence[Said], asked: int) -> Query:
    """The query of a prompt in which nothing tells its question from its context; `asked` is the question's turn.

    The prompt stands once, as the question with its context: everything in it but what models said, which is history.
    Long turns of the history that the context holds are not repeated.
    """
    turns = [(who, text) for who, text in said if text.strip()]
    question = said[asked][1] if said else ""
    shown = [(who, text) for who, text in turns if who != MODEL] or turns
    context = shown[0][1] if len(shown) == 1 else transcript(shown)
    earlier = said[: asked % len(said)] if said else ()
    spoken = any(who == MODEL for who, _ in earlier)
    history = [turn for turn in earlier if turn[0] != "System"] if spoken else []
    brief = [(who, text if who == MODEL or len(text) <= SHORT else IN_CONTEXT) for who, text in history]
    return Query(question, (context,), transcript(brief), source="prompt")


def joined(texts: Iterable[str]) -> str:
    """The text parts of one message as one text: parts that would run into each other stand on lines of their own."""
    whole = ""
    for text in texts:
        runs_on = not whole or not text or whole[-1].isspace() or text[0].isspace() or text[0].islower()
        whole += text if runs_on or not text[0].isalnum() else f"\n{text}"
    return whole
