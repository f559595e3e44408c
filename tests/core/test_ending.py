"""How calls end where a step is refused, fails or is left behind, and what counts on the way."""

from __future__ import annotations

import asyncio
import logging
import math
from functools import partial
from typing import Any

import pytest

from automix_core.checking.concurrent import agather, gather
from automix_core.checking.sampling import Drawn, Sample, Terms
from automix_core.checking.token_verdict import CONTEXT, read_word
from automix_core.decision import Accept, Draft, Finish, Measure, State, Tally, Verify
from automix_core.errors import CostLimitError, TimeLimitError
from automix_core.evidence import Token
from automix_core.routing.counting import after, counted, weighed
from automix_core.routing.drivers import run
from automix_core.routing.effects import Checks, Decide, Failure, Measured, Reply, Result
from automix_core.routing.ending import Ending
from automix_core.routing.limits import Allowance, Limits, Size
from automix_core.routing.price import Price
from automix_core.routing.procedure import route
from automix_core.routing.step import Step
from automix_core.usage import Usage
from tests.core.flows import A, B, script

LEFT = Failure(TimeLimitError("The time is up."), left=True)


def play(policy: Any, *given: Result, models: int = 3, limits: Limits | None = None) -> Ending:
    """Drive the procedure by hand, with a signal to measure."""
    left = list(given)

    def perform(effect: Any) -> Result:
        return policy.decide(effect.state) if isinstance(effect, Decide) else left.pop(0)

    flow = route(State.start(models, 4, purchasable=["p"]), allowance=Allowance.of(limits or Limits()))
    ending = run(flow, perform)
    assert left == []
    return ending


@pytest.mark.parametrize(
    ("action", "do"), [(Draft(1), "draft"), (Verify(0, 2), "verify"), (Measure(0, "p"), "measure")]
)
def test_the_draft_in_hand_stands_in_for_a_step_that_time_cut_off(action: Any, do: str) -> None:
    ending = play(script(Draft(0), action), A, LEFT)
    assert (ending.action, ending.fallback, ending.errors) == (Accept(0), True, ("TimeLimitError",))
    assert [step.do for step in ending.steps] == ["draft", do, "accept"]


def test_a_last_model_that_fails_to_draft_gives_way_to_the_draft_in_hand_if_it_may() -> None:
    broken = Failure(ValueError("sk-secret"))
    policy = script(Draft(0), Draft(1))
    ending = play(policy, A, broken, models=2, limits=Limits(on_last_failure="draft"))
    assert (ending.action, ending.fallback, ending.errors) == (Accept(0), True, ("ValueError",))
    assert ending.reason == "Model 1 failed to answer (ValueError); the draft of model 0 stands in."
    with pytest.raises(ValueError, match="sk-secret"):
        play(script(Draft(0), Draft(1)), A, broken, models=2)


def test_checks_that_were_cut_off_are_said_in_the_reason() -> None:
    ending = play(script(Draft(0), Verify(0, 4), Finish(2)), A, Checks(Tally(1, 0, 3), cut=2))
    assert ending.reason == "line 3 2 of 4 checks were cut off before they gave a verdict."


def test_a_measured_signal_stands_in_its_step_and_a_failed_one_has_no_value() -> None:
    steps = [Step("measure", 0, result=result, name="p") for result in (Measured(1.5), Failure(TimeoutError()))]
    assert [(plain["name"], plain["value"]) for plain in (step.to_dict() for step in steps)] == [
        ("p", 1.5),
        ("p", None),
    ]


def test_an_ending_knows_its_first_and_its_last_draft() -> None:
    first = Reply("a", signals={"length": 1.0})
    steps = (Step("draft", 0, result=first), Step("draft", 1, result=Failure(TimeoutError())), Step("accept", 0))
    ending = Ending(Accept(0), "", steps=steps)
    assert (ending.first_signals, ending.last_draft) == ({"length": 1.0}, first)
    later = Ending(Accept(1), "", steps=(*steps, Step("draft", 1, result=B)))
    assert (later.first_signals, later.last_draft) == ({"length": 1.0}, B)
    assert (Ending(Finish(1), "").first_signals, Ending(Finish(1), "").last_draft) == ({}, None)


# --- money


def allowance(most: float, **size: Any) -> Allowance:
    return Allowance.of(Limits(max_cost=most), [Price(1, 1), Price(1, 1)], size=Size(**size))


def test_checks_are_taken_to_cost_what_those_before_them_did() -> None:
    """100 tokens read and 20 written a check; four more take 480 millionths of a dollar."""
    steps = [Step("draft", 0, result=Reply("a", Usage(0, 0))), Step("accept", 0)]
    steps += [Step("verify", 0, 2, Checks(Tally(2), Usage(200, 40), model=0))]
    fits, not_quite = allowance(0.000721), allowance(0.000719)
    assert fits.exceeded_by(Verify(0, 4), steps) is None
    assert isinstance(not_quite.exceeded_by(Verify(0, 4), steps), CostLimitError)


def test_checks_that_share_a_request_read_the_prompt_once() -> None:
    steps = [Step("verify", 0, 2, Checks(Tally(2), Usage(200, 40), model=0))]
    assert allowance(0.000521, together=True).exceeded_by(Verify(0, 4), steps) is None
    assert allowance(0.000519, together=True).exceeded_by(Verify(0, 4), steps) is not None


def test_measuring_is_taken_to_cost_about_one_check() -> None:
    assert allowance(0.000165, check=100).exceeded_by(Measure(0, "p"), []) is None
    assert allowance(0.000163, check=100).exceeded_by(Measure(0, "p"), []) is not None


# --- counting


YES = "Verification Decision: The AI generated answer is Correct."


def test_replies_are_counted_and_those_cut_off_without_a_verdict_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    sample = Sample((Drawn(YES), Drawn("Let me see", "length"), Drawn(YES, "length")), (TimeoutError(),), requests=3)
    verdicts, checks = counted(sample, Terms(model="small"))
    assert verdicts == [True, None, True]
    assert (checks.tally, checks.cut) == (Tally(2, 0, 1, 1), 1)
    assert "1 of 3 checks by small were cut off" in caplog.text


def test_nothing_is_said_of_checks_that_were_not_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "automix"):
        counted(Sample((Drawn(YES), Drawn("Who knows?"))), Terms())
    assert caplog.text == ""


@pytest.mark.parametrize("read", [lambda sample: counted(sample, Terms()), lambda sample: weighed(sample, ())])
def test_the_first_error_is_raised_where_no_check_worked(read: Any) -> None:
    with pytest.raises(TimeoutError, match="first"):
        read(Sample(errors=(TimeoutError("first"), ValueError("second"))))


def test_a_check_in_one_word_has_the_probability_of_its_token() -> None:
    sample = Sample((Drawn("Correct"),), usage=Usage(50, 1), requests=1)
    sure = weighed(sample, [Token("Correct", -0.01, {"Correct": -0.01, "Incorrect": -5.0})], price=Price(1, 1))
    assert sure.tally.probability is not None
    assert sure.tally.probability > 0.98
    assert (sure.usage, sure.price, sure.requests) == (Usage(50, 1), Price(1, 1), 1)
    unreadable = [[Token("Perhaps", -0.1)], [Token("...", -0.1)]]
    assert [weighed(sample, tokens).tally for tokens in unreadable] == [Tally(unreadable=1)] * 2
    assert weighed(sample, ()).tally == Tally()


def test_of_a_context_yes_is_the_good_word() -> None:
    sample = Sample((Drawn("Yes"),), usage=Usage(50, 1), requests=1)
    table = {"Yes": -0.7, "No": -1.1, "Correct": -3.0}
    found = weighed(sample, [Token("Yes", -0.7, table)], words=CONTEXT.words)
    assert found.tally.probability == pytest.approx(1 / (1 + math.exp(-0.4)))
    assert [read_word(text, CONTEXT.words) for text in ("Yes.", "no", "Correct", "N")] == [True, False, None, None]
    verdicts, checks = counted(
        Sample((Drawn("Yes"), Drawn("no"))), Terms(), read=partial(read_word, words=CONTEXT.words)
    )
    assert (verdicts, checks.tally) == ([True, False], Tally(1, 1))


def test_a_check_after_one_that_told_nothing_is_paid_with_it() -> None:
    both = after(Checks(Tally(), Usage(1, 2), truncated=True), Checks(Tally(3), Usage(10, 20), requests=3))
    assert (both.tally, both.usage, both.requests, both.truncated) == (Tally(3), Usage(11, 22), 4, True)
    assert after(Checks(Tally()), Checks(Tally(1), Usage(1, 1))).usage is None


# --- several at once


async def test_one_call_is_made_where_it_is_and_its_error_is_its_result() -> None:
    async def fine() -> int:
        return 1

    async def broken() -> int:
        raise ValueError("no")

    assert gather([lambda: 1], 4) == await agather([fine], 4) == [1]
    found = [*gather([lambda: 1 // 0], 4), *await agather([broken], 4), *await agather([fine, broken], 1)]
    assert [type(result) for result in found] == [ZeroDivisionError, ValueError, int, ValueError]


def test_an_interruption_of_one_call_passes() -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gather([lambda: 1, interrupted, lambda: 2], 1)


async def test_a_gathering_that_is_cancelled_waits_for_what_it_began() -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("slow")

    task = asyncio.create_task(agather([slow, slow, slow], 2))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["slow", "slow"], "the third had not begun"
