"""One deadline and one budget over a question: what begins, what stands in, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from automix_core.decision import Draft, Finish, Measure, Tally, Verify
from automix_core.errors import ConfigError, CostLimitError, TimeLimitError
from automix_core.policies.threshold import Threshold
from automix_core.routing.effects import Checks, Failure, Measured, Reply, Result
from automix_core.routing.ending import ending_of
from automix_core.routing.limits import Allowance, Limits, Quote, Size
from automix_core.routing.price import Price
from automix_core.routing.step import Step
from automix_core.usage import Usage
from tests.core.flows import CUT, NO, YES, A, B, script, told
from tests.core.timed import play


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ([(A, 5.0)], "draft 0, accept 0"),
        ([(A, 1.0), (YES, 5.0)], "draft 0, verify 0 x4, accept 0"),
        ([(A, 1.0), (NO, 5.0)], "draft 0, verify 0 x4, accept 0"),
    ],
)
def test_the_best_draft_stands_in_when_time_is_up(given: list[tuple[Result, float]], path: str) -> None:
    policy = script(Draft(0), Verify(0, 4), Finish(1)) if given[-1][0] is not YES else Threshold(0.75)
    ending = play(policy, given, Limits(timeout=2))
    assert told(ending) == path
    assert ending.reply is A
    assert (ending.fallback, ending.errors) == ((False, ()) if given[-1][0] is YES else (True, ("TimeLimitError",)))


def test_a_draft_that_can_not_be_kept_never_stands_in() -> None:
    with pytest.raises(TimeLimitError, match="timeout=2 seconds") as caught:
        play(script(Draft(0)), [(CUT, 5.0)], Limits(timeout=2))
    books = ending_of(caught.value)
    assert books is not None
    assert (told(books).split(", ")[0], books.errors, books.fallback) == ("draft 0", ("TimeLimitError",), True)
    assert ending_of(caught.value) is None, "they are taken off once"


def test_the_error_may_be_wanted_instead() -> None:
    with pytest.raises(TimeLimitError):
        play(script(Draft(0), Verify(0, 4)), [(A, 5.0)], Limits(timeout=2, when_out="raise"))


def test_of_several_drafts_the_most_confident_stands_in() -> None:
    policy = script(Draft(0), Verify(0, 4), Draft(1), Verify(1, 4), Finish(2))
    given: list[tuple[Result, float]] = [(A, 0), (Checks(Tally(3, 1)), 0), (B, 0), (Checks(Tally(1, 3)), 9)]
    assert play(policy, given, Limits(timeout=2), models=3).reply is A
    policy.seen.clear()
    given[1] = (Checks(Tally(0, 4)), 0)
    assert play(policy, given, Limits(timeout=2), models=3).reply is B


PRICES = [Price(1, 1), Price(100, 100)]


def test_no_step_begins_that_costs_more_than_is_left() -> None:
    """A draft of 110 tokens costs 110 USD a million; an answer like it by the large model 11,000."""
    draft = Reply("a", Usage(100, 10))
    check = Checks(Tally(1, 3), Usage(400, 80), model=0)
    steps: list[tuple[Result, float]] = [(draft, 0), (check, 0)]
    policy = script(Draft(0), Verify(0, 4), Finish(1))
    size = Size(prompt=100, check=100, together=True)
    assert told(play(policy, steps, Limits(max_cost=0.0116), prices=PRICES, size=size)).endswith("finish 1")
    policy.seen.clear()
    ending = play(policy, steps, Limits(max_cost=0.0115), prices=PRICES, size=size)
    assert told(ending) == "draft 0, verify 0 x4, accept 0"
    assert ending.errors == ("CostLimitError",)
    assert "max_cost=0.0115 USD" in ending.reason
    policy.seen.clear()
    ending = play(policy, steps[:1], Limits(max_cost=0.0004), prices=PRICES, size=size)
    assert told(ending) == "draft 0, accept 0", "not even the checks had room"
    policy.seen.clear()
    with pytest.raises(CostLimitError):
        play(policy, [], Limits(max_cost=0.0001), prices=PRICES, size=size)


def test_a_step_without_usage_is_taken_for_what_it_was_thought_to_cost() -> None:
    size = Size(prompt=1000, check=1000)
    steps: list[tuple[Result, float]] = [(Reply("a"), 0)]
    ending = play(script(Draft(0), Finish(1)), steps, Limits(max_cost=0.1262), prices=PRICES, size=size)
    assert told(ending) == "draft 0, accept 0"
    ending = play(script(Draft(0), Finish(1)), steps, Limits(max_cost=0.127), prices=PRICES, size=size)
    assert told(ending) == "draft 0, finish 1"


@pytest.mark.parametrize(("together", "cost"), [(True, 440.0), (False, 240.0)])
def test_more_checks_are_thought_to_cost_what_the_first_did(together: bool, cost: float) -> None:
    """Four checks read 400 tokens and wrote 80: two more read half of it, or all of it where one prompt serves all."""
    steps = (
        Step("draft", 0, result=Reply("a", Usage(0, 0))),
        Step("verify", 0, n=4, result=Checks(Tally(1, 3), Usage(400, 80), model=0)),
        Step("verify", 0, n=4, result=Checks(Tally(failed=4), model=0)),
        Step("accept", 0),
    )
    spent = (400 + 80) * 1e-6
    size = Size(check=10_000, together=together)
    for allowed, over in [(cost * 1.01, False), (cost * 0.99, True)]:
        limits = Limits(max_cost=spent + spent + allowed * 1e-6)
        allowance = Allowance.of(limits, [Price(1, 1)] * 2, size=size)
        assert (allowance.exceeded_by(Verify(0, 2), steps) is not None) is over


@pytest.mark.parametrize(
    ("quote", "before", "cost"),
    [
        (Quote(), [], 0.0),
        (Quote(Usage(300, 8), Price(1, 1)), [], 308.0),
        (Quote(Usage(300, 8), Price(2, 1)), [Measured(1.0, Usage(40, 1), price=Price(1, 1))], 41 + 81.0),
        (Quote(Usage(300, 8), Price(1, 1)), [Measured(None)], 308.0 * 2),
        (Quote(Usage(300, 8), Price(1, 1)), [Failure(ValueError("no"))], 308.0),
        (Quote(Usage(300, 8), Price(1, 1)), [Failure(ValueError("no"), left=True)], 308.0 * 2),
        (Quote.of_drafts(2, 500, Price(1, 1), together=True), [], 100.0 + 2 * 10),
        (Quote.of_drafts(2, 500, Price(1, 1), together=False), [], 2 * 110.0),
    ],
)
def test_a_paid_signal_is_thought_to_cost_what_is_known_of_it(quote: Quote, before: list[Result], cost: float) -> None:
    """The draft cost nothing; a signal `before` that told no tokens is taken for what it was thought to cost."""
    steps = [Step("draft", 0, result=Reply("a", Usage(100, 10)))]
    steps += [Step("measure", 0, name="mine", result=one) for one in before if isinstance(one, Measured | Failure)]
    for part, over in [(1.01, False), (0.99, True)]:
        limits = Limits(max_cost=cost * part * 1e-6 + 1e-12)
        allowance = Allowance.of(limits, [Price(0, 0), Price(0, 0)], quotes={"mine": [quote] * 2})
        assert (allowance.exceeded_by(Measure(0, "mine"), steps) is not None) is (over and cost > 0)


def test_before_any_draft_is_known_more_of_them_are_thought_to_be_as_long_as_any() -> None:
    assert Quote.of_drafts(2, 500, None, together=True).usage == Usage(500, 512)
    assert Quote.of_drafts(2, 500, None, together=False).like(None) == Usage(1000, 512)


@pytest.mark.parametrize(
    ("size", "usage"),
    [
        (Size(check=100), Usage(800, 512)),
        (Size(check=100, together=True), Usage(100, 512)),
        (Size(check=100, word=True), Usage(100, 8)),
    ],
)
def test_eight_checks_are_thought_to_take_as_many_requests_as_they_need(size: Size, usage: Usage) -> None:
    assert size.of_checks(8) == usage


def test_a_measurement_is_thought_to_cost_one_check_of_its_model() -> None:
    size = Size(prompt=9_999, check=100)
    draft = (Step("draft", 0, result=Reply("a", Usage(0, 0))),)
    for most, over in [(0.000170, False), (0.000160, True)]:  # 100 tokens read and 64 written, at 1 USD a million
        allowance = Allowance.of(Limits(max_cost=most), PRICES, checker_prices=[Price(1, 1)] * 2, size=size)
        assert (allowance.exceeded_by(Measure(0, "p_correct"), draft) is not None) is over


def test_a_free_model_has_room_in_any_budget() -> None:
    allowance = Allowance.of(Limits(max_cost=1e-9), [Price(0, 0), None], size=Size(prompt=10_000, check=10_000))
    assert allowance.exceeded_by(Draft(0), ()) is None
    assert allowance.exceeded_by(Verify(0, 8), ()) is None
    assert allowance.exceeded_by(Finish(1), ()) is None, "what has no price is not counted"


def test_the_last_model_may_fail_where_a_draft_is_in_hand() -> None:
    late = TimeoutError("late")
    limits = Limits(on_last_failure="draft")
    ending = play(script(Draft(0), Verify(0, 4), Finish(1)), [(A, 0), (NO, 0)], limits)
    stood_in = ending.after(late)
    assert (stood_in.reply, stood_in.errors, stood_in.fallback) == (A, ("TimeoutError",), True)
    assert [step.do for step in stood_in.steps] == ["draft", "verify", "finish", "accept"]
    with pytest.raises(TimeoutError):
        play(script(Draft(0), Finish(1)), [(CUT, 0)], limits).after(late)


def test_values_that_can_not_work_are_said_with_what_to_write() -> None:
    for name in ("timeout", "max_cost"):
        wrongs: list[Any] = [0, -1, float("nan"), float("inf"), "2", True]
        for wrong in wrongs:
            with pytest.raises(ConfigError, match=f"{name} must be a number of .* above 0, or None"):
                Limits(timeout=wrong) if name == "timeout" else Limits(max_cost=wrong)
    with pytest.raises(ConfigError, match='when_out must be "draft" or "raise", not \'later\''):
        Limits(when_out="later")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match='on_last_failure must be "raise" or "draft"'):
        Limits(on_last_failure="next")  # type: ignore[arg-type]
    for prices in (None, [], [Price(1, 1), None]):
        with pytest.raises(ConfigError, match=r"max_cost needs the price of every model.*prices=\[Price\("):
            Limits(max_cost=1).check_prices(prices)
    Limits(max_cost=1).check_prices(PRICES)
    Limits().check_prices(None)


# Drivers: what takes too long is left, or cancelled.
