"""Where in a TOML file a setting stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence


def line_of(text: str, place: Sequence[str | int]) -> int | None:
    """The line of a setting: its name, behind the table it stands in and, for [[model]], which one. None if unknown."""
    wanted, seen = tuple(place), Counter[str]()
    here: tuple[str | int, ...] = ()
    nearest = None
    for number, line in enumerate(text.splitlines(), start=1):
        if array := re.match(r"\s*\[\[\s*([\w-]+)\s*\]\]", line):
            here = (array[1], seen[array[1]])
            seen[array[1]] += 1
        elif single := re.match(r"\s*\[\s*([\w-]+)\s*\]", line):
            here = (single[1],)
        elif (key := re.match(r"\s*([\w-]+)\s*=", line)) and (*here, key[1]) == wanted[: len(here) + 1]:
            return number
        if here and here == wanted[: len(here)] and nearest is None:
            nearest = number
    return nearest
