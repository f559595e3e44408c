"""Usage: sums, and sums with a hole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.usage import Usage, count_of, total
from tests.strategies import usages


@given(st.lists(usages))
def test_a_sum_is_the_sum_of_its_parts(parts: list[Usage]) -> None:
    whole = total(parts)
    assert whole is not None
    for name in ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens"):
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts)
    plain = whole.to_dict()
    assert list(plain) == ["input_tokens", "output_tokens", "total_tokens"]
    assert plain["total_tokens"] == plain["input_tokens"] + plain["output_tokens"]


@given(st.lists(usages), st.lists(usages))
def test_one_unknown_part_leaves_the_sum_unknown(before: list[Usage], after: list[Usage]) -> None:
    assert total([*before, None, *after]) is None


def test_nothing_is_zero_and_not_unknown() -> None:
    assert total([]) == Usage()


def test_details_are_summed_by_name() -> None:
    one, other = Usage(5, 2, 0, {"input.audio": 3}), Usage(1, 1, 0, {"input.audio": 1, "output.reasoning": 1})
    assert (one + other).details == {"input.audio": 4, "output.reasoning": 1}


@pytest.mark.parametrize(
    ("told", "tokens"),
    [(0, 0), (12, 12), (12.0, 12), ("12", None), (None, None), (True, None), (-1, None), (1.5, None), (2.0**60, None)],
)
def test_what_is_no_number_of_tokens_was_not_reported(told: Any, tokens: int | None) -> None:
    assert count_of(told) == tokens
