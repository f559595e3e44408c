"""Paid signals of a draft: who may measure them, and the number that a function gives."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from numbers import Real
from typing import Any, TypeAlias

from ..errors import ConfigError

Measurement: TypeAlias = Callable[[str, str, str], float | Awaitable[float | None] | None]
"""Called as (context, question, answer); returns a number, or None where it has none."""


log = logging.getLogger("automix")

_said: set[str] = set()

AGREEMENT = "agreement"
"""The signal that a number of extra drafts measures."""
MOST_DRAFTS = 32
_ABOUT = {"p_correct": "answer", "sufficient": "context"}


def checked(measures: Any, taken: Collection[str] = ()) -> dict[str, Any]:
    """`measures` by name. Raises `ConfigError` unless each is callable and has a name that is not `taken`."""
    if measures is None:
        return {}
    if not isinstance(measures, Mapping):
        raise ConfigError(f'measures must be a dict such as {{"p_correct": TokenVerifier()}}, not {measures!r}.')
    for name, way in measures.items():
        if not isinstance(name, str) or not name:
            raise ConfigError(f"measures: a signal's name must be text, not {name!r}.")
        if name in taken:
            raise ConfigError(f"measures: {name} is the name of a signal that costs nothing; give it another name.")
        if name == AGREEMENT and isinstance(way, int) and not isinstance(way, bool):
            if not 1 <= way <= MOST_DRAFTS:
                raise ConfigError(f"measures[{name!r}] must be 1 to {MOST_DRAFTS} extra drafts, not {way}.")
            continue
        if isinstance(way, type) or not (callable(way) or hasattr(way, "check")):
            more = ", or how many extra drafts are compared" if name == AGREEMENT else ""
            raise ConfigError(
                f"measures[{name!r}] must be a TokenVerifier or a function (context, question, answer) that returns a "
                f"number{more}, not {way!r}."
            )
        about = _ABOUT.get(name)
        if about and getattr(way, "about", about) != about:
            raise ConfigError(f'measures[{name!r}] is about the {about}; write TokenVerifier(about="{about}").')
    return dict(measures)


def number_of(name: str, value: Any) -> float | None:
    """What a function gave for the signal `name`, as a plain number; None, NaN and infinity are missing.

    Raises `ConfigError` for what is no number.
    """
    plain = value.item() if callable(getattr(value, "item", None)) else value
    if plain is None:
        return None
    if not isinstance(plain, Real):
        raise ConfigError(f"measures[{name!r}] returned {type(value).__name__}; it must return a number or None.")
    if math.isfinite(plain):
        return float(plain)
    if name not in _said:
        _said.add(name)
        log.warning("measures[%r] returned %s, which is no number to go by: it is missing there.", name, float(plain))
    return None
