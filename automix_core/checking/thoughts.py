"""What a model thought aloud, told apart from what it said.

Models and servers mark thoughts in many ways, and some servers strip the opening mark and leave the closing one. What
is removed here is removed from what is checked and from what is served alike, so that nothing can hide in a thought.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARK = re.compile(
    r"""<\s*(?P<end>/?)\s*(?:seed:)?(?:think(?:ing)?|thoughts?|reasoning|reflection)\s*>
      | (?-i:\[(?P<end_bracket>/?)THINK\])
      | ◁(?P<end_triangle>/?)think▷
      | <\|(?:begin_of_thought|start_thinking)\|>
      | <\|(?P<end_pipe>(?:end_of_thought|end_thinking)\|>)
      | <unused94>(?:thought\b)?
      | (?P<end_unused><unused95>)""",
    re.IGNORECASE | re.VERBOSE,
)
_MAY_MARK = re.compile(r"[<\[◁]|\Aanalysis")
"""What each mark and each channel begins with."""
_QUOTES = frozenset("`\"'")
_FINAL_CHANNEL = re.compile(r"<\|channel\|>final\b[^<]*<\|message\|>|\Aanalysis(?=[A-Z\s]).*?assistantfinal", re.DOTALL)
_THOUGHT_CHANNEL = re.compile(r"\A\s*(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)\b")
_CHANNEL_END = re.compile(r"(?:<\|(?:return|end)\|>)+\s*\Z")


def final_text(text: str) -> str:
    """`text` without its thoughts: sections between any models' thought marks, nested ones too.

    A closing mark that nothing opened ends a thought that began with the text; a section that never closes leaves
    nothing behind it. A mark that is quoted, like `</think>` in backticks, is only spoken of.

    >>> final_text("<think>Hm.</think>It has 211 steps.")
    'It has 211 steps.'
    """
    return split(text)[1]


def spoken(parts: Sequence[str]) -> list[str] | None:
    """The parts of one message's text without its thoughts; None if there are none, and the message can stay as it is.

    What is served is what is checked: a text in a thought would reach a user unchecked.
    """
    whole = "".join(parts)
    final = final_text(whole)
    if final == whole.strip():
        return None
    each = [final_text(part) for part in parts]
    return each if "".join(each) == final else [final, *[""] * (len(parts) - 1)]


def split(text: str) -> tuple[str, str]:
    """What was taken out although nothing of the model's may have set it apart, and the final text.

    The first is what stands before a closing mark that nothing opened, after an opening one that nothing closes, or
    in front of a final channel: a mark that was copied out of the data does that to what stands beside it.
    """
    doubtful, final = "", text.strip()
    if not _MAY_MARK.search(text):  # as in most texts, which are read here several times a call
        return doubtful, final
    while (found := _split(*_of_channels(text)))[1] != final:  # again: what was around a mark may join into another
        doubtful, text = f"{doubtful}\n{found[0]}", found[1]
        final = text
    return f"{doubtful}\n{found[0]}".strip(), final


def _split(doubtful: str, text: str) -> tuple[str, str]:
    kept = ""
    at = depth = 0
    closed: int | None = None  # the end of the last closing mark inside an open section
    for mark in _MARK.finditer(text):
        if _is_quoted(text, mark):
            continue
        if not any(mark.groupdict().values()):
            if not depth:
                kept, closed, at = kept + text[at : mark.start()], None, mark.end()
            depth += 1
        elif depth:
            depth, at = depth - 1, mark.end()
            closed = at
        else:
            doubtful, kept, at = f"{doubtful}\n{kept}{text[at : mark.start()]}", "", mark.end()
    if not depth or closed is not None:  # of marks that open twice and close once the last closing one ends the thought
        return doubtful, (kept + text[at:]).strip()
    return f"{doubtful}\n{text[at:]}", kept.strip()


def _of_channels(text: str) -> tuple[str, str]:
    """The final channel of a reply in channels, as gpt-oss writes them, or the text as it is; what it hides first."""
    thinks = _THOUGHT_CHANNEL.match(text)
    if finals := list(_FINAL_CHANNEL.finditer(text)):
        first = finals[0].end() if thinks or text.startswith("analysis") else 0
        return text[first : finals[-1].start()], _CHANNEL_END.sub("", text[finals[-1].end() :])
    return ("", "") if thinks else ("", text)


def _is_quoted(text: str, mark: re.Match[str]) -> bool:
    before, after = text[mark.start() - 1 : mark.start()], text[mark.end() : mark.end() + 1]
    return before in _QUOTES and before == after
