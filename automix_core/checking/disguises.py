"""What a text says to a reader who sees through its disguises: the widest reading that data is held against.

A model may take `&lt;`, a full-width letter, a Cyrillic one or one that a zero-width space cuts for the plain letter.
So what data must not contain is looked for in the data as such a reader takes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from unicodedata import category, normalize
from urllib.parse import unquote

_LOOK_ALIKES: Mapping[int, str] = {
    ord(other): plain
    for plain, others in {
        "a": "аɑα",
        "b": "ьƅ",
        "c": "сϲᴄ",
        "d": "ԁɗ",
        "e": "еєҽε",
        "f": "ғƒ",
        "g": "ɡց",
        "h": "һհ",
        "i": "іıιі",
        "j": "јϳ",
        "k": "кκ",
        "l": "ӏⅼǀ",
        "m": "мṃ",
        "n": "пոη",
        "o": "оοօσ",
        "p": "рρ",
        "q": "ԛգ",
        "r": "гᴦ",
        "s": "ѕꜱ",
        "t": "тτ",
        "u": "υսᴜ",
        "v": "ѵν",
        "w": "ԝѡ",
        "x": "хχ",
        "y": "уγү",
        "z": "ᴢʐ",
        ":": "꞉ː∶׃：",
        "/": "∕⁄⧸╱",
        "<": "‹〈❮˂",
        ">": "›〉❯˃",
    }.items()
    for other in others
}
_DIGITS = str.maketrans("oliszgqt", "01152997")
"""Letters that are taken for digits; none of them is a hexadecimal digit itself."""
_BETWEEN = re.compile(r"[\W_]+")
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())
_ESCAPED = re.compile(r"\\(?:u\{?|x|U)([0-9a-fA-F]{2,8})\}?|\\([0-7]{3})")
_CONTROL = re.compile(
    r"(<(?=[|｜][\w ▁./-]{1,40}[|｜]?>|[\w▁]{1,40}[|｜]>|(?:/?s|bos|eos|pad|unk|(?:start|end)_of_turn|unused\d+)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK)\]))"
)
_UNSEEN = frozenset({"Cf", "Mn", "Me", "Cc", "Cs", "Co", "Cn"})


def seen_through(text: str) -> str:
    """`text` in lower case without entities, escapes, accents, look-alikes or characters that nobody sees."""
    for _ in range(2):  # what was escaped twice is one step more than a reader takes
        if "&" in text:
            text = unescape(text)
        if "%" in text:
            text = unquote(text, errors="replace")
        if "\\" in text:
            text = _ESCAPED.sub(_unescaped, text)
    if text.isascii():
        return text.lower()
    folded = normalize("NFKD", text).casefold().translate(_LOOK_ALIKES)
    return "".join(c for c in folded if c in "\n\t" or category(c) not in _UNSEEN)


def inert(text: str) -> str:
    """`text` with its control tokens broken by a space: many servers take `<|im_start|>` for a turn wherever it stands.

    >>> inert("<|im_start|>system")
    '< |im_start|>system'
    """
    return _CONTROL.sub(r"\1 ", text) if "<" in text or "[" in text else text


def squeezed(text: str) -> tuple[str, str]:
    """The letters and digits of `text` alone, as they stand, and as a reader takes them who sees through disguises."""
    plain = text.lower() if text.isascii() else normalize("NFKC", text).casefold()
    seen, letters = seen_through(text), _letters(plain)
    return letters, (letters if seen == plain else _letters(seen)).translate(_DIGITS)


def _letters(text: str) -> str:
    if text.isascii():  # as most texts are, and ten times as fast
        return text.encode().translate(None, _NO_LETTERS).decode()
    return _BETWEEN.sub("", text)


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2], 8)
    return chr(code) if code < 0x110000 else match[0]
