"""The benchmark of right answers: what each step takes, who is judged on what, and what is compared."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from automix_core.decision import Policy
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.policies import Always, Threshold
from benchmarks.right_answers import contestants, record, sets
from benchmarks.right_answers.contestants import (
    FOLDS,
    LARGE,
    LEARNED,
    PEER,
    Figures,
    as_good,
    everyone,
    folds,
    held_out,
    never_wrong,
    peer,
    walk,
)
from benchmarks.right_answers.sets import Meter, Recorded, in_seconds, in_tokens
from benchmarks.right_answers.table import compared, remark, shown


def outcome(place: int) -> Outcome:
    """The small model is right on every other question, and its checks know; it scores 0.4 where it is wrong."""
    right = place % 2 == 0
    small = {"name": "small", "score": 1.0 if right else 0.4, "cost": 300, "verdicts": [int(right)] * 8}
    price = {"first": 900, "again": 900, "each": 100}
    signals = {"support": 1.0 if right else 0.1}
    models = [{**small, "verdict_cost": price, "signals": signals}, {"name": "large", "score": 1.0, "cost": 15000}]
    return Outcome.model_validate({"id": f"{'ab'[place % 3 == 0]}-{place}", "reference": "gold", "models": models})


@pytest.fixture
def recorded() -> Recorded:
    n = 60
    counts = {"small": [250.0, 10.0], "checks": [900.0, 25.0], "large": [250.0, 20.0]}
    repeated = {step: np.tile(count, (n, 1)) for step, count in counts.items()}
    asked = np.tile([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], (n // 3, 1))
    columns = Columns.of([outcome(place) for place in range(n)])
    return Recorded(columns, in_tokens(repeated), in_seconds(repeated), {"context first": asked})


def test_a_policy_takes_what_its_steps_take(recorded: Recorded) -> None:
    done = walk(Threshold(), recorded, np.arange(60))
    kept = done["small"] == 1
    assert kept.sum() == 30
    assert done["right"].sum() == 60
    drawn = done["verdicts"]  # in one request, and none that can't change the decision
    assert drawn.min() >= 6
    assert done["cost"][kept] == pytest.approx(300 + 900 + 100 * drawn[kept])
    assert done["tokens"] == pytest.approx(260 + 900 + 25 * drawn + np.where(kept, 0, 270))
    small, checks, large = 250 / 195 + 10 / 58, 900 / 195 + drawn * 25 / 58, 250 / 80 + 20 / 34
    assert done["seconds"] == pytest.approx(small + checks + np.where(kept, 0, large))
    alone = walk(Always(0), recorded, np.arange(60))
    assert (alone["right"].mean(), alone["score"].mean()) == (0.5, pytest.approx(0.7))
    assert alone["seconds"] == pytest.approx(small)


def test_a_peer_takes_what_it_asked_for(recorded: Recorded) -> None:
    done = peer(recorded.theirs["context first"], recorded)
    assert done["cost"][:3] == pytest.approx([300, 15300, 15000])
    assert done["tokens"][:3] == pytest.approx([260, 530, 270])
    assert done["small"][:3].tolist() == [1, 0, 0]
    assert done["score"][:3].tolist() == [1, 1, 1]
    assert done["score"][3] == 0.4  # the small model's, as only it was asked


def test_a_judge_that_is_never_wrong_scores_what_can_be_scored(recorded: Recorded) -> None:
    asked = never_wrong(recorded.columns)
    assert asked[:2].tolist() == [[1, 0], [1, 1]]
    assert peer(asked, recorded)["score"] == pytest.approx(recorded.columns.scores.max(axis=1))


def test_prices_change_what_the_large_model_costs_and_nothing_else(recorded: Recorded) -> None:
    cheap = recorded.at(10)
    assert walk(Always(1), cheap, np.arange(60))["cost"] == pytest.approx(3000)
    assert walk(Always(0), cheap, np.arange(60))["cost"] == pytest.approx(300)
    assert recorded.columns.costs[0, 1] == 15000


def test_each_fold_has_its_share_of_every_set() -> None:
    ids = [f"a-{i}" for i in range(52)] + [f"b-{i}" for i in range(23)]
    parts = list(folds(ids, 3))
    for part in parts:
        assert max(Counter(part.tolist()).values()) - min(Counter(part.tolist()).values()) <= 1
        for rows in (part[:52], part[52:]):
            sizes = Counter(rows.tolist())
            assert max(sizes.values()) - min(sizes.values()) <= 1
    assert (parts[0] != parts[1]).any()
    assert all((one == other).all() for one, other in zip(parts, folds(ids, 3), strict=True))


def test_no_question_is_judged_by_a_policy_that_knew_it(recorded: Recorded) -> None:
    """A learner that keeps a draft only where it knows the question keeps none; what others scored is known to it."""
    told: list[tuple[set[str], float]] = []

    def learn(some: Columns, scored: Mapping[str, float]) -> Policy:
        told.append((set(some.ids), scored["peer"]))
        return Always(len(told) % 2)

    splits, scores = list(folds(recorded.columns.ids, 2)), np.arange(60.0)
    done = held_out(learn, recorded, splits, {"peer": scores})
    assert len(told) == 2 * FOLDS
    for place, (known, aim) in enumerate(told):
        rest = np.flatnonzero(splits[place // FOLDS] != place % FOLDS)
        assert known == {recorded.columns.ids[row] for row in rest}
        assert aim == pytest.approx(scores[rest].mean())
    assert set(np.unique(done["small"])) <= {0.0, 0.5, 1.0}  # a mean of two splits
    assert done["cost"].mean() == pytest.approx(300 * done["small"].mean() + 15000 * (1 - done["small"].mean()))


def test_what_is_asked_for_is_as_cheap_as_it_gets_or_the_large_model(recorded: Recorded) -> None:
    every = np.arange(60)
    good = walk(as_good(recorded.columns.first(0), 0.9), recorded, every)
    assert good["score"].mean() > 0.85
    assert good["cost"].mean() < 0.7 * 15000
    blind = recorded.columns.limited(()).first(0)
    assert as_good(blind, 1.1) == Always(1)


def figures(score: list[float], cost: list[float]) -> Figures:
    spent = np.array(cost)
    return {
        "score": np.array(score),
        "right": np.array(score).round(),
        "cost": spent,
        "small": spent * 0,
        "verdicts": spent * 0,
    }


def test_comparisons_are_of_pairs_and_a_coin_gains_nothing() -> None:
    random = np.random.default_rng(0)
    large = random.integers(2, size=80).astype(float).tolist()
    small = (np.array(large) * random.integers(2, size=80)).tolist()
    costly, cheap = random.uniform(90, 110, 80).tolist(), random.uniform(1, 3, 80).tolist()
    half = [[(a + b) / 2 for a, b in zip(*pair, strict=True)] for pair in ((large, small), (costly, cheap))]
    coin = {**figures(large, costly), "score": np.array(half[0]), "cost": np.array(half[1])}
    found = {
        "always small": figures(small, cheap),
        LARGE: figures(large, costly),
        PEER: figures(large, [2 * value for value in costly]),
        "a coin": coin,
    }
    told = compared(found)
    assert told[LARGE]["score less"][LARGE] == [0, 0, 0]
    assert told[PEER]["a right answer of"][LARGE]["cost"] == pytest.approx([2, 2, 2])
    assert told["a coin"]["score less"]["a coin"] == pytest.approx([0, 0, 0], abs=1e-12)
    assert told[PEER]["score less"]["a coin"] == pytest.approx([0, 0, 0])  # no coin scores more than always large
    mean, low, high = told["always small"]["score less"][LARGE]
    assert low < mean < high < 0
    assert told[LARGE]["answer"]["cost"] == pytest.approx(sum(costly) / sum(large))


def test_the_remark_names_who_is_cheaper_at_no_lower_score() -> None:
    names = list(LEARNED)
    scores = {
        LARGE: (0.5, 100.0),
        PEER: (0.4, 80.0),
        names[0]: (0.45, 70.0),
        names[1]: (0.4, 60.0),
        names[2]: (0.6, 120.0),
    }
    scores |= dict.fromkeys(names[3:], (0.1, 1.0))
    told: Any = {name: {"question": {"score": score, "cost": cost}} for name, (score, cost) in scores.items()}
    said = remark(told)
    assert f"{LARGE} at a lower cost, by the means: none of ours." in said
    assert f"{PEER} at a lower cost, by the means: {names[1]} and {names[0]}." in said


def test_the_tables_have_a_row_for_each(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contestants, "LEARNED", {"fitted on evidence": LEARNED["fitted on evidence"]})
    told = compared(everyone(recorded, 1))
    one, other, _ = shown(told).split("\n\n")
    for table in (one, other):
        head, _, *rows = table.splitlines()
        assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(told)
        assert {row.count("|") for row in rows} == {head.count("|")}
    learned = told["fitted on evidence"]  # which tells right from wrong here
    assert learned["question"]["score"] == pytest.approx(1)
    assert learned["question"]["verdicts"] == 0
    assert learned["score less"]["a coin"][1] > 0


def test_what_is_recorded_is_numbers_of_the_same_questions() -> None:
    for path, made in ((record.THREE, sets.three_sets()), (record.SQUAD, sets.squad())):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert sorted(row["id"] for row in rows) == sorted(made.columns.ids)
        for row in rows:
            steps = {**row.get("tokens", {}), **{step: [took] for step, took in row.get("seconds", {}).items()}}
            assert set(steps) == {"small", "checks", "large"}
            assert all(isinstance(number, int | float) for step in steps.values() for number in step)
            assert set(row) - {"tokens", "seconds"} == {"id", "cascadeflow"}
        for asked in made.theirs.values():
            assert set(asked.ravel()) <= {0, 1}
            assert (asked.sum(axis=1) > 0).all()
    tokens = sets.three_sets().tokens
    assert isinstance(tokens, Meter)
    assert tokens.answers.min() > 0


def test_no_text_is_kept() -> None:
    row = {
        "id": "a-1",
        "question": "secret",
        "context": "secret",
        "small": {"answer": "secret", "tokens": [["secret", -1.0, []]], "score": 1.0},
        "large": {"answer": "secret", "tokens": [["secret", -1.0]]},
        "usage": {name: {"input": 9, "output": 2} for name in ("small", "verify", "large")},
    }
    assert record.tokens(row) == {"tokens": {name: [9, 2] for name in ("small", "checks", "large")}}
    whole = record.as_shown(row, record.PROMPTS["context first"])
    assert whole["small"] == {"answer": "secret", "tokens": [["secret", -1.0, []]], "usage": {"input": 9, "output": 2}}
    assert "secret" in whole["prompt"]


def test_an_environment_without_the_peer_is_said() -> None:
    with pytest.raises(SystemExit, match="cascadeflow's run failed"):
        record.theirs([], "{question}", sys.executable)
