"""Whether the parts of a cascade fit together, the same in every framework."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..errors import ConfigError
from ..keywords import warn_caller
from .price import Price


def require_parts(
    models: Sequence[Any], kind: type, named: str, prices: Sequence[Price | None] | None, verify_concurrency: int
) -> None:
    """Raise `ConfigError` unless there are two models or more, each of the framework's `kind`, which is `named` so, and
    a price each if any. Warns at the caller's line of prices that are not those of cheapest models first.
    """
    if len(models) < 2:
        raise ConfigError(f"models needs two models or more, cheapest first; {len(models)} given.")
    for number, model in enumerate(models):
        if not isinstance(model, kind):
            raise ConfigError(f"models[{number}] must be {named}, not {type(model).__name__}.")
    if verify_concurrency < 1:
        raise ConfigError(f"verify_concurrency must be 1 or more, not {verify_concurrency}.")
    if prices is None:
        return
    if len(prices) != len(models):
        raise ConfigError(f"prices needs one Price (or None) a model: {len(models)} models, {len(prices)} prices.")
    known = [(number, (price.input, price.output)) for number, price in enumerate(prices) if price is not None]
    for (first, low), (second, high) in pairwise(known):
        if low > high:
            warn_caller(f"models should be given cheapest first, but prices[{first}] is above prices[{second}].")
