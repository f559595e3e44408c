"""Threshold and Band, against the rule written out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.decision import Accept, Action, Draft, Finish, State, Tally
from automix_core.policies.threshold import Band, Threshold, said

TALLIES = [Tally(c, i, 8 - c - i) for c in range(9) for i in range(9 - c)]
unit = st.floats(0, 1)


def after(tally: Tally, models: int = 2, model: int = 0) -> State:
    """The drafts up to `model` are held; the last of them was checked."""
    held = tuple(m <= model for m in range(models))
    return State(held, tuple(tally if m == model else Tally() for m in range(models)), (0,) * models)


def keeps(tally: Tally, low: float, high: float) -> bool:
    readable = tally.correct + tally.incorrect
    return readable > 0 and not low <= tally.correct / readable < high


@given(unit)
def test_a_threshold_is_kept_at_and_above(threshold: float) -> None:
    for tally in TALLIES:
        action = Threshold(threshold).decide(after(tally)).action
        assert action == (Accept(0) if keeps(tally, 0, threshold) else Finish(1))


@given(unit, unit)
def test_a_band_escalates_inside(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for tally in TALLIES:
        action = Band(low, high).decide(after(tally)).action
        assert action == (Accept(0) if keeps(tally, low, high) else Finish(1))


@pytest.mark.parametrize(("model", "onward"), [(0, Draft(1)), (1, Draft(2)), (2, Finish(3)), (3, Finish(3))])
def test_one_model_at_a_time(model: int, onward: Action) -> None:
    for policy in (Threshold(0.75), Band(0.1, 0.75)):
        assert policy.decide(after(Tally(4, 4), 4, model)).action == onward
        assert policy.decide(after(Tally(8, 0), 4, model)).action == Accept(model)


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally(6, 2), "6 of 8 readable verdicts say correct"),
        (Tally(1, 0, 7), "1 of 1 readable verdicts say correct"),
        (Tally(unreadable=8), "no verdict could be read"),
        (Tally(failed=8), "no verdict could be read"),
        (Tally(), "no verdict was drawn"),
        (Tally(probability=0.25), "confidence 0.25"),
    ],
)
def test_reasons_say_what_was_seen(tally: Tally, words: str) -> None:
    assert said(after(tally), 0) == words
    for policy in (Threshold(0.75), Band(0.1, 0.75)):
        assert words in policy.decide(after(tally)).reason


def test_names_in_records() -> None:
    assert (repr(Threshold()), repr(Band(0.25, 0.9))) == ("Threshold(0.75)", "Band(0.25, 0.9)")
