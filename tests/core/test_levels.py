"""Counts by value: the same AUROC and quantiles as of the numbers themselves, in fixed memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.evaluation.discrimination import auroc
from automix_core.evaluation.intervals import Moments, resampled_means
from automix_core.evaluation.levels import Levels

NUMBERS = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60)


@given(NUMBERS, st.integers(1, 20))
def test_counts_say_what_the_numbers_say(numbers: list[tuple[int, bool]], step: int) -> None:
    values, good = np.array([v / 7 for v, _ in numbers]), np.array([g for _, g in numbers])
    levels = Levels()
    for start in range(0, len(values), step):
        levels.add(values[start : start + step], good[start : start + step])
    assert len(levels) == len(values)
    assert levels.error == 0
    assert levels.auroc() == pytest.approx(auroc(values, good))
    assert levels.auroc(-1) == pytest.approx(auroc(-values, good))
    shares = np.linspace(0, 1, 9)
    np.testing.assert_array_equal(levels.quantiles(shares), np.quantile(values, shares))


def test_too_many_values_are_counted_in_bins_and_the_error_is_bounded() -> None:
    rng = np.random.default_rng(0)
    good = rng.random(20_000) < 0.6
    values = rng.standard_normal(20_000) + good
    levels = Levels(most=512)
    for start in range(0, 20_000, 3000):
        levels.add(values[start : start + 3000], good[start : start + 3000])
    assert len(levels.values) <= 512
    assert len(levels) == 20_000
    assert 0 < levels.error < 0.005
    exact = auroc(values, good)
    assert exact is not None
    assert levels.auroc() == pytest.approx(exact, abs=levels.error)


def test_an_interval_is_as_wide_as_a_bootstrap_makes_it() -> None:
    rng = np.random.default_rng(1)
    good = rng.random(2000) < 0.5
    values = np.asarray(np.round(rng.standard_normal(2000) + 0.5 * good, 1), dtype=np.float64)
    levels = Levels()
    levels.add(values, good)
    drawn = []
    for _ in range(400):
        some = rng.integers(2000, size=2000)
        drawn.append(auroc(values[some], good[some]))
    low, high = np.percentile(np.array(drawn, dtype=float), [2.5, 97.5])
    found = levels.interval()
    assert found is not None
    assert found.high - found.low == pytest.approx(high - low, rel=0.15)
    none = Levels()
    none.add(values, np.ones(2000, dtype=bool))
    assert none.interval() is None


def test_moments_in_parts_are_those_of_the_whole_and_draws_are_as_wide_as_resampling() -> None:
    rng = np.random.default_rng(2)
    figures = rng.random((3000, 2)) @ np.array([[1.0, 0.5], [0.0, 2.0]]) + 100
    moments = Moments(2)
    for start in range(0, 3000, 700):
        moments.add(figures[start : start + 700])
    np.testing.assert_allclose(moments.mean, figures.mean(axis=0))
    np.testing.assert_allclose(moments.covariance, np.cov(figures.T, bias=True))
    drawn, resampled = moments.draws(), resampled_means(figures)
    np.testing.assert_allclose(drawn.std(axis=0), resampled.std(axis=0), rtol=0.1)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(resampled.T), atol=0.1)


def test_many_questions_are_not_resampled_one_by_one() -> None:
    figures = np.random.default_rng(3).random((20_001, 1))
    drawn = resampled_means(figures)
    assert drawn.shape == (1000, 1)
    assert drawn.std() == pytest.approx(figures.std() / np.sqrt(len(figures)), rel=0.1)
