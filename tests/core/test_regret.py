"""What decisions missed, what each kind of step cost, and what drafts scored by fifths of a number."""

from __future__ import annotations

import numpy as np
import pytest

from automix_core.evaluation.regret import regrets
from automix_core.evaluation.reliability import steps
from automix_core.evaluation.replay import ANSWERS, SIGNALS, VERDICTS, replay
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.policies import Always, Threshold
from tests.core.worlds import outcomes


def test_what_was_spent_on_each_kind_of_step_adds_up_to_the_cost() -> None:
    columns = Columns.of(outcomes(80, 2, models=3, unreadable=0.2))
    done = replay(Threshold(0.6), columns)
    assert done.spent.sum(axis=(1, 2)) == pytest.approx(done.cost)
    assert done.spent[..., ANSWERS] == pytest.approx(np.where(done.drafted, columns.costs, 0.0))
    assert not done.spent[..., SIGNALS].any()
    assert ((done.spent[..., VERDICTS] > 0) == (done.used > 0)).all()
    assert ((done.rounds > 0) == (done.used > 0)).all()


def _pair(*scores: tuple[float, float]) -> Columns:
    rows = [
        {"id": str(i), "models": [{"name": "s", "score": s, "cost": 1.0}, {"name": "l", "score": g, "cost": 11.0}]}
        for i, (s, g) in enumerate(scores)
    ]
    return Columns.of([Outcome.model_validate(row) for row in rows])


def test_what_is_missed_is_the_best_single_model_less_what_was_done() -> None:
    columns = _pair((0, 1), (1, 1), (0, 0), (0, 0))
    found = regrets(columns, replay(Always(0), columns))
    weight = 0.25 / 10
    assert found.cost_weight == pytest.approx(weight)
    assert found.missed == pytest.approx([1 - 10 * weight, 0, 0, 0])
    assert found.best.tolist() == [1, 0, 0, 0]
    assert found.worst() == [0]
    dear = regrets(columns, replay(Always(1), columns))
    assert dear.missed == pytest.approx([0, 10 * weight, 10 * weight, 10 * weight])
    assert dear.worst(2) == [1, 2]


def test_cost_counts_nothing_where_the_last_model_has_no_lead() -> None:
    columns = _pair((1, 0), (1, 1))
    found = regrets(columns, replay(Always(1), columns))
    assert found.cost_weight == 0
    assert found.missed.tolist() == [1, 0]


def test_fifths_go_from_the_lowest_values_to_the_highest_and_hold_like_ones_together() -> None:
    rows = []
    for i in range(50):
        small = {"name": "s", "score": float(i >= 25), "cost": 1, "signals": {"rank": i, "flag": i % 2}}
        rows.append({"id": str(i), "models": [small, {"name": "l", "score": 1, "cost": 2}]})
    found = {s.name: s.fifths for s in steps(Columns.of([Outcome.model_validate(row) for row in rows]))}
    assert sum(f.n for f in found["rank"]) == 50
    scores = [f.score for f in found["rank"]]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0, 1)
    assert [(f.n, f.low, f.high) for f in found["flag"]] == [(25, 0, 0), (25, 1, 1)]
