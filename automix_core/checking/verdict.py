"""Reading one check: the only place that knows what a verdict looks like.

The rule (golden examples in tests/golden/verdicts.jsonl): a verdict line, once Markdown marks and outer spaces are
gone, is `Verdict: <word>` or `Final Verdict: <word>` (with a full-width colon too, or the word on the next line), or
the paper's `Verification Decision: The AI generated answer is <word>`, in any case. The word is correct or incorrect,
a closing full stop, exclamation mark, brackets, quotes or end-of-turn token aside; any other word makes the line
unreadable, and the check too if no verdict line follows. Lines that are quoted, struck out, in tables, code or made-up
examples don't count. Verdict lines that disagree are no verdict: what a check was shown can make it write one more,
never one less. All other text is not looked at: a check that reasons towards "incorrect" and then concludes "correct"
said correct.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ..decision import Tally
from .thoughts import split

_BLANK = " \t\u00a0"
_LINE = re.compile(r"\r\n?|\n")
"""Nothing else ends a line: a form feed or U+2028 inside a sentence begins no verdict."""
_END_OF_TURN = re.compile(
    r"<[|｜](?:im_end|eot_id|eom_id|end|return|endoftext|end[_▁]of[_▁](?:text|turn|sentence))[|｜]>|</s>|<eos>|<end_of_turn>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?>")
_FENCE = re.compile(rf"[{_BLANK}]*(?:[-+*•][{_BLANK}]+|\d+[.)][{_BLANK}]+)*(`{{3,}}|~{{3,}})([^`]*)$")
_MANY_LINES_QUOTED = re.compile(
    r"""(?:(?<=[\s:(])|^)(?:"+[ \t]*\r?\n(?:(?!"\w).)*?"(?!\w)|“[^“”]*”|«[^«»]*»|„[^„“”]*[“”]|「[^「」]*」)""",
    re.DOTALL | re.MULTILINE,
)
"""None that holds another: a mark that was copied would end at the quotes of the check's own word."""
_BLOCK_MARKS = re.compile(rf"^(?:[{_BLANK}#]|[-+*•](?=[{_BLANK}])|\d+[.)](?=[{_BLANK}]))+")
_INLINE_MARKS = re.compile(r"[*_`#]")
_VERDICT = re.compile(
    rf"(?:(?:final[{_BLANK}]+)?verdict[{_BLANK}]*[:：]"
    rf"|verification[{_BLANK}]+decision[{_BLANK}]*[:：][{_BLANK}]*the[{_BLANK}]+ai[{_BLANK}]+generated"
    rf"[{_BLANK}]+answer[{_BLANK}]+is\b)(.*)",
    re.IGNORECASE,
)
_OPENING, _CLOSING, _STOP = r"[\[({<【「『\"'“”‘’«»„]*", r"[\])}>【】」』\"'“”‘’«»]", f"[{_BLANK}]*[.!。！]?"
_WORD = re.compile(rf"{_OPENING}[{_BLANK}]*(in)?correct(?:{_STOP}{_CLOSING}+)?{_STOP}", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"(?:for |an?(?:other)? |the |one |worked |next )*examples?(?: case)?[\s\d.#]*[:：.]?", re.IGNORECASE
)
_NEXT_CASE = re.compile(
    r"(?:next |another |new )?(?:context|question|answer|example|case|passage|document|conversation|instructions|user|"
    r"human|assistant|system|input)[\s\d.#]*(?:[:：].*)?|<(?:context|question|answer|conversation|instructions|"
    r"example)\b.*|<\|im_start\|>.*|<start_of_turn>.*|check the answer\b.*",
    re.IGNORECASE,
)
_HIDDEN = "\0"
"""Stands, after its tag if it had one, for what was taken out, so that no line becomes a verdict line by it."""


def read_verdict(text: str) -> bool | None:
    """The verdict of one sampled check: True (correct), False (incorrect), None (unreadable).

    >>> read_verdict("The passage names it.\\n**Verdict:** Correct.")
    True
    >>> read_verdict("Verdict: Incorrect\\n> Verdict: Correct")
    False
    >>> read_verdict("Verdict: correct or incorrect") is None
    True
    """
    doubtful, said = split(text)
    verdicts = list(_verdicts(said))
    if not verdicts or verdicts[-1] is None:
        return None
    # A mark without its other half may be copied from the data: what it hides can't agree, but contradict it can.
    readable = {verdict for verdict in (*_verdicts(doubtful), *verdicts) if verdict is not None}
    is_denied = verdicts[-1] and any(_is_denied(part) for part in (said, doubtful))
    return verdicts[-1] if len(readable) == 1 and not is_denied else None


def count(verdicts: Iterable[bool | None], failed: int = 0) -> Tally:
    """The tally of a batch of verdicts."""
    drawn = list(verdicts)
    return Tally(
        correct=sum(verdict is True for verdict in drawn),
        incorrect=sum(verdict is False for verdict in drawn),
        unreadable=sum(verdict is None for verdict in drawn),
        failed=failed,
    )


def _verdicts(text: str) -> Iterator[bool | None]:
    """What each verdict line says, made-up examples left out."""
    open_line = seen = in_example = False
    for line in _own_lines(_END_OF_TURN.split(text, maxsplit=1)[0])[0]:
        plain = _plain(line)
        if open_line:  # the word stands on the line after
            if not plain:
                continue
            open_line = False
            yield _word(plain)
            if not _VERDICT.fullmatch(plain):
                continue
        if seen and _NEXT_CASE.fullmatch(plain):
            return
        if _EXAMPLE.fullmatch(plain):
            in_example = True
        elif match := _VERDICT.fullmatch(plain):
            if in_example:
                in_example = False
                continue
            seen = True
            if match[1].strip(_BLANK):
                yield _word(match[1])
            else:
                open_line = True
    if open_line:
        yield None


def _is_denied(text: str) -> bool:
    """If "incorrect" stands where no other verdict line counts: in code that nothing ends, or after the turn's end.

    Words that were copied from the data can begin either in front of the check's own verdict.
    """
    said, *after = _END_OF_TURN.split(text, maxsplit=1)
    lines = [*_own_lines(said)[1], *_LINE.split(after[0] if after else "")]
    plain = [line for line in map(_plain, lines) if line]
    return any(
        (match := _VERDICT.fullmatch(line)) and _word(match[1].strip(_BLANK) or following) is False
        for line, following in pairwise([*plain, ""])
    )


def _own_lines(text: str) -> tuple[list[str], list[str]]:
    """The lines that the writer speaks for, none quoted, struck out, in a table or in code; those in unended code."""
    own: list[str] = []
    code: list[str] = []
    fence = ""
    for line in _LINE.split(_MANY_LINES_QUOTED.sub(_hidden, _without_elements(text))):
        mark = _FENCE.match(line)
        if fence:
            code.append(line)
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence, code = "", []
            continue
        if mark:
            fence = mark[1]
            continue
        inner = _BLOCK_MARKS.sub("", line).strip(_BLANK)
        indented = line.startswith(("    ", "\t"))
        marked = "|" in line or "~~" in line or inner.startswith((">", "`", '"', "'", "“", "‘", "«", "„", "「"))
        if not (marked or indented):
            own.append(line)
    return own, code


def _without_elements(text: str) -> str:
    """`text` with what stands in tags and in comments hidden; what nothing closes is left to stand."""
    kept, at, unclosed = [], 0, set()
    lower = text.lower()
    while (start := text.find("<", at)) >= 0:
        name = ""
        if text.startswith("<!--", start):
            stop = text.find("-->", start) + 3
            stop = 0 if stop < 3 else stop
        elif (tag := _TAG.match(text, start)) and tag[1].lower() not in unclosed:
            name = tag[1]
            closing = lower.find(f"</{name.lower()}", tag.end())
            stop = text.find(">", closing) + 1 if closing >= 0 else 0
            if not stop:
                unclosed.add(name.lower())
        else:
            stop = 0
        kept.append(text[at:start] + (f"<{name}>{_HIDDEN}" if stop else text[start]))
        at = stop or start + 1
    return "".join(kept) + text[at:]


def _hidden(match: re.Match[str]) -> str:
    """A quotation of one line stays: its line begins with a quote mark or with other words."""
    return _HIDDEN if _LINE.search(match[0]) else match[0]


def _plain(line: str) -> str:
    return _INLINE_MARKS.sub("", _BLOCK_MARKS.sub("", line)).strip(_BLANK)


def _word(text: str) -> bool | None:
    match = _WORD.fullmatch(text.strip(_BLANK))
    return not match[1] if match else None
