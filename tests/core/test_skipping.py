"""What is known before any draft, and skipping the smaller models where that says a draft would be wasted."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automix_core import Always, Mixture, Threshold, evaluate, explain, fit, load_policy, save_policy
from automix_core.checking.query import Query
from automix_core.decision import Accept, Decision, Draft, Finish, State
from automix_core.errors import AutoMixError, ConfigError
from automix_core.evaluation.replay import replay
from automix_core.evidence import asked, asked_in, asked_of
from automix_core.evidence.estimator import Estimator, Evidence, Term
from automix_core.fitting.curve import curve
from automix_core.fitting.skips import learn_skip, wasted_by
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.policies import Curtailed, EvidenceThreshold, Skipping
from automix_core.policies.rule import sentence

WASTED = Evidence([Estimator([Term("question_words", 10.0, (10.0, 20.0), (-1.0, 1.0))])])
SKIPPING = Skipping(Threshold(0.75), WASTED, 1)


class Own:
    """A policy that tells nothing of itself."""

    def __repr__(self) -> str:  # a test's name, the same in every process
        return "Own()"

    def decide(self, state: State) -> Decision:
        return Decision(Finish(int(dict(state.query_signals).get("question_words", 0) >= 15)), "because")


def state(**known: float) -> State:
    return State.start(2, 8, query_signals=known)


def records(n: int, seed: int = 0, *, told: bool = True) -> list[Outcome]:
    """Long questions are beyond the small model; checks of it say little. Without `told` the length says nothing."""
    rng = random.Random(seed)
    found = []
    for i in range(n):
        words = rng.randint(5, 25)
        right = rng.random() < 1 / (1 + math.exp((words if told else 15) - 15))
        verdicts = [int(rng.random() < (0.6 if right else 0.5)) for _ in range(4)]
        models = [
            {"name": "small", "score": float(right), "cost": 5.0, "verdicts": verdicts, "verdict_cost": 2.0},
            {"name": "large", "score": float(rng.random() < 0.9), "cost": 20.0},
        ]
        known = {"question_words": float(words), "passages": 3.0}
        found.append(Outcome.model_validate({"id": f"{seed}-{i}", "models": models, "query_signals": known}))
    return found


def test_a_query_s_signals_by_hand() -> None:
    passages = ["The tower has 3 floors.", "It is in Paris."]
    assert asked("How many floors has the tower of Rome, two or 3?", passages) == {
        "context_words": 9,
        "overlap": 5 / 11,
        "passages": 2,
        "question_numbers": 2,
        "question_words": 11,
    }
    assert asked("东京在哪里?", None) == {"question_words": 5, "question_numbers": 0}
    assert asked(None, "A whole prompt.") == {"context_words": 3, "passages": 1}
    assert asked("Who?", "Oda.", ["passages"]) == {"passages": 1}
    assert asked("Who?", "Oda.", []) == asked("", " ") == asked("?!", None) == {}


def test_the_question_of_a_whole_prompt_is_not_apart() -> None:
    query = Query("Who?", ("Who? Oda.",), source="prompt")
    assert asked_in(query) == {"context_words": 2, "passages": 1}
    assert asked_of(query, Threshold(0.5)) == {}
    assert asked_of(query, SKIPPING) == {}
    assert asked_of(Query("Who?", ("Oda.",)), SKIPPING) == {"question_words": 1}
    assert asked_of(query, Own()) == {"context_words": 2, "passages": 1}


def test_drafts_are_skipped_by_the_question_alone() -> None:
    assert SKIPPING.decide(state(question_words=25)).action == Finish(1)
    assert SKIPPING.decide(state(question_words=5)).action == Draft(0)
    assert SKIPPING.decide(state()).action == Draft(0), "what is missing is not guessed"
    assert "wasted" in SKIPPING.decide(state(question_words=25)).reason
    held = State((True, False), state().tallies, (0, 8), query_signals=(("question_words", 25.0),))
    assert not isinstance(SKIPPING.decide(held).action, Accept)
    assert SKIPPING.decide(held).action == Threshold(0.75).decide(held).action


def test_policies_of_policies_tell_what_they_look_at() -> None:
    assert SKIPPING.query_signal_names == Curtailed(SKIPPING).query_signal_names == ("question_words",)
    assert Mixture(SKIPPING, Always(0), 0.5).query_signal_names == ("question_words",)
    assert (Always(0).query_signal_names, SKIPPING.signal_names, SKIPPING.measures) == ((), (), ())
    assert "overlap" in Curtailed(Own()).query_signal_names
    assert "overlap" in Skipping(Own(), WASTED, 1).query_signal_names, "one that doesn't tell may look at any"
    assert SKIPPING.missing(0, {}) == ()
    by_words = Skipping(EvidenceThreshold(0.6), WASTED, 1)
    assert "support" in by_words.missing(0, {})
    assert "support" in by_words.signal_names


@pytest.mark.parametrize(("given", "said"), [({"model": 0}, "later model"), ({"at_least": 2.0}, "from 0 to 1")])
def test_a_skip_that_can_not_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Skipping(**{"policy": Always(0), "wasted": WASTED, "model": 1, **given})


def test_a_skip_to_a_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(AutoMixError, match="skips to model 2"):
        Skipping(Always(0), WASTED, 2).check_models(2)
    SKIPPING.check_models(2)


def test_a_skip_comes_back_from_its_file(tmp_path: Path) -> None:
    save_policy(SKIPPING, tmp_path / "policy.json")
    assert load_policy(tmp_path / "policy.json") == SKIPPING


def test_fit_keeps_a_choice_before_any_draft_where_it_wins() -> None:
    found = fit(records(300))
    assert isinstance(found.policy, Skipping)
    assert found.policy.query_signal_names == ("question_words",), "what never varies is left out"
    assert any("without a draft" in note for note in found.notes)
    test = records(1000, seed=1)
    done, without = evaluate(found.policy, test), evaluate(found.policy.policy, test)
    weight = found.cost_weight
    assert done.performance - weight * done.cost > without.performance - weight * without.cost
    first, *rest = explain(found.policy)
    assert (first.decision.action, bool(rest)) == (Finish(1), True)
    assert sentence([first], ["s", "l"]).startswith("l answers at once, without a draft, where question_words make it")
    assert curve(found.policy, Columns.of(test))


@pytest.mark.parametrize("seed", range(3))
def test_fit_keeps_none_where_the_query_says_nothing(seed: int) -> None:
    assert not isinstance(fit(records(200, seed, told=False)).policy, Skipping)


def test_only_named_signals_are_tried() -> None:
    assert not isinstance(fit(records(300), signals=["passages"]).policy, Skipping)


@pytest.mark.parametrize("policy", [SKIPPING, Mixture(SKIPPING, Always(0), 0.5), Own()], ids=repr)
def test_a_replay_knows_the_query(policy: Any) -> None:
    columns = Columns.of(records(40))
    long = columns.query_signals["question_words"] >= 15
    done = replay(policy, columns)
    sure = columns.coins < 0.5 if isinstance(policy, Mixture) else np.ones(40, dtype=bool)
    assert (done.model[long & sure] == 1).all()
    assert not done.drafted[long & sure, 0].any()
    if not isinstance(policy, Own):
        assert done.drafted[~long, 0].all()


def test_too_little_is_no_skip() -> None:
    columns = Columns.of(records(40))
    folds = np.array_split(np.arange(40), 5)
    assert learn_skip(columns, columns.scores[:, 0], 0.01, folds) is None
    words = {"question_words": np.arange(60.0)}
    assert wasted_by(words, np.zeros(60)) is None
    assert wasted_by(words, np.ones(60)) is None
    assert wasted_by({"passages": np.ones(60)}, np.arange(60.0) - 30) is None
    once = np.array([0.0] * 59 + [1.0])
    assert wasted_by({"passages": once}, np.append(np.arange(59.0) - 30, 0)) is None, "varies where nothing is at stake"


def test_old_outcomes_and_null_signals_are_read() -> None:
    old = records(1)[0].model_dump(exclude={"query_signals"})
    assert Outcome.model_validate(old).query_signals == {}
    assert Outcome.model_validate({**old, "query_signals": {"overlap": None, "passages": 2}}).query_signals == {
        "passages": 2
    }
