"""Usage: sums, and sums with a hole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from automix_core.usage import Usage, total
from tests.strategies import usages


@given(st.lists(usages))
def test_a_sum_is_the_sum_of_its_parts(parts: list[Usage]) -> None:
    whole = total(parts)
    assert whole is not None
    for name in ("input_tokens", "output_tokens", "cached_input_tokens"):
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
