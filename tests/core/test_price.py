"""Prices: USD per million tokens, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from automix_core.errors import ConfigError
from automix_core.routing.price import Price
from automix_core.usage import Usage
from tests.strategies import prices, usages


@pytest.mark.parametrize(
    ("price", "usage", "usd"),
    [
        (Price(2, 8), Usage(1_000_000, 0), 2.0),
        (Price(2, 8), Usage(0, 1_000_000), 8.0),
        (Price(0.15, 0.6), Usage(1000, 500), 0.00045),
        (Price(0, 0), Usage(1_000_000, 1_000_000), 0.0),
        (Price(2, 8), Usage(1000, 0, cached_input_tokens=400), 0.002),
        (Price(2, 8, cached_input=0.5), Usage(1000, 0, cached_input_tokens=400), 0.0014),
        (Price(2, 8, cached_input=0), Usage(1000, 0, cached_input_tokens=400), 0.0012),
        (Price(2, 8, cached_input=0.5), Usage(100, 0, cached_input_tokens=400), 0.00005),
        (Price(2, 8, cache_write=4), Usage(1000, 0, cache_write_tokens=400), 0.0028),
        (Price(2, 8), Usage(1000, 0, cache_write_tokens=400), 0.002),
        (Price(2, 8, 0.5, 4), Usage(1000, 0, 300, cache_write_tokens=400), 0.00235),
        (Price(2, 8, 0.5, 4), Usage(1000, 0, 900, cache_write_tokens=400), 0.00085),
    ],
)
def test_prices(price: Price, usage: Usage, usd: float) -> None:
    assert price.of(usage) == pytest.approx(usd)


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), 10**400, "1", None, True])
@pytest.mark.parametrize("field", ["input", "output", "cached_input", "cache_write"])
def test_a_price_is_a_number_of_dollars(field: str, wrong: Any) -> None:
    numbers: dict[str, Any] = {"input": 1, "output": 1, "cached_input": 1, field: wrong}
    if field.startswith("cache") and wrong is None:
        assert Price(**numbers).of(Usage(1_000_000)) == 1
        return
    with pytest.raises(ConfigError, match=rf"Price\({field}\) must be USD per million tokens"):
        Price(**numbers)


@given(prices, usages, usages)
def test_two_bills_are_one(price: Price, one: Usage, other: Usage) -> None:
    together = price.of(one) + price.of(other)
    parts = [usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens for usage in (one, other)]
    if all(parts) or price.cached_input is price.cache_write is None:
        assert price.of(one + other) == pytest.approx(together)
