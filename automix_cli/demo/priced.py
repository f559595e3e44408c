"""The second ledger: what the measured tokens would cost at example prices, and from which price ratio on it pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automix_core.routing.price import Price
from automix_core.usage import Tokens, Usage


def priced(measured: Mapping[str, Any], prices: Sequence[float]) -> dict[str, Any]:
    """The cost of each way in USD, at `prices`: USD per million tokens, read or written, of the small and large model.

    `break_even_ratio` is the large price over the small one at which the cascade costs what the large model alone
    does; above it the cascade is cheaper. None where it is cheaper at no price, or where tokens are unknown. A figure
    that needs unknown tokens is None.
    """
    small, large = (Price(price, price) for price in prices)
    own, other = measured["tokens"]["by_model"]
    first, last = cost_of(own, small), cost_of(other, large)
    cascade = None if first is None or last is None else first + last
    alone = _whole(measured["always_large"], large)
    only_small = _whole(measured["always_small"], small)
    return {
        "prices": "example",
        "unit": "USD per million tokens, input or output",
        "small": small.input,
        "large": large.input,
        "ratio": large.input / small.input if small.input else None,
        "cascade": {"total": cascade, "by_model": [first, last]},
        "always_small": {"total": only_small},
        "always_large": {"total": alone},
        "saved": None if cascade is None or alone is None else alone - cascade,
        "saved_share": None if cascade is None or not alone else 1 - cascade / alone,
        "break_even_ratio": break_even(own, other, measured["always_large"]),
        "estimated": measured["tokens"]["estimated"],
    }


def check(prices: Sequence[float]) -> None:
    """Raise `ConfigError` for a price that is none."""
    for price in prices:
        Price(price, price)


def break_even(
    small: Mapping[str, int] | None, large: Mapping[str, int] | None, alone: Mapping[str, Any]
) -> float | None:
    """s + r * l = r * a, solved for r: the small and large model's tokens in the cascade, the large one's alone."""
    if small is None or large is None or alone["failed"] or alone["tokens"] is None:
        return None
    spared = alone["tokens"]["total_tokens"] - large["total_tokens"]
    return small["total_tokens"] / spared if spared > 0 else None


def _whole(way: Mapping[str, Any], price: Price) -> float | None:
    """None, too, where the model failed on a question: a bill for fewer questions is no comparison."""
    return None if way["failed"] else cost_of(way["tokens"], price)


def cost_of(tokens: Tokens | Mapping[str, int] | None, price: Price) -> float | None:
    """What tokens cost, None where they are unknown."""
    return None if tokens is None else price.of(Usage(tokens["input_tokens"], tokens["output_tokens"]))
