"""Prices as they are typed: NAME=IN/OUT, or NAME=IN/OUT/CACHED, in USD per million tokens."""

from __future__ import annotations

from collections.abc import Sequence

from automix_core.cascade_file.prices import price
from automix_core.errors import ConfigError
from automix_core.outcomes.outcome import Outcome
from automix_core.outcomes.pricing import priced


def named_prices(texts: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The prices given with `--price`, as text, by model. Raises `ConfigError` for a model that is not in `names`."""
    found = {}
    for text in texts:
        name, equals, price = text.partition("=")
        if not (name and equals and price and text.isprintable()):
            raise ConfigError(f"--price must be NAME=IN/OUT, not {text!r}.")
        if name not in names:
            raise ConfigError(f"--price names {name!r}, but the models are {', '.join(names)}.")
        found[name] = price
    return found


def repriced(outcomes: list[Outcome], texts: Sequence[str]) -> list[Outcome]:
    """The outcomes, with the costs of their recorded tokens at the prices given with `--price`, if there are any.

    Raises `ConfigError` for a price that is none, `DataError` where tokens are not recorded.
    """
    if not texts or not outcomes:
        return outcomes
    names = [model.name for model in outcomes[0].models]
    found = {name: price(name, text) for name, text in named_prices(texts, names).items()}
    if missing := [name for name in names if name not in found]:
        raise ConfigError(f"Prices are given for some models only; {', '.join(missing)} has none.")
    return priced(outcomes, found)
