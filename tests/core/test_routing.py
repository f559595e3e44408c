"""The routing procedure, driven by hand: every action, every hand-over, and what a policy may not do."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from automix_core.decision import Accept, Draft, Finish, Policy, State, Tally, Verify
from automix_core.errors import PolicyError
from automix_core.policies.always import Always
from automix_core.policies.threshold import Threshold
from automix_core.routing.drivers import run
from automix_core.routing.effects import Check, Checks, Decide, Effect, Failure, Reply, Result
from automix_core.routing.ending import Ending
from automix_core.routing.procedure import bypass, route
from tests.core.flows import BAD, CUT, EMPTY, FILTERED, LATE, MUTE, NO, PATHS, YES, A, B, Script, play, script, told


@pytest.mark.parametrize(("path", "policy", "given", "models"), PATHS)
def test_paths(path: str, policy: Policy, given: tuple[Result, ...], models: int) -> None:
    if isinstance(policy, Script):
        policy.seen.clear()
    ending, effects = play(policy, *given, models=models)
    assert told(ending) == path
    assert [type(effect) for effect in effects] == [Draft if "draft" in s else Check for s in path.split(", ")[:-1]]
    if isinstance(policy, Script):
        assert len(policy.seen) == len(policy.actions), "the policy was asked as often as it had something to say"
    if isinstance(ending.action, Accept):
        kept = [step.result for step in ending.steps if step.do == "draft" and step.model == ending.action.model]
        assert ending.reply is kept[-1]
    else:
        assert ending.reply is None


def test_the_policy_sees_the_history_and_nothing_else() -> None:
    policy = script(Draft(0), Verify(0, 1), Verify(0, 2), Draft(1), Accept(0))
    flow = route(State.start(3, (4, 2, 0), coin=0.25))
    sent: list[Result] = [A, Checks(Tally(0, 1)), Checks(Tally(1, 0, 1)), B]
    run(flow, lambda effect: policy.decide(effect.state) if isinstance(effect, Decide) else sent.pop(0))
    none = Tally()
    first, both = (True, False, False), (True, True, False)
    assert policy.seen == [
        State((False,) * 3, (none,) * 3, (4, 2, 0), 0.25),
        State(first, (none,) * 3, (4, 2, 0), 0.25),
        State(first, (Tally(0, 1), none, none), (3, 2, 0), 0.25),
        State(first, (Tally(1, 1, 1), none, none), (1, 2, 0), 0.25),
        State(both, (Tally(1, 1, 1), none, none), (1, 2, 0), 0.25),
    ]


@pytest.mark.parametrize(
    ("checks", "left"),
    [
        (Checks(Tally(1, 1)), 6),
        (Checks(Tally(1, 0, 1)), 6),
        (Checks(Tally(1, failed=1), errors=(LATE,)), 6),
        (Checks(Tally(1)), 0),  # fewer than asked for: there are no more
        (Checks(Tally()), 0),
        (Checks(Tally(probability=0.5)), 0),
    ],
)
def test_how_many_verdicts_are_left(checks: Checks, left: int) -> None:
    policy = script(Draft(0), Verify(0, 2), Finish(1))
    play(policy, A, checks, k=8)
    assert policy.seen[-1].available == (left, 8)


def test_the_check_gets_the_final_text_of_the_draft() -> None:
    said = Reply("<think>\nVerrin? Or Tarn?\n</think>\n\nOda Verrin.", native=object())
    ending, effects = play(Threshold(0.75), said, YES)
    check = effects[1]
    assert isinstance(check, Check)
    assert check.reply.text == "Oda Verrin."
    assert check.reply.native is said.native
    assert ending.reply is said, "the answer itself is not touched"


def test_a_draft_that_passes_ends_the_call_unjudged() -> None:
    ending, _ = play(script(Draft(0)), Reply("", passes="It calls a tool."))
    assert (told(ending), ending.bypass, ending.reason) == ("draft 0, accept 0", True, "It calls a tool.")


def test_a_second_draft_replaces_a_rejected_one() -> None:
    again = Reply("better")
    policy = script(Draft(0), Verify(0, 2), Accept(0), Draft(0), Accept(0))
    ending, _ = play(policy, A, Checks(Tally(unreadable=2)), B, again, models=3)
    assert policy.seen[-1].tallies[0] == Tally(), "what was said of the first draft is not about the second"
    assert ending.reply is again
    assert told(ending) == "draft 0, verify 0 x2, draft 1, draft 0, accept 0"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((EMPTY,), "model 0 is empty: rejected unverified"),
        ((CUT,), "model 0 is cut off: rejected unverified"),
        ((FILTERED,), "model 0 is filtered: rejected unverified"),
        ((Failure(LATE),), "Model 0 failed to draft (TimeoutError)"),
        ((A, Failure(LATE)), "No check of model 0's draft worked"),
        ((A, MUTE), "no verdict could be read"),
    ],
)
def test_reasons(given: tuple[Result, ...], words: str) -> None:
    ending, _ = play(Threshold(0.75), *given)
    assert words in ending.reason


def test_the_confidence_is_that_of_the_last_verified_draft() -> None:
    ending, _ = play(script(Draft(0), Verify(0, 4), Draft(1), Accept(1)), A, NO, B, models=3)
    assert ending.tally == Tally(1, 3)
    ending, _ = play(script(Draft(0), Verify(0, 2), Verify(0, 2), Finish(1)), A, Checks(Tally(2)), Checks(Tally(0, 2)))
    assert ending.tally == Tally(2, 2)


def test_failures_are_named_and_logged_without_their_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "automix"):
        ending, _ = play(Threshold(0.75), Failure(LATE), B, Checks(Tally(1, failed=3), errors=(BAD,) * 3), models=3)
    assert ending.errors == ("TimeoutError", "ValueError", "ValueError", "ValueError")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 4
    assert "TimeoutError" in caplog.text
    assert "sk-secret" not in caplog.text
    assert logging.getLogger("automix").handlers == []


@pytest.mark.parametrize(
    "given",
    [(Failure(LATE),), (A, Failure(LATE)), (A, Checks(Tally(3, failed=1), errors=(LATE,)))],
)
def test_the_first_error_of_any_step_may_be_raised(given: tuple[Result, ...]) -> None:
    with pytest.raises(TimeoutError):
        play(Threshold(0.75), *given, raising=True)


def test_the_last_models_error_is_raised_as_it_is() -> None:
    with pytest.raises(TimeoutError) as caught:
        play(script(Draft(0), Draft(1)), A, Failure(LATE))
    assert caught.value is LATE
    with pytest.raises(RuntimeError) as stopped:
        play(script(Draft(1)), Failure(StopIteration("over")))
    assert isinstance(stopped.value.__cause__, StopIteration), "no generator can raise it as it is"


IMPOSSIBLE: list[tuple[tuple[Any, ...], str]] = [
    ((Draft(2),), "0 to 1"),
    ((Draft(-1),), "0 to 1"),
    ((Finish(2),), "0 to 1"),
    ((Draft(0.5),), "0 to 1"),  # type: ignore[arg-type]
    ((Draft("0"),), "0 to 1"),  # type: ignore[arg-type]
    ((Accept(0),), "draft first"),
    ((Verify(0, 1),), "draft first"),
    ((Draft(0), Draft(0)), "accept it or go on"),
    ((Draft(0), Accept(1)), "draft first"),
    ((Draft(0), Verify(0, 0)), "4 verdicts are available"),
    ((Draft(0), Verify(0, -1)), "4 verdicts are available"),
    ((Draft(0), Verify(0, 5)), "4 verdicts are available"),
    ((Draft(0), Verify(0, 1.5)), "4 verdicts are available"),  # type: ignore[arg-type]
    (("accept",), "Draft, Verify, Measure, Accept or Finish"),
    ((None,), "Draft, Verify, Measure, Accept or Finish"),
]


@pytest.mark.parametrize(("actions", "words"), IMPOSSIBLE)
def test_an_impossible_decision_is_the_policys_error(actions: tuple[Any, ...], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        play(script(*actions), *([A] if len(actions) > 1 else []))


def test_no_decision_at_all_is_the_policys_error() -> None:
    class Silent:
        def decide(self, state: State) -> Any:
            return None

    with pytest.raises(PolicyError, match="return a Decision"):
        play(Silent())


def test_whole_numbers_of_any_library_will_do() -> None:
    numpy = pytest.importorskip("numpy")
    policy = script(Draft(numpy.int64(0)), Verify(numpy.int64(0), numpy.int64(4)), Accept(numpy.int64(0)))
    ending, _ = play(policy, A, YES)
    assert told(ending) == "draft 0, verify 0 x4, accept 0"
    numbers = [
        ending.action.model,
        *(step.model for step in ending.steps),
        *(step.n for step in ending.steps if step.n),
    ]
    assert {type(number) for number in numbers} == {int}, "plain ones, which JSON can write"


def test_a_policy_that_breaks_breaks_the_call() -> None:
    def perform(effect: Effect) -> Result:
        raise ZeroDivisionError

    with pytest.raises(PolicyError, match="The policy failed with ZeroDivisionError") as caught:
        run(route(State.start(2, 4)), perform)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_policys_own_refusal_passes_as_it_is() -> None:
    with pytest.raises(PolicyError, match="made for 3 models"):
        run(route(State.start(2, 4)), lambda effect: Failure(PolicyError("made for 3 models")))


# The finishing call, which belongs to the caller


def test_bypass_asks_nobody() -> None:
    assert run(bypass(1, 2, "why not"), lambda effect: pytest.fail("no effect")) == Ending(
        Finish(1), "why not", bypass=True, models=2
    )


def test_a_finishing_model_that_fails_hands_over() -> None:
    ending, _ = play(Always(0), models=3)
    second = ending.after(LATE)
    third = second.after(BAD)
    assert (third.action, third.errors) == (Finish(2), ("TimeoutError", "ValueError"))
    with pytest.raises(ValueError, match="is bad"):
        third.after(BAD)
    ending, _ = play(Always(0), models=3, raising=True)
    with pytest.raises(TimeoutError):
        ending.after(LATE)
