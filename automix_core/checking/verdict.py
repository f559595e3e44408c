"""Reading one check: the only place that knows what a verdict looks like.

The rule (golden examples in tests/golden/verdicts.jsonl): a verdict line, once Markdown marks and outer spaces are
gone, is `Verdict: <word>`, or the paper's `Verification Decision: The AI generated answer is <word>`, in any case, with
an optional final period. The last verdict line of a text decides; a word other than correct or incorrect makes that
line, and so the check, unreadable. Text before and after is not looked at: a check that reasons towards "incorrect"
and then concludes "correct" said correct.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..decision import Tally

_LEADING_THOUGHTS = re.compile(r"(?:\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z))+", re.DOTALL | re.IGNORECASE)
_THOUGHT = re.compile(r"<think", re.IGNORECASE)
_THOUGHT_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_BLOCK_MARKS = re.compile(r"^(?:[\s>|#]|[-+*•](?=\s)|\d+[.)](?=\s))+")
_INLINE_MARKS = re.compile(r"[*_`~#|]")
_VERDICT = re.compile(
    r"(?:verdict\s*:|verification\s+decision\s*:\s*the\s+ai\s+generated\s+answer\s+is\b)(.*)", re.IGNORECASE
)
_WORDS = {"correct": True, "incorrect": False}


def final_text(text: str) -> str:
    """`text` without leading `<think>` sections; one that never closes leaves nothing.

    Some servers strip the opening tag and leave the closing one, so a closing tag with no opening one before it also
    ends a leading thought.
    """
    end = _LEADING_THOUGHTS.match(text)
    if end is None and (orphan := _THOUGHT_END.search(text)) and not _THOUGHT.search(text, 0, orphan.start()):
        end = orphan
    return (text[end.end() :] if end else text).strip()


def read_verdict(text: str) -> bool | None:
    """The verdict of one sampled check: True (correct), False (incorrect), None (unreadable).

    >>> read_verdict("The passage names it.\\n**Verdict:** Correct.")
    True
    >>> read_verdict("Verdict: correct or incorrect") is None
    True
    """
    verdict = None
    for line in final_text(text).splitlines():
        plain = _INLINE_MARKS.sub("", _BLOCK_MARKS.sub("", line)).strip()
        if match := _VERDICT.fullmatch(plain):
            verdict = _word(match[1])
    return verdict


def read_word(text: str) -> bool | None:
    """The verdict of a one-token check: the whole reply is the bare word."""
    return _word(_INLINE_MARKS.sub("", _BLOCK_MARKS.sub("", final_text(text))))


def _word(text: str) -> bool | None:
    return _WORDS.get(text.strip().lower().removesuffix(".").rstrip())


def count(verdicts: Iterable[bool | None], failed: int = 0) -> Tally:
    """The tally of a batch of verdicts."""
    drawn = list(verdicts)
    return Tally(
        correct=sum(verdict is True for verdict in drawn),
        incorrect=sum(verdict is False for verdict in drawn),
        unreadable=sum(verdict is None for verdict in drawn),
        failed=failed,
    )
