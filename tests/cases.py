"""What a check shows: the blocks of its case, read back."""

from __future__ import annotations

import re

from automix_core.checking.prompt import TAGS


def block(case: str, name: str) -> str | None:
    """The text in the block of `name` (context, question, answer, history, instructions); None if there is none.

    `case` may be a whole prompt, of which the last case counts.
    """
    found = re.findall(rf"^<({TAGS[name]} [0-9a-f]+)>\n(.*?)\n</\1>$", case, re.DOTALL | re.MULTILINE)
    return found[-1][1] if found else None
