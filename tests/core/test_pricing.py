"""Costs from tokens: as a provider bills them, and anew from recorded tokens."""

from __future__ import annotations

from typing import Any

import pytest

from automix_core.errors import DataError
from automix_core.outcomes.outcome import Outcome, Tokens
from automix_core.outcomes.pricing import answer_cost, count, priced, verdict_cost
from automix_core.routing.price import Price
from automix_core.usage import Usage

SPENT = Tokens(input_tokens=800, output_tokens=80, cached_input_tokens=600)


def test_all_verdicts_of_a_request_share_its_reading() -> None:
    cost = verdict_cost(Price(1, 2, 0.1).of, SPENT, 8)
    assert cost.first == cost.again == pytest.approx((200 + 60) / 1e6)
    assert cost.each == pytest.approx(10 * 2 / 1e6)
    assert cost.of(8, first=True) == pytest.approx(answer_cost(Price(1, 2, 0.1).of, SPENT))


def test_a_verdict_that_is_a_request_pays_for_its_reading() -> None:
    cost = verdict_cost(count, SPENT.model_copy(update={"requests": 8}), 8)
    assert (cost.first, cost.again, cost.each) == (0, 0, 110)


def test_without_prices_tokens_count() -> None:
    assert count(Usage(3, 4)) == 7


def outcome(**small: Any) -> Outcome:
    usage = {"input_tokens": 100, "output_tokens": 10}
    models = [
        {"name": "small", "score": 1, "cost": 110, "usage": usage} | small,
        {"name": "large", "score": 1, "cost": 110, "usage": usage},
    ]
    return Outcome.model_validate({"id": "q1", "models": models})


PRICES = {"small": Price(1, 2), "large": Price(10, 20)}


def test_outcomes_are_priced_anew() -> None:
    checked = outcome(verdicts=[1, 0], verdict_usage={"input_tokens": 200, "output_tokens": 20})
    (found,) = priced([checked], PRICES)
    assert [model.cost for model in found.models] == pytest.approx([120 / 1e6, 1200 / 1e6])
    assert found.models[0].verdict_cost.first == pytest.approx(200 / 1e6)
    assert found.models[0].verdict_cost.each == pytest.approx(20 / 1e6)
    assert found.models[0].score == 1


@pytest.mark.parametrize(
    ("small", "words"),
    [
        ({"usage": None}, "Outcome 'q1' does not say how many tokens small's answer took"),
        ({"verdicts": [1]}, "Outcome 'q1' does not say how many tokens small's checks took"),
        ({"signal_cost": {"sufficient": 1}}, "Outcome 'q1' has paid signals of small"),
    ],
)
def test_what_can_not_be_priced_is_named(small: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        priced([outcome(**small)], PRICES)
    assert words in str(caught.value)
