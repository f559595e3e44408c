"""Learning from recorded numbers at its edges: too few, all alike, known already; and rows that go together."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from automix_core.decision import Decision, Finish, State
from automix_core.errors import DataError
from automix_core.evaluation.alike import confidences, free_signals, measured
from automix_core.evaluation.discrimination import auroc
from automix_core.evidence.arrays import evidence_of
from automix_core.fitting.evidence import fit_evidence
from automix_core.fitting.family import family
from automix_core.fitting.fit import Objective, cross_fit
from automix_core.fitting.kde import kernel_weights
from automix_core.fitting.signals import signal_models
from automix_core.fitting.steps import in_steps, mass
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.policies import Always, Band, Curtailed, Share, Threshold

RIGHT = np.array([True, False])


class Own:
    """A policy that nobody knows."""

    def decide(self, state: State) -> Decision:
        return Decision(Finish(1), "because")


def columns(signals: Any, n: int = 200, *, cost: dict[str, float] | None = None) -> Columns:
    """Drafts right half the time, with `signals(right, rng)`."""
    rng = random.Random(0)
    found = []
    for i in range(n):
        right = rng.random() < 0.5
        small = {"name": "small", "score": float(right), "cost": 1.0, "signals": signals(right, rng)}
        large = {"name": "large", "score": 1.0, "cost": 30.0}
        small |= {"signal_cost": cost} if cost else {}
        found.append(Outcome.model_validate({"id": str(i), "models": [small, large]}))
    return Columns.of(found)


def models(signals: Any, n: int = 200, *, cost: dict[str, float] | None = None) -> Any:
    data = columns(signals, n, cost=cost)
    weights = np.column_stack([data.scores[:, 0], 1 - data.scores[:, 0]])
    return signal_models(data, 0, weights, RIGHT)


def test_a_paid_signal_alone_tells_right_from_wrong_in_its_bins() -> None:
    (model,) = models(lambda right, rng: {"judge": rng.gauss(3.0 * right, 1)}, cost={"judge": 0.5})
    assert (model.name, model.cost) == ("judge", 0.5)
    assert model.likelihood[0][-1] > 2 * model.likelihood[1][-1]


def test_a_paid_signal_of_which_less_is_safer_keeps_its_own_scale() -> None:
    (model,) = models(lambda right, rng: {"echo": rng.gauss(-3.0 * right, 1)}, cost={"echo": 0.1})
    assert list(model.edges) == sorted(model.edges)
    assert model.edges[0] < 0
    assert model.likelihood[0][0] > 2 * model.likelihood[1][0], "the lowest numbers are those of right drafts"
    assert all(sum(row) == pytest.approx(1) for row in model.likelihood)


def test_a_paid_signal_known_of_too_few_drafts_or_always_the_same_is_left_out() -> None:
    assert models(lambda right, rng: {"judge": float(right)}, 9, cost={"judge": 0.5}) == ()
    assert models(lambda right, rng: {"judge": 1.0}, cost={"judge": 0.5}) == ()


def test_a_paid_signal_that_repeats_what_is_known_for_nothing_says_little() -> None:
    def both(right: bool, rng: random.Random) -> dict[str, float]:
        value = rng.gauss(2.0 * right, 1)
        return {"support": value, "judge": value}

    found = {model.name: model for model in models(both, 400, cost={"judge": 0.5})}
    (alone,) = models(lambda right, rng: {"judge": both(right, rng)["judge"]}, 400, cost={"judge": 0.5})

    def apart(model: Any) -> float:
        return float(np.ptp(np.array(model.likelihood)[:, -1]))

    assert "evidence" in found
    assert "judge" not in found or apart(found["judge"]) < apart(alone)


def test_without_signals_there_is_nothing_to_learn() -> None:
    assert models(lambda right, rng: {}) == ()


def test_numbers_that_are_all_the_same_have_no_steps() -> None:
    weights = np.column_stack([np.arange(40) % 2, 1 - np.arange(40) % 2]).astype(float)
    assert in_steps(np.ones(40), weights, RIGHT, [mass(3)]) is None
    kept = in_steps(np.ones(40), weights, RIGHT, [mass(3)], must=True)
    assert kept is not None
    assert kept.edges == ()
    assert kept.likelihood == pytest.approx(np.ones((2, 1)))


def test_numbers_that_tell_the_states_apart_are_cut_between_them() -> None:
    right = np.arange(200) % 2
    weights = np.column_stack([right, 1 - right]).astype(float)
    values = right + np.linspace(0, 0.5, 200)
    steps = in_steps(values, weights, RIGHT, [mass(2), mass(3)])
    assert steps is not None
    assert any(0.5 < edge < 1.01 for edge in steps.edges), steps.edges
    assert steps.likelihood[0, -1] > 0.9 > 0.1 > steps.likelihood[1, -1]


def test_a_signal_that_varies_in_one_draft_alone_is_learned_from_without_an_error() -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, 60).astype(float)
    support, judge = right + rng.normal(0, 0.3, 60), np.zeros(60)
    judge[7] = 1.0
    evidence = fit_evidence({"support": support, "judge": judge}, right)
    assert evidence is not None
    found = evidence_of(evidence, {"support": support, "judge": judge}, 60)
    assert auroc(found, right > 0.5) == pytest.approx(1.0, abs=0.1)


def test_right_from_wrong_can_not_be_told_where_all_are_the_same() -> None:
    values = np.array([0.1, 0.9])
    assert auroc(values, np.array([True, True])) is None
    assert auroc(values, np.array([False, False])) is None
    assert auroc(values, np.array([False, True])) == 1.0


def test_many_pairs_of_scores_are_rounded_and_weigh_much_the_same() -> None:
    rng = np.random.default_rng(1)
    scores, observed, at = rng.random((700, 2)), rng.random(700), np.linspace(0, 1, 5)
    whole = kernel_weights(scores, observed, at)
    rounded = kernel_weights(np.round(scores * 20) / 20, observed, at)
    assert whole.shape == (700, 5)
    assert whole == pytest.approx(rounded, rel=0.05)


def test_the_single_models_are_a_family_whose_frontier_goes_from_cheap_to_good() -> None:
    data = columns(lambda right, rng: {})
    points = family("always", data).frontier()
    assert sorted(repr(point.build()) for point in points) == sorted([repr(Always(0)), repr(Always(1))])


def test_a_method_that_can_not_be_fitted_on_a_part_has_no_estimate() -> None:
    data = columns(lambda right, rng: {})
    assert cross_fit(data, "kde", Objective(), 0.01) is None
    found = cross_fit(data, "always", Objective(), 0.0)
    assert found is not None
    assert found[0].mean() == 1.0
    with pytest.raises(DataError, match="readable verdicts on three outcomes"):
        family("kde", data)


# --- rows that go together


def test_a_policy_that_nobody_knows_is_shown_every_rows_own_signals() -> None:
    data = columns(lambda right, rng: {"echo": 0.5} if right else {}, 20)
    parts = free_signals(Own(), data, 0)
    assert parts.kind.tolist() == list(range(20))
    assert [dict(shown) for shown in parts.shown] == [{"echo": 0.5} if score else {} for score in data.scores[:, 0]]
    assert free_signals(Own(), columns(lambda right, rng: {}, 20), 0).shown == ((),)
    assert free_signals(Threshold(0.5), data, 0).shown == ((),)


def test_confidences_are_alike_where_the_policy_can_not_tell_them_apart() -> None:
    values = np.array([0.1, 0.5, 0.5, 0.9])
    found = [confidences(policy, 0, values).tolist() for policy in (Always(0), Threshold(0.5), Band(0.2, 0.8), Own())]
    assert found == [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 2], [0, 1, 1, 2]]
    assert confidences(Curtailed(Threshold(0.9)), 0, values).tolist() == [0, 0, 0, 1]


def test_measured_numbers_are_alike_where_they_are_equal_and_missing_ones_go_together() -> None:
    kinds = measured(Own(), 0, "p", np.array([0.5, np.nan, 0.1, 0.5, np.nan])).tolist()
    assert kinds[0] == kinds[3]
    assert kinds[1] == kinds[4]
    assert len(set(kinds)) == 3
    assert Share(0.5).policy() is not None


def test_a_finer_cut_is_taken_only_where_it_is_clearly_better() -> None:
    rng = np.random.default_rng(1)
    values = rng.random(400)
    right = (rng.random(400) < np.where(values > 0.5, 0.7, 0.4)).astype(float)
    found = in_steps(values, np.column_stack([right, 1 - right]), RIGHT, [mass(2), mass(20)])
    assert found is not None
    assert len(found.edges) == 1, "a cut at the middle says all there is to say"
    right = (values > 0.9).astype(float)
    found = in_steps(values, np.column_stack([right, 1 - right]), RIGHT, [mass(2), mass(20)])
    assert found is not None
    assert len(found.edges) == 19
