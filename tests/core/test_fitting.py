"""From outcomes to a policy: estimates, frontiers, objectives, and honesty where nothing is to be gained."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.decision import Finish, State, Tally, Verify
from automix_core.errors import ConfigError, DataError
from automix_core.evaluation.evaluate import evaluate
from automix_core.fitting.estimate import estimate
from automix_core.fitting.family import thresholds
from automix_core.fitting.fit import Fitted, Objective, fit
from automix_core.fitting.frontier import at_quality, frontier, within_cost
from automix_core.fitting.kde import kde_problem
from automix_core.fitting.labels import with_assumed_labels
from automix_core.fitting.method import Method
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import ModelOutcome, Outcome
from automix_core.policies import POMDP, Always, Mixture, Problem, solve
from automix_core.policies.expected import expected
from tests.core.strategies import problems
from tests.core.worlds import outcomes


def test_states_are_right_or_wrong_bits() -> None:
    """Named for people; fractional scores count in part, exactly in expectation."""
    problem = estimate(Columns.of(outcomes(300, soft=True)))
    assert list(problem.states) == ["all right", "right: model-0", "right: model-1", "none right"]
    assert list(problem.scores) == [(1, 1), (1, 0), (0, 1), (0, 0)]
    mean = Columns.of(outcomes(300, soft=True)).scores.mean(axis=0)
    for m in range(2):
        assert sum(p * row[m] for p, row in zip(problem.prior, problem.scores, strict=True)) == pytest.approx(
            mean[m], abs=0.01
        )


def test_the_estimate_finds_the_truth() -> None:
    """With many outcomes P(count | state) is the binomial that made them."""
    problem = estimate(Columns.of(outcomes(20000, k=4, rates=(0.3, 0.8))))
    model = problem.observations[0]
    assert model is not None
    for state, rate in enumerate((0.8, 0.8, 0.3, 0.3)):
        truth = [math.comb(4, c) * rate**c * (1 - rate) ** (4 - c) for c in range(5)]
        assert model.likelihood[state] == pytest.approx(truth, abs=0.04)
    assert list(problem.prior) == pytest.approx([0.55, 0.05, 0.25, 0.15], abs=0.01)


def test_unreadable_verdicts_are_an_outcome_of_their_own() -> None:
    problem = estimate(Columns.of(outcomes(3000, k=3, unreadable=0.3)))
    model = problem.observations[0]
    assert model is not None
    assert model.reads
    share = sum(p * count[2] / 3 for p, count in zip(model.likelihood[0], model.finals, strict=True))
    assert share == pytest.approx(0.3, abs=0.03)


def test_verdict_counts_may_differ_by_row() -> None:
    """Rows with fewer verdicts inform the smooth fit; the table is for the most."""
    mixed = [*outcomes(200, k=8), *outcomes(200, seed=1, k=3), *outcomes(50, seed=2, k=0)]
    model = estimate(Columns.of(mixed)).observations[0]
    assert model is not None
    assert model.k == 8
    assert isinstance(fit(mixed).policy, POMDP)


def test_direct_confidences_are_one_check() -> None:
    records = outcomes(400, direct=True)
    found = fit(records)
    assert isinstance(found.policy, POMDP)
    model = found.policy.problem.observations[0]
    assert model is not None
    assert model.direct
    asked = found.policy.decide(State((True, False), (Tally(), Tally()), (8, 8)))
    assert asked.action == Verify(0, 1)
    figures = evaluate(found.policy, records)
    assert figures.verdicts_per_query <= 1
    assert figures.gap_recovered is not None
    assert figures.gap_recovered > 0.5


def test_verdicts_and_confidences_are_not_mixed() -> None:
    with pytest.raises(DataError, match="needs one kind"):
        fit([*outcomes(20), *outcomes(20, seed=1, direct=True)])


@settings(max_examples=15, deadline=None)
@given(problems(models=2))
def test_the_frontier_is_concave_and_rises(problem: Problem) -> None:
    """Each vertex is what its policy is expected to do; no slope exceeds the one before; no single model lies above."""
    points = frontier(problem)
    slopes = [(b.value.score - a.value.score) / (b.value.cost - a.value.cost) for a, b in pairwise(points)]
    assert all(slope > 0 for slope in slopes)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(slopes))
    for point in points:
        followed = expected(point.build(), problem)
        assert (followed.score, followed.cost) == pytest.approx((point.value.score, point.value.cost), abs=1e-8)
    for m in range(2):
        single = expected(Always(m), problem)
        if single.cost >= points[0].value.cost:
            assert within_cost(points, single.cost).value.score >= single.score - 1e-6


@settings(max_examples=15, deadline=None)
@given(problems(models=2), st.floats(0, 1))
def test_budgets_and_targets_are_met_exactly(problem: Problem, where: float) -> None:
    points = frontier(problem)
    low, high = points[0].value, points[-1].value
    budget, target = low.cost + where * (high.cost - low.cost), low.score + where * (high.score - low.score)
    assert expected(within_cost(points, budget).build(), problem).cost <= budget + 1e-9
    assert expected(at_quality(points, target).build(), problem).score >= target - 1e-9
    if len(points) > 1:
        assert within_cost(points, budget).value.cost == pytest.approx(budget)
        assert at_quality(points, target).value.score == pytest.approx(target)


def gains(columns: Columns, o: float) -> float:
    """E[l - s | o] as the paper has it, spelled out over particles with P(o | s) = P(s, o) / P(s)."""
    n = len(columns)
    confidence = columns.tallies[:, 0, 0] / columns.tallies[:, 0, :2].sum(axis=1)
    points = np.column_stack([columns.scores, confidence])
    width = [max(points[:, d].std(ddof=1) * n ** (-1 / 7), 1e-3) for d in range(3)]

    def kernel(x: float, y: float, d: int) -> float:
        return math.exp(-0.5 * ((x - y) / width[d]) ** 2)

    top = bottom = 0.0
    for i in range(n):
        joint = alone = 0.0
        for j in range(n):
            near = kernel(points[i, 0], points[j, 0], 0) * kernel(points[i, 1], points[j, 1], 1)
            joint += near * kernel(points[j, 2], o, 2)
            alone += near
        top += joint / alone * (points[i, 1] - points[i, 0])
        bottom += joint / alone
    return top / bottom


@pytest.mark.parametrize("soft", [False, True])
def test_the_kde_pomdp_is_the_papers(soft: bool) -> None:
    """For two models: all k verdicts, then route iff E[l - s | o] > lambda * c_L, for every o."""
    columns = Columns.of(outcomes(60, k=4, soft=soft, costs=(1, 50)))
    for weight in (0.001, 0.004, 0.008):
        policy = solve(kde_problem(columns, weight), fixed=True)
        root = policy.decide(State((True, False), (Tally(), Tally()), (4, 0)))
        assert root.action == Verify(0, 4)
        for c in range(5):
            action = policy.decide(State((True, False), (Tally(c, 4 - c), Tally()), (0, 0))).action
            gain = gains(columns, c / 4)
            assert (action == Finish(1)) == (gain > weight * columns.costs[:, 1].mean())


def held(found: Fitted, name: str) -> float:
    return next(a.reward.mean for a in found.against if a.name == name)


@pytest.mark.parametrize("method", ["pomdp", "kde", "threshold", "band"])
def test_a_good_verifier_pays(method: Method) -> None:
    """Every method beats both single models on questions held out, and on new ones."""
    found = fit(outcomes(400), method=method)
    assert held(found, "model-0") > 0
    assert held(found, "model-1") > 0
    figures = evaluate(found.policy, outcomes(2000, seed=9))
    assert figures.delta_ibc is not None
    assert figures.delta_ibc > 0
    assert figures.performance == pytest.approx(found.expected.score, abs=0.05)
    assert figures.cost == pytest.approx(found.expected.cost, rel=0.15)


def test_a_blind_verifier_leaves_a_single_model() -> None:
    """Verdicts that say nothing are not worth their price, and the note says so."""
    found = fit(outcomes(400, rates=(0.5, 0.5)))
    assert isinstance(found.policy, Always)
    assert "No policy is expected to beat" in found.notes[-1]


def test_the_kde_pomdp_is_for_two_models() -> None:
    with pytest.raises(DataError, match="for two models; the outcomes have 3"):
        kde_problem(Columns.of(outcomes(20, models=3)), 0.0)


def test_confidences_that_all_differ_are_thinned_to_a_few_thresholds() -> None:
    found = thresholds(Columns.of(outcomes(400, direct=True)))
    assert len(found) == 9


def test_three_models() -> None:
    found = fit(outcomes(300, models=3))
    assert isinstance(found.policy, POMDP)
    assert len(found.against) == 3
    figures = evaluate(found.policy, outcomes(1000, seed=5, models=3))
    single = max(b.performance - found.cost_weight * b.cost for b in figures.baselines.values())
    assert figures.performance - found.cost_weight * figures.cost > single


def test_many_models_check_the_few_on_the_hull() -> None:
    columns = Columns.of(outcomes(100, models=5, k=3, costs=(1, 5, 20, 60, 200)))
    problem = estimate(columns)
    assert sum(model is not None for model in problem.observations) == 3
    assert problem.observations[0] is not None
    with pytest.raises(DataError, match="10 at most"):
        estimate(Columns.of(outcomes(10, models=11, costs=tuple(range(11)))))


def test_a_budget_is_met_on_new_questions() -> None:
    found = fit(outcomes(500), objective=Objective(max_cost=15))
    assert isinstance(found.policy, Mixture)
    assert found.expected.cost == pytest.approx(15)
    assert evaluate(found.policy, outcomes(3000, seed=7)).cost == pytest.approx(15, rel=0.1)


def test_a_quality_target_is_met_on_new_questions() -> None:
    found = fit(outcomes(500), objective=Objective(min_quality=0.75))
    assert found.expected.score == pytest.approx(0.75)
    assert evaluate(found.policy, outcomes(3000, seed=7)).performance == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(("n", "seed"), [(20, 1), (20, 9), (60, 11), (200, 3)])
@pytest.mark.parametrize("method", ["pomdp", "threshold"])
def test_what_a_single_model_scored_is_a_target_that_can_be_met(n: int, seed: int, method: Method) -> None:
    """Expectations are shrunk towards each other; that the large model answers everything scores what it scored."""
    rows = outcomes(n, seed=seed)
    best = max(sum(row.models[m].score for row in rows) / n for m in range(len(rows[0].models)))
    found = fit(rows, method=method, objective=Objective(min_quality=best))
    assert found.expected.score >= best - 1e-9


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fit(outcomes(100), objective=Objective(max_cost=0.1)), "No policy costs as little as 0.1"),
        (lambda: fit(outcomes(100), objective=Objective(min_quality=0.99)), "No policy scores as much as 0.99"),
        (lambda: Objective(cost_weight=1, max_cost=2), "Give one objective, not cost_weight and max_cost"),
        (lambda: Objective(cost_weight=-1), "cost_weight must be a number, 0 or more"),
        (lambda: Objective(max_cost=math.nan), "max_cost must be a number"),
        (lambda: Objective(min_quality=cast("Any", "high")), "min_quality must be a number, 0 or more, not 'high'"),
        (lambda: Objective(cost_weight=cast("Any", [])), r"cost_weight must be a number, 0 or more, not \[\]"),
        (lambda: fit(cast("Any", "o.jsonl")), r"not their path: give read_outcomes\('o\.jsonl'\)"),
        (lambda: fit(outcomes(100), method=cast("Any", "magic")), "There is no method 'magic'; the methods are pomdp"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()


def changed(records: list[Outcome], m: int, **update: object) -> list[Outcome]:
    """The records with fields of model m replaced."""
    return [
        r.model_copy(
            update={"models": tuple(x.model_copy(update=update) if i == m else x for i, x in enumerate(r.models))}
        )
        for r in records
    ]


def test_too_few_outcomes() -> None:
    with pytest.raises(DataError, match="There are 9 outcomes; fitting needs 10"):
        fit(outcomes(9))
    assert any("are few" in note for note in fit(outcomes(10)).notes)


def test_no_verdicts_leave_a_single_model() -> None:
    found = fit(changed(outcomes(50), 0, verdicts=()))
    assert isinstance(found.policy, Always)
    assert "nothing can be checked" in found.notes[0]
    for method in ("kde", "threshold", "band"):
        with pytest.raises(DataError, match="verdict"):
            fit(changed(outcomes(50), 0, verdicts=()), method=method)


def test_unreadable_verdicts_alone_leave_a_single_model() -> None:
    found = fit(changed(outcomes(50), 0, verdicts=(None,) * 8))
    assert isinstance(found.policy, Always)
    assert "No recorded verdict could be read" in found.notes[0]


def test_a_larger_model_that_is_worse() -> None:
    found = fit(changed(outcomes(50), 1, score=0.1))
    assert found.policy == Always(0)
    assert "scores no more than" in found.notes[-2]


def test_costs_of_zero() -> None:
    records = changed(changed(outcomes(50), 0, cost=0.0), 1, cost=0.0)
    found = fit(records)
    assert found.policy == Always(1)
    assert "costs no more than" in found.notes[-2]
    assert fit(records, objective=Objective(cost_weight=0.5)).expected.cost >= 0


def test_free_verdicts_are_named() -> None:
    from automix_core.outcomes.verdict_cost import VerdictCost

    found = fit(changed(outcomes(50), 0, verdict_cost=VerdictCost()))
    assert "count as free" in found.notes[0]


def test_fitting_does_not_depend_on_the_order_of_rows() -> None:
    records = outcomes(120)
    forwards, backwards = fit(records), fit(records[::-1])
    assert forwards.expected.reward == pytest.approx(backwards.expected.reward)
    assert [a.reward.mean for a in forwards.against] == pytest.approx([a.reward.mean for a in backwards.against])


def test_label_free_rows_are_named_and_corrected() -> None:
    """Gold labels on disagreements alone teach how often the larger model gains there: beta near the truth, not 1."""
    records = outcomes(1200, shares=(0.5, 0.2, 0.1, 0.2))
    agree = [record.models[0].score == record.models[1].score for record in records]
    apart = [
        changed(changed([record], 1, score=1.0), 0, score=float(same))[0].model_copy(update={"reference": "largest"})
        for record, same in zip(records[:1000], agree, strict=False)
    ]
    labelled = [record for record, same in zip(records[1000:], agree[1000:], strict=True) if not same]
    found = fit([*apart, *labelled])
    assert "scored against model-1's answers" in found.notes[0]
    columns = with_assumed_labels(Columns.of([*apart, *labelled]))
    truth = Columns.of(records[:1000]).scores
    gain = (columns.scores[:1000, 1] - columns.scores[:1000, 0]).mean()
    assert gain == pytest.approx((truth[:, 1] - truth[:, 0]).mean(), abs=0.08)
    assert (1 - Columns.of(apart).scores[:, 0]).mean() > gain + 0.15


def test_the_better_single_model_stands_where_the_policy_does_worse() -> None:
    """The check on questions held out, not the fitted model, has the last word: thresholds are never told to stop."""
    found = fit(outcomes(300, rates=(0.5, 0.5)), method="threshold", objective=Objective(cost_weight=0.02))
    assert isinstance(found.policy, Always)
    assert "did worse than" in found.notes[-1]


@pytest.mark.parametrize(("unreadable", "most"), [(0.0, 32), (0.1, 16)])
@pytest.mark.parametrize("recorded", [40, 1000])
def test_many_verdicts_are_used_up_to_a_bound_that_is_said(recorded: int, unreadable: float, most: int) -> None:
    """The first ones, as a replay would draw them; a policy for them needs no more than that."""
    many = outcomes(60, k=recorded, unreadable=unreadable)
    found = fit(many)
    assert found.k == most
    assert f"Of up to {recorded} verdicts recorded on a draft the first {most} are used." in found.notes
    few = [o.model_copy(update={"models": tuple(_cut(model, most) for model in o.models)}) for o in many]
    assert fit(few).policy == found.policy
    assert not any("are used" in note for note in fit(few).notes)


def _cut(model: ModelOutcome, most: int) -> ModelOutcome:
    return model.model_copy(update={"verdicts": model.verdicts[:most]})
