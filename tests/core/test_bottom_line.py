"""The bottom line: use it, don't, or not shown yet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.evaluation.bottom_line import BottomLine, Compared, bottom_line
from automix_core.evaluation.intervals import Interval

NOTHING = Interval(0, 0, 0)


def against_last(score: tuple[float, float, float], saving: tuple[float, float, float]) -> Compared:
    mean, low, high = saving
    return Compared("large", Interval(*score), Interval(-10 * mean, -10 * high, -10 * low), 10.0)


def advised(
    score: tuple[float, float, float],
    saving: tuple[float, float, float],
    first: tuple[tuple[float, float, float], tuple[float, float, float]] = ((0.2, 0.1, 0.3), (3.0, 2.0, 4.0)),
    *,
    margin: float = 0.02,
    in_sample: bool = False,
) -> BottomLine:
    small = Compared("small", Interval(*first[0]), Interval(*first[1]), 1.0)
    return bottom_line(small, against_last(score, saving), 60, margin=margin, in_sample=in_sample)


def test_cheaper_for_sure_and_as_good_for_sure_is_used() -> None:
    found = advised((0.01, -0.015, 0.03), (0.33, 0.21, 0.47))
    assert found == BottomLine(
        "use",
        "Use it: 33 % (21 to 47 %) cheaper than always large, its score +0.010 (-0.015 to +0.030) on 60 questions; "
        "a loss of 0.02 counts as none.",
    )


def test_in_sample_is_said_first() -> None:
    found = advised((0.01, -0.015, 0.03), (0.33, 0.21, 0.47), in_sample=True)
    assert found.sentence.startswith("In sample, so expect less of it on new questions. Use it: ")


def test_dearer_for_sure_is_not_used() -> None:
    assert advised((0.0, -0.01, 0.01), (-0.08, -0.12, -0.03)).sentence == (
        "Don't: it costs 8 % (3 to 12 %) more than always large on 60 questions."
    )
    better = advised((0.04, 0.01, 0.07), (-0.08, -0.12, -0.03))
    assert better.advice == "don't"
    assert better.sentence.endswith("though its score is +0.040 (+0.010 to +0.070).")


def test_worse_for_sure_is_not_used() -> None:
    found = advised((-0.06, -0.09, -0.03), (0.5, 0.4, 0.6))
    assert found.sentence == (
        "Don't: its score is -0.060 (-0.090 to -0.030) against always large on 60 questions; 0.02 was allowed."
    )
    assert advised((-0.06, -0.09, -0.03), (0.5, 0.4, 0.6), margin=0.1).advice == "use"


def test_a_cheapest_model_that_is_as_good_alone_is_preferred() -> None:
    found = advised((0.0, -0.01, 0.01), (0.3, 0.2, 0.4), first=((0.0, -0.01, 0.01), (1.0, 0.5, 1.5)))
    assert found.advice == "don't"
    assert found.sentence.startswith("Don't: small alone is as good and costs 50 % less;")


def test_a_policy_that_is_a_single_model_is_no_cascade() -> None:
    assert advised((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)).sentence == (
        "Don't: it is always large on 60 questions; it keeps no draft, so it saves nothing."
    )
    found = advised((-0.2, -0.3, -0.1), (0.9, 0.9, 0.9), first=((0, 0, 0), (0, 0, 0)))
    assert found.sentence.startswith("Don't: the policy is small alone, so use that without a cascade;")


def test_a_free_largest_model_leaves_nothing_to_save() -> None:
    free = Compared("large", NOTHING, NOTHING, 0.0)
    assert bottom_line(Compared("small", NOTHING, Interval(1, 1, 1), 0.0), free, 60).advice == "don't"


def test_what_is_not_shown_says_how_many_more_questions() -> None:
    found = advised((0.01, -0.05, 0.07), (0.12, -0.03, 0.27))
    assert (found.advice, found.more) == ("not shown", 180)  # 60 * (0.06 / 0.03) ** 2 - 60; the saving needs 34
    assert "Not shown yet: 12 % (-3 to 27 %) cheaper than always large" in found.sentence
    assert "About 180 more questions would show it" in found.sentence


@pytest.mark.parametrize(
    ("score", "saving"), [((-0.05, -0.12, 0.02), (0.3, 0.2, 0.4)), ((0.0, -0.01, 0.01), (-0.05, -0.2, 0.1))]
)
def test_figures_that_point_elsewhere_promise_nothing(
    score: tuple[float, float, float], saving: tuple[float, float, float]
) -> None:
    found = advised(score, saving)
    assert (found.advice, found.more) == ("not shown", None)
    assert found.sentence.startswith("Not shown, and nothing points to it: ")
    assert ("more expensive" in found.sentence) == (saving[0] < 0)


def test_a_number_of_questions_that_nobody_could_ask_is_not_said() -> None:
    assert advised((-0.0199999, -0.5, 0.5), (0.3, 0.2, 0.4)).more is None


_near = st.floats(-1, 1)


@given(st.tuples(_near, _near, _near), st.tuples(_near, _near, _near), st.floats(0, 0.2))
def test_use_it_is_said_of_nothing_else(
    score: tuple[float, float, float], saving: tuple[float, float, float], margin: float
) -> None:
    low, mean, high = sorted(score)
    least, middle, most = sorted(saving)
    found = advised((mean, low, high), (middle, least, most), margin=margin)
    if found.advice == "use":
        assert least > 0
        assert low >= -margin
    if found.more is not None:
        assert found.more > 0
