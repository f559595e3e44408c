"""Templates of the frameworks' own, found again in prompts that were formatted from them.

Nothing is imported to find out: a template of a module that nobody imported can't have been used.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeAlias

Places: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Modules, and names in each."""


def texts_at(places: Places, texts_of: Callable[[Any], Iterable[str]]) -> frozenset[str]:
    """The texts of the templates at `places`, as far as their modules are there; `texts_of` reads an object's."""
    return _loaded(places, texts_of, tuple([module in sys.modules for module, _ in places]))


def is_formatted(text: str, templates: Iterable[str]) -> bool:
    """True if `text` is one of `templates` with its variables filled in."""
    return any(pattern(template).fullmatch(text.strip()) for template in templates)


@lru_cache(maxsize=128)
def pattern(template: str) -> re.Pattern[str]:
    """What a formatted `template` looks like. Greedy, so that a context that quotes the template is read to its end."""
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = match[1]
        again = name in seen
        seen.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>.*)"

    return re.compile(re.sub(r"\\\{(\w+)\\\}", group, re.escape(template.strip())), re.DOTALL)


@lru_cache(maxsize=128)
def _loaded(places: Places, texts_of: Callable[[Any], Iterable[str]], loaded: tuple[bool, ...]) -> frozenset[str]:
    found: list[str] = []
    for (module, names), is_loaded in zip(places, loaded, strict=True):
        for name in names if is_loaded else ():
            found.extend(texts_of(getattr(sys.modules[module], name, None)))
    return frozenset(found)
