"""The figures of a policy: by hand on a few rows, null where undefined, unmoved by the order of rows."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from automix_core.decision import Decision, Policy, State
from automix_core.errors import DataError
from automix_core.evaluation.discrimination import beside, discrimination
from automix_core.evaluation.evaluate import Evaluation, evaluate, intervals, warnings
from automix_core.evaluation.intervals import interval
from automix_core.evaluation.lexical import lexical
from automix_core.evaluation.reliability import reliability
from automix_core.evaluation.replay import replay
from automix_core.fitting.curve import Spot, curve, regions
from automix_core.fitting.fit import fit
from automix_core.fitting.frontier import hull
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.policies import POMDP, Always, Band, Curtailed, Mixture, Threshold
from tests.core.worlds import outcomes, some_outcomes


def rows(*each: tuple[float, float, list[int]], costs: tuple[float, float] = (1, 11)) -> list[Outcome]:
    """Outcomes of (small score, large score, verdicts), five times over to be enough."""
    return [
        Outcome.model_validate(
            {
                "id": f"q{i}-{j}",
                "models": [
                    {"name": "small", "score": small, "cost": costs[0], "verdicts": said, "verdict_cost": 0.5},
                    {"name": "large", "score": large, "cost": costs[1]},
                ],
            }
        )
        for j in range(5)
        for i, (small, large, said) in enumerate(each)
    ]


def test_by_hand() -> None:
    """Half is kept: P = (1 + 1) / 2, C = 1 + 1.5 * .5 + 11 / 2; P_0 = .5, P_n = 1.

    The first of two verdicts keeps a draft if it says correct, whatever the second would say.
    """
    figures = evaluate(Threshold(0.5), rows((1, 1, [1, 1]), (0, 1, [0, 0])))
    assert figures.n == 10
    assert figures.performance == 1
    assert figures.cost == pytest.approx(7.25)
    assert figures.ibc == pytest.approx(0.5 / 6.25)
    assert figures.delta_ibc == pytest.approx(100 * (0.5 / 6.25 - 0.05) / 0.05)
    assert figures.gap_recovered == 1
    assert figures.route_share == 0.5
    assert figures.verdicts_per_query == 1.5
    assert figures.exhausted == 0
    assert {name: asdict(b) for name, b in figures.baselines.items()} == {
        "always_small": {"performance": 0.5, "cost": 1},
        "always_large": {"performance": 1, "cost": 11},
    }


def test_what_is_undefined_is_none() -> None:
    """No spending beyond the first model, no gap, no difference of costs: null, never NaN."""
    first = evaluate(Always(0), rows((1, 1, []), (0, 1, [])))
    assert (first.ibc, first.delta_ibc, first.gap_recovered) == (None, None, 0)
    level = evaluate(Threshold(0.5), rows((1, 1, [1]), (0, 0, [0])))
    assert (level.delta_ibc, level.gap_recovered) == (None, None)
    free = evaluate(Threshold(0.5), rows((1, 1, [1]), (0, 1, [0]), costs=(0, 0)))
    assert free.delta_ibc is None


def test_a_larger_model_that_is_worse_is_said() -> None:
    columns = Columns.of(rows((1, 0, [1]), (1, 1, [1])))
    assert "no gap to recover" in warnings(columns, replay(Threshold(0.5), columns))[0]


def test_a_larger_model_that_costs_no_more_is_said() -> None:
    columns = Columns.of(rows((0, 1, [1]), (1, 1, [1]), costs=(11, 11)))
    assert warnings(columns, replay(Threshold(0.5), columns)) == [
        "large costs no more than small: delta_ibc has no meaning."
    ]


def test_a_reference_that_is_the_largest_model_is_said() -> None:
    records = [record.model_copy(update={"reference": "largest"}) for record in rows((0, 1, [1]), (1, 1, [0]))]
    columns = Columns.of(records)
    (said,) = warnings(columns, replay(Threshold(0.5), columns))
    assert said.startswith("10 of 10 outcomes are scored against large's answers")


def test_rows_that_ran_out_of_verdicts_are_counted() -> None:
    """k is larger here than what half of the rows have."""
    columns = Columns.of(rows((0, 1, [1, 1, 0, 0]), (1, 1, [1])))
    (said,) = warnings(columns, replay(Threshold(0.5), columns, 4))
    assert said == "On 5 rows the policy would have drawn more verdicts than were recorded."


@settings(max_examples=40, deadline=None)
@given(some_outcomes(most=20))
def test_json_has_no_nan(records: list[Outcome]) -> None:
    """Whatever the rows, every figure is a number or null."""
    if len(records) < 10:
        with pytest.raises(DataError, match="10 or more"):
            evaluate(Threshold(0.5), records)
        return
    columns = Columns.of(records)
    done = replay(Threshold(0.5), columns)
    spots = curve(Always(0), columns)
    facts = [
        evaluate(Threshold(0.5), columns).to_dict(),
        {name: found and asdict(found) for name, found in intervals(columns, done).items()},
        [asdict(region) for region in regions(spots, columns)],
        [asdict(found) for found in reliability(columns)],
    ]
    json.dumps(facts, allow_nan=False)


def test_the_order_of_rows_does_not_matter() -> None:
    """Not even to a mixture: the coin belongs to the id."""
    records = outcomes(40)
    policy = Mixture(Threshold(0.5), Always(1), 0.4)
    whole = evaluate(policy, records)
    random.Random(1).shuffle(records)
    again = evaluate(policy, records)
    assert again.exhausted == whole.exhausted
    for name in ("performance", "cost", "ibc", "delta_ibc", "gap_recovered", "route_share", "verdicts_per_query"):
        assert getattr(again, name) == pytest.approx(getattr(whole, name))


def test_a_mixture_lies_between_its_parts() -> None:
    """On many rows its cost is near weight * first + (1 - weight) * second."""
    records = outcomes(2000)
    first, second = evaluate(Always(0), records), evaluate(Always(1), records)
    mixed = evaluate(Mixture(Always(0), Always(1), 0.3), records)
    assert mixed.cost == pytest.approx(0.3 * first.cost + 0.7 * second.cost, rel=0.05)


def test_intervals_hold_the_figures() -> None:
    columns = Columns.of(outcomes(300))
    done = replay(Threshold(0.5), columns)
    figures, found = evaluate(Threshold(0.5), columns), intervals(columns, done)
    for name in ("performance", "cost", "ibc", "delta_ibc", "gap_recovered"):
        sure = found[name]
        assert sure is not None
        assert sure.low < getattr(figures, name) < sure.high
        assert sure.mean == pytest.approx(getattr(figures, name))


def test_intervals_cover_as_often_as_they_say() -> None:
    """Of 200 means of 60 coin flips, about 95 % of the intervals hold the truth."""
    rng = np.random.default_rng(5)
    found = [interval((rng.random(60) < 0.3).astype(float)) for _ in range(200)]
    held = sum(each.low <= 0.3 <= each.high for each in found)
    assert 0.88 <= held / 200 <= 0.99


def test_the_hull_is_what_no_mixture_beats() -> None:
    spots = [Spot(str(cost), cost, height) for cost, height in enumerate([0, 0.5, 0.4, 0.55, 0.8, 0.7])]
    assert [spot.cost for spot in hull(spots)] == [0, 1, 4]


def test_the_curve_and_its_regions() -> None:
    """Single models and every threshold; five spans from the first model's cost to the last's."""
    columns = Columns.of(outcomes(400))
    spots = curve(Threshold(0.5), columns)
    assert {"always_model-0", "always_model-1"} < {spot.policy for spot in spots}
    assert len(spots) == 2 + 9
    found = regions(spots, columns)
    assert len(found) == 5
    assert found[0].low == pytest.approx(columns.costs[:, 0].mean())
    assert found[-1].high == pytest.approx(columns.costs[:, 1].mean())


SINGLE = {"always_model-0", "always_model-1"}


@pytest.mark.parametrize(
    ("policy", "kin"),
    [
        (Always(0), None),
        (Band(0.2, 0.8), "Band("),
        (Curtailed(Threshold(0.5)), "Curtailed(Threshold("),
        (Mixture(Always(0), Threshold(0.5), 0.5), "Threshold("),
        (Mixture(Always(0), Always(1), 0.5), None),
    ],
)
def test_the_curve_is_that_of_the_policies_relatives(policy: Policy, kin: str | None) -> None:
    """Those that differ in how they weigh cost, and always the single models; a policy without any stands alone."""
    spots = curve(policy, Columns.of(outcomes(60, k=3)))
    names = {spot.policy for spot in spots}
    assert names >= SINGLE
    related = names - SINGLE
    assert bool(related) == (kin is not None)
    assert all(name.startswith(kin or "") for name in related)
    assert [spot.cost for spot in spots] == sorted(spot.cost for spot in spots)


def test_the_curve_of_a_fitted_policy_is_solved_again_for_other_cost_weights() -> None:
    columns = Columns.of(outcomes(200, k=3))
    policy = fit(columns).policy
    assert isinstance(policy, POMDP)
    names = {spot.policy for spot in curve(policy, columns)} - SINGLE
    assert len(names) > 1
    assert all(name.startswith("POMDP(") for name in names)


def test_the_curve_of_a_policy_of_ones_own_is_itself() -> None:
    class Mine:
        def decide(self, state: State) -> Decision:
            return Threshold(0.5).decide(state)

        def __repr__(self) -> str:
            return "Mine"

    assert {spot.policy for spot in curve(Mine(), Columns.of(outcomes(20, k=3)))} == {*SINGLE, "Mine"}


def test_mixing_the_single_models_has_no_lift() -> None:
    columns = Columns.of(outcomes(400))
    spots = curve(Always(0), columns)
    assert [region.delta_ibc for region in regions(spots, columns)] == pytest.approx([0] * 5, abs=1e-9)


def test_reliability_by_hand() -> None:
    """Confidence 1 where right, 0 where wrong: nothing to calibrate, ranked perfectly."""
    (found,) = reliability(Columns.of(rows((1, 1, [1, 1]), (0, 1, [0, 0]))))
    assert (found.error, found.auroc, found.unreadable) == (0, 1, 0)
    assert [(b.n, b.confidence, b.score) for b in found.bins] == [(5, 0, 0), (5, 1, 1)]
    assert reliability(Columns.of(rows((1, 1, [])))) == []


def test_figures_are_frozen() -> None:
    assert isinstance(evaluate(Always(1), outcomes(10)), Evaluation)
    with pytest.raises(AttributeError):
        evaluate(Always(1), outcomes(10)).n = 3  # type: ignore[misc]


def test_each_number_known_about_a_draft_is_judged_with_an_interval() -> None:
    """`echo` counts the other way round; noise has an interval that holds 0.5; a signal known of few drafts says so."""
    rng = random.Random(0)
    records = []
    for i in range(200):
        right = rng.random() < 0.5
        signals = {
            "support": right + rng.gauss(0, 0.7),
            "echo": -right + rng.gauss(0, 0.7),
            "length": rng.random(),
        }
        if i < 30:
            signals["p_correct"] = rng.random()
        small = {"name": "s", "score": float(right), "cost": 1, "signals": signals, "verdicts": [int(right), 1]}
        records.append(Outcome.model_validate({"id": str(i), "models": [small, {"name": "l", "score": 1, "cost": 9}]}))
    found = {d.name: d for d in discrimination(Columns.of(records))}
    assert next(iter(found)) == "verdicts"
    assert set(found) == {"verdicts", "support", "echo", "length", "p_correct"}
    assert found["p_correct"].n == 30
    intervals = {name: d.auroc for name, d in found.items() if d.auroc is not None}
    assert intervals["verdicts"].mean == 1
    assert intervals["support"].low > 0.7
    assert intervals["echo"].low > 0.7
    assert intervals["length"].low < 0.5 < intervals["length"].high


def test_words_alone_are_judged_beside_the_checks_from_signals_or_texts() -> None:
    """Right drafts are in the context; checks are noise and of the first 60 drafts only; a third has no signals."""
    rng = random.Random(0)
    records = []
    for i in range(120):
        right = i % 2
        small: dict[str, Any] = {
            "name": "s",
            "answer": "Oda Verrin" if right else "Piet Okoro",
            "score": right,
            "cost": 1,
        }
        if i < 60:
            small["verdicts"] = [rng.randrange(2) for _ in range(4)]
        if i % 3:
            small["signals"] = {"support": float(right), "length": 2.0}
        texts = {} if i == 3 else {"question": "Who built it?", "context": "Oda Verrin built it."}
        large = {"name": "l", "score": 1, "cost": 9}
        records.append(Outcome.model_validate({"id": str(i), **texts, "models": [small, large]}))
    columns = Columns.of(records)
    baseline = lexical(columns, records)
    assert (~np.isnan(baseline)).sum(axis=0).tolist() == [119, 0]
    (alone,) = beside(columns, baseline)
    assert (alone.model, alone.name, alone.n) == ("s", "lexical", 59)
    assert alone.auroc is not None
    assert alone.auroc.low == 1
    found = {d.name: d for d in discrimination(columns, baseline)}
    assert next(iter(found)) == "lexical"
    assert set(found) == {"lexical", "support", "verdicts", "length"}
    assert found["lexical"].n == 119
    assert np.isnan(lexical(columns)).sum(axis=0).tolist() == [40, 120], "without texts only what was recorded"


def test_the_first_model_alone_has_no_ibc_whatever_the_order_of_sums() -> None:
    """Sums of the same costs in another order differ in their last digit."""
    rng = random.Random(1)
    records = [
        Outcome.model_validate(
            {
                "id": str(i),
                "models": [
                    {"name": "s", "score": float(rng.random() < 0.5), "cost": rng.random() * 1e-4},
                    {"name": "l", "score": float(rng.random() < 0.8), "cost": rng.random() * 1e-2},
                ],
            }
        )
        for i in range(517)
    ]
    done = evaluate(Always(0), records)
    assert (done.ibc, done.delta_ibc) == (None, None)
    assert done.gap_recovered == pytest.approx(0)
