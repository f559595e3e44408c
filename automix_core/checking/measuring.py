"""Paid signals of a draft: a verifier's log-odds, or a number that a function of the user's own gives."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from numbers import Real
from typing import Any, TypeAlias

from ..errors import ConfigError
from .token_verdict import log_odds_of

Measurement: TypeAlias = Callable[[str, str, str], float | Awaitable[float | None] | None]
"""Called as (context, question, answer); returns a number, or None where it has none."""


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
        if isinstance(way, type) or not (callable(way) or hasattr(way, "check")):
            raise ConfigError(
                f"measures[{name!r}] must be a TokenVerifier or a function (context, question, answer) that returns a "
                f"number, not {way!r}."
            )
    return dict(measures)


def confidence_value(confidence: float | None) -> float | None:
    """A verifier's confidence as a signal: its log-odds, None where nothing could be read."""
    return None if confidence is None else log_odds_of(confidence)


def number_of(name: str, value: Any) -> float | None:
    """What a function gave for the signal `name`, as a plain number; None, NaN and infinity are missing.

    Raises `ConfigError` for what is no number.
    """
    plain = value.item() if callable(getattr(value, "item", None)) else value
    if plain is None:
        return None
    if not isinstance(plain, Real):
        raise ConfigError(f"measures[{name!r}] returned {type(value).__name__}; it must return a number or None.")
    return float(plain) if math.isfinite(plain) else None
