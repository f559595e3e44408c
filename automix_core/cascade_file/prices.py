"""Prices as they are typed: IN/OUT, or IN/OUT/CACHED, in USD per million tokens."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ConfigError
from ..routing.price import Price
from .settings import ModelSettings


def price(name: str, text: str) -> Price:
    """The price `IN/OUT` or `IN/OUT/CACHED` of a model called `name`. Raises `ConfigError` if it is none."""
    parts = text.split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        raise ConfigError(
            f"The price of {name} must be IN/OUT or IN/OUT/CACHED in USD per million tokens, not {text!r}."
        )
    found = Price(*numbers)
    if not all(number == 0 or 1e-9 <= number <= 1e9 for number in numbers):
        raise ConfigError(f"The price of {name}, {text}, must be 0 or lie between 1e-9 and 1e9 USD per million tokens.")
    return found


def prices_of(models: Sequence[ModelSettings]) -> tuple[Price, ...] | None:
    """All models' prices, or None if none has one. Raises `ConfigError` for one that is none, and where some lack."""
    without = [model.name for model in models if model.price is None]
    if len(without) == len(models):
        return None
    if without:
        raise ConfigError(f"Prices are given for some models only; {', '.join(without)} has none.")
    return tuple(price(model.name, model.price or "") for model in models)
