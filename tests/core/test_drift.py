"""Drift: the tests keep their false-alarm rate, and ring when something changes."""

from __future__ import annotations

import logging
from random import Random
from typing import Any

import pytest

from automix_core.checking.query import Query
from automix_core.decision import Accept, Tally
from automix_core.drift.monitor import Alarm, DriftMonitor
from automix_core.drift.ranks import Ranks
from automix_core.drift.wealth import Wealth
from automix_core.errors import ConfigError
from automix_core.routing.ending import Ending
from automix_core.routing.route import Route, settle


def test_p_values_of_exchangeable_numbers_are_uniform_also_with_ties() -> None:
    for levels in (3, 10_000):
        random, ranks = Random(levels), Ranks()
        found = sorted(ranks.p(random.randrange(levels) / levels, random.random()) for _ in range(4000))
        gap = max(abs(p - (i + 0.5) / len(found)) for i, p in enumerate(found))
        assert gap < 1.63 / len(found) ** 0.5  # Kolmogorov and Smirnov's bound at 1 %


def test_a_rank_is_among_all_that_came_before() -> None:
    ranks = Ranks()
    assert ranks.p(0.5, 0.25) == 0.25
    assert ranks.p(0.9, 0.0) == 0.5
    assert ranks.p(0.1, 0.0) == 0.0
    assert ranks.p(0.9, 0.5) == pytest.approx((2 + 0.5 * 2) / 4)


def test_wealth_is_kept_by_fair_bets_that_win_nothing() -> None:
    wealth = Wealth([lambda _: 1.0])
    for _ in range(1000):
        wealth.bet(0.3)
    assert wealth.value == pytest.approx(1.0)


@pytest.mark.parametrize("coarse", [False, True])
def test_without_drift_few_monitors_ring(coarse: bool) -> None:
    """Each test may ring in half of alpha; 60 runs that ring with 0.1 at most are 14 or fewer but once in 10^4."""
    rang = 0
    for seed in range(60):
        random, monitor = Random(seed), DriftMonitor(0.2, expected=0.8, margin=0.0, seed=seed)
        for _ in range(400):
            x = random.random()
            monitor.observe(round(x * 4) / 4 if coarse else x)
            monitor.observe_score(float(random.random() < 0.8))
        rang += bool(monitor.alarms)
    assert rang <= 60 * 0.2 + 3.7 * (60 * 0.2 * 0.8) ** 0.5


def test_a_change_of_the_evidence_rings_once_is_logged_and_handed_on(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Alarm] = []
    random, monitor = Random(1), DriftMonitor(on_alarm=heard.append, seed=1)
    for call in range(3000):
        monitor.observe(random.betavariate(4, 1) if call < 1500 else random.betavariate(1, 4))
    assert [alarm.test for alarm in heard] == ["evidence"]
    assert monitor.alarms == tuple(heard)
    assert 1500 < heard[0].calls < 1700
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1


def test_scores_below_what_was_expected_ring() -> None:
    random, monitor = Random(2), DriftMonitor(expected=0.9, seed=2)
    for _ in range(300):
        monitor.observe_score(float(random.random() < 0.6))
    assert [alarm.test for alarm in monitor.alarms] == ["score"]


def test_better_scores_than_expected_do_not_ring() -> None:
    monitor = DriftMonitor(expected=0.5)
    for _ in range(3000):
        monitor.observe_score(1.0)
    assert not monitor.alarms


def test_reset_begins_anew() -> None:
    monitor = DriftMonitor(expected=0.9)
    for _ in range(300):
        monitor.observe_score(0.0)
    assert monitor.alarms
    monitor.reset()
    assert not monitor.alarms
    assert monitor.wealth == {"evidence": 1.0, "score": 1.0}


def test_calls_without_evidence_are_passed_over() -> None:
    monitor = DriftMonitor()
    for _ in range(100):
        monitor.observe(None)
        monitor.observe(float("nan"))
    assert monitor.wealth["evidence"] == 1.0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"expected": 1.2}, "expected"),
        ({"margin": -0.1}, "margin"),
        ({"alpha": None}, "alpha"),
        ({"expected": "high"}, "expected"),
        ({"margin": []}, "margin"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        DriftMonitor(**settings)


def test_a_score_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        DriftMonitor(expected=0.5).observe_score(1.5)


def routed(confidence: float | None, evidence: float | None) -> Route:
    probability = Tally() if confidence is None else Tally(probability=confidence)
    ending = Ending(Accept(0), "why", models=2, tally=probability, evidence=evidence)
    return settle(ending, Query("Who?"), policy="p", names=["small", "large"])


def test_a_route_s_evidence_goes_before_its_confidence() -> None:
    numbers = [0.9, 0.2, 0.8, 0.1, 0.7]
    monitors = [DriftMonitor(seed=3) for _ in range(3)]
    for number in numbers:
        monitors[0].observe(number)
    monitors[1].observe_all([routed(0.5, number) for number in numbers])
    monitors[2].observe_all([routed(number, None) for number in numbers])
    assert monitors[0].wealth == monitors[1].wealth == monitors[2].wealth
    assert monitors[0].wealth["evidence"] != 1.0


def test_a_route_without_evidence_and_confidence_tells_nothing() -> None:
    monitor = DriftMonitor(seed=3)
    monitor.observe_all([routed(None, None)] * 5)
    assert monitor.wealth == {"evidence": 1.0}


def test_evidence_outside_its_range_counts_as_the_nearest_end() -> None:
    beyond, ends = DriftMonitor(seed=3), DriftMonitor(seed=3)
    for far, near in [(1.5, 1.0), (-2.0, 0.0), (0.5, 0.5), (7.0, 1.0)]:
        beyond.observe(far)
        ends.observe(near)
    assert beyond.wealth == ends.wealth


@pytest.mark.parametrize("settings", [{}, {"expected": 0.02, "margin": 0.02}])
def test_without_a_mean_to_fall_short_of_scores_are_passed_over(settings: dict[str, float]) -> None:
    monitor = DriftMonitor(**settings)  # type: ignore[arg-type]
    assert all(monitor.observe_score(0.0) is None for _ in range(500))
    assert "score" not in monitor.wealth


def test_perfect_scores_that_were_expected_do_not_ring_and_the_first_fault_does() -> None:
    monitor = DriftMonitor(expected=1.0, margin=0.0)
    assert all(monitor.observe_score(1.0) is None for _ in range(500))
    alarm = monitor.observe_score(0.0)
    assert alarm is not None
    assert (alarm.test, alarm.calls) == ("score", 501)
    assert "Answers score below what the policy was fitted to expect (noticed at number 501" in str(alarm)
    assert monitor.observe_score(0.0) is None, "it rings once"
