"""The outcome that an audit records: what is asked for, what it costs, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from automix_core.audit.record import Case, at_hand, record
from automix_core.checking.query import Query
from automix_core.decision import Accept, Draft, Finish, Tally
from automix_core.outcomes.outcome import Outcome
from automix_core.routing.effects import Check, Checks, Failure, Gauge, Measured, Reply
from automix_core.routing.ending import Ending
from automix_core.routing.price import Price
from automix_core.routing.route import settle
from automix_core.routing.step import Step
from automix_core.usage import Usage

ASKED = Query("Who built it?", ("Oda Verrin built it.",))
SMALL, LARGE = Reply("Oda Verrin", Usage(100, 10)), Reply("Oda", Usage(100, 20))
PRICES = (Price(1, 2), Price(10, 20))


def same(answer: str, golds: Sequence[str]) -> float:
    return float(answer in golds)


def outcome(
    checks: Sequence[Checks] = (),
    drawn: Checks | None = None,
    *,
    small: Reply = SMALL,
    large: Reply = LARGE,
    prices: Sequence[Price | None] | None = PRICES,
    k: int = 4,
    texts: bool = True,
) -> dict[str, Any]:
    """The outcome of a call that kept the draft of the small model, with `checks` at hand and `drawn` in the audit."""
    asked: list[tuple[int, int]] = []

    def draw(model: int, reply: Reply, n: int) -> Checks:
        asked.append((model, n))
        assert reply is small
        assert drawn is not None, "nothing was to be drawn"
        return drawn

    route = settle(Ending(Accept(0), "why", models=2), ASKED, policy="p", names=["small", "large"])
    at: Mapping[int, Sequence[Checks]] = {0: checks}
    case = Case(route, ASKED, ["small", "large"], prices, k, {0: small}, at, lambda model: large, draw)
    found = record(case, same, texts=texts)
    Outcome.model_validate({name: value for name, value in found.items() if value is not None})
    assert len(asked) == (drawn is not None)
    return {**found, "asked": asked}


def test_only_the_verdicts_that_are_missing_are_drawn() -> None:
    held, drawn = Checks(Tally(2, 1), Usage(300, 30)), Checks(Tally(0, 1), Usage(100, 12), price=Price(1, 1))
    found = outcome([held], drawn)
    assert found["asked"] == [(0, 1)]
    assert sorted(found["models"][0]["verdicts"]) == [0, 0, 1, 1]
    assert found["audit_cost"] == pytest.approx(PRICES[1].of(Usage(100, 20)) + Price(1, 1).of(Usage(100, 12)))


def test_a_probability_stands_for_all_verdicts() -> None:
    found = outcome([Checks(Tally(probability=0.8), Usage(90, 1))])
    assert found["asked"] == []
    assert found["models"][0]["probability"] == 0.8
    assert "verdicts" not in found["models"][0]
    assert "verdict_cost" not in found["models"][0]


@pytest.mark.parametrize(
    ("checks", "cost"),
    [
        (Checks(Tally(3, 1), Usage(400, 40), model=0), {"each": (400 + 80) / 4 * 1e-6}),
        (Checks(Tally(3, 1), Usage(400, 40), model=0, requests=4), {"each": (400 + 80) / 4 * 1e-6}),
        (Checks(Tally(3, 1), None, model=0), {}),
    ],
)
def test_what_verdicts_cost_is_taken_apart(checks: Checks, cost: dict[str, float]) -> None:
    told = outcome([checks])["models"][0]["verdict_cost"]
    if checks.requests == 1 and checks.usage is not None:  # the prompt was read once, for all four
        cost = {"first": 400e-6, "again": 400e-6, "each": 80e-6 / 4}
    assert told == pytest.approx({"first": 0.0, "again": 0.0, "each": 0.0, "round": 0.0, **cost})


def test_verdicts_of_unknown_cost_are_not_averaged_with_the_others() -> None:
    unknown, known = Checks(Tally(1, 1), None, model=0), Checks(Tally(0, 2), Usage(50, 10), model=0, requests=2)
    assert outcome([unknown, known])["models"][0]["verdict_cost"]["each"] == pytest.approx((50 + 20) / 2 * 1e-6)


def test_without_prices_costs_are_tokens_and_the_audit_s_own_is_unknown() -> None:
    found = outcome([Checks(Tally(4), Usage(400, 40), model=0, requests=4)], prices=None)
    small, large = found["models"]
    assert (small["cost"], large["cost"], found["audit_cost"]) == (110.0, 120.0, None)
    assert small["verdict_cost"]["each"] == 110.0


def test_an_answer_without_usage_leaves_the_audit_s_cost_unknown() -> None:
    found = outcome([Checks(Tally(4), model=0)], large=Reply("Oda"))
    assert found["audit_cost"] is None
    assert found["models"][1]["cost"] == 0.0
    assert "usage" not in found["models"][1]


def test_a_draft_that_can_t_be_kept_is_not_checked_and_says_why() -> None:
    found = outcome(small=Reply("Oda Ver", Usage(100, 10), problem="cut off", signals={"length": 2.0}, seconds=0.5))
    small = found["models"][0]
    assert found["asked"] == []
    assert (small["problem"], small["signals"], small["seconds"]) == ("cut off", {"length": 2.0}, 0.5)
    assert "verdicts" not in small


def test_no_draft_agrees_with_an_empty_reference() -> None:
    found = outcome([Checks(Tally(4))], small=Reply(" "), large=Reply(" "))
    assert [model["score"] for model in found["models"]] == [0.0, 1.0]


def test_texts_stay_out_where_they_are_not_wanted() -> None:
    found = outcome([Checks(Tally(4))], texts=False)
    assert "question" not in found
    assert "context" not in found
    assert found["query_signals"]["question_words"] == 3, "numbers are no texts"
    assert not any("answer" in model for model in found["models"])


def test_verdicts_stand_in_an_order_that_tells_nothing() -> None:
    orders = {tuple(outcome([Checks(Tally(4, 4))], k=8)["models"][0]["verdicts"]) for _ in range(20)}
    assert all(sum(order) == 4 for order in orders)
    assert len(orders) > 1


def test_failed_steps_are_not_at_hand_and_the_answer_is() -> None:
    checks, mute = Checks(Tally(1, 3)), Checks(Tally(failed=4))
    steps = (
        Step("draft", 0, result=SMALL),
        Step("verify", 0, n=4, result=mute),
        Step("verify", 0, n=4, result=checks),
        Step("draft", 1, result=Failure(TimeoutError())),
    )
    ending = Ending(Finish(2), "why", steps, models=3)
    assert at_hand(ending, LARGE) == ({0: SMALL, 2: LARGE}, {0: [checks]})
    assert at_hand(ending, None) == ({0: SMALL}, {0: [checks]})


def test_a_second_draft_takes_the_place_of_the_first_and_of_its_checks() -> None:
    steps = (
        Step("draft", 0, result=LARGE),
        Step("verify", 0, n=4, result=Checks(Tally(4))),
        Step("draft", 0, result=SMALL),
    )
    assert at_hand(Ending(Accept(0), "why", steps, models=2), None) == ({0: SMALL}, {0: []})


class Told:
    """A cascade of two models, as far as an audit asks it."""

    names, prices, k, signals = ("small", "large"), PRICES, 1, ()


@pytest.mark.parametrize("is_data", [False, True])
def test_what_an_audit_checks_and_measures_is_what_a_call_does(is_data: bool) -> None:
    """By the final text; but of an object's field, which is served with all that it holds, all of it."""
    text = '{"who": "<think>unsure</think>Oda"}' if is_data else "<think>unsure</think>Oda"
    shown: list[str] = []

    def perform(effect: Draft | Check | Gauge) -> Checks | Measured:
        assert not isinstance(effect, Draft), "both answers are at hand"
        shown.append(effect.reply.text)
        return Measured(0.5) if isinstance(effect, Gauge) else Checks(Tally(1, 0))

    draft = Reply(text, Usage(100, 10), is_data=is_data)
    ending = Ending(Finish(1), "why", (Step("draft", 0, result=draft),), models=2)
    route = settle(ending, ASKED, policy="p", names=Told.names)
    case = Case.of(route, ASKED, ending, LARGE, Told(), perform, None, measures=["p_correct"])
    found = record(case, same)
    assert shown == [text if is_data else "Oda"] * 2
    assert found["models"][0]["signals"]["p_correct"] == 0.5
