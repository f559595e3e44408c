"""The exact POMDP policy: equal to brute force, feasible in every state, explained."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.decision import Accept, Draft, Finish, State, Tally, Verify
from automix_core.errors import ConfigError, PolicyError
from automix_core.outcomes.verdict_cost import VerdictCost
from automix_core.policies import POMDP, Always, Mixture, ObservationModel, Problem, Threshold, solve
from automix_core.policies.expected import expected
from automix_core.policies.problem import final_counts, tallies, thinning
from automix_core.policies.solver import _thinnings, value
from tests.core.naive import best, played
from tests.core.strategies import problems, states

GOOD_OR_NEEDY = ObservationModel(2, [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]], VerdictCost(each=0.1))
TWO = Problem([0.6, 0.4], [[1, 1], [0, 1]], [1, 50], [GOOD_OR_NEEDY], cost_weight=0.01, states=["good", "needy"])
READS = ObservationModel(2, [[0.1, 0.2, 0.4, 0.1, 0.1, 0.1], [0.3, 0.2, 0.0, 0.2, 0.1, 0.2]])


@settings(max_examples=60, deadline=None)
@given(problems(models=2))
def test_two_models_equal_brute_force(problem: Problem) -> None:
    """The solver's value and the policy it returns both reach the best value there is."""
    optimum = best(problem, (None, None))
    assert value(problem).reward == pytest.approx(optimum, abs=1e-9)
    assert played(problem, solve(problem)) == pytest.approx(optimum, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(problems(models=3, last_checked=True), st.booleans())
def test_what_is_expected_of_a_policy(problem: Problem, fixed: bool) -> None:
    """Following the policy forwards gives the value that was computed backwards: score, cost and verdicts too."""
    ahead, back = expected(solve(problem, fixed=fixed), problem), value(problem, fixed=fixed)
    assert astuple(ahead) == pytest.approx(astuple(back), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(problems(models=2), st.floats(0, 1))
def test_what_is_expected_of_any_policy(problem: Problem, weight: float) -> None:
    """Thresholds and mixtures, against playing every sequence of verdicts."""
    for policy in (Threshold(0.5), Always(1)):
        assert expected(policy, problem).reward == pytest.approx(played(problem, policy), abs=1e-9)
    mixed = expected(Mixture(Threshold(0.5), Always(1), weight), problem).reward
    apart = weight * played(problem, Threshold(0.5)) + (1 - weight) * played(problem, Always(1))
    assert mixed == pytest.approx(apart, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(problems(models=3, most_checks=2, last_checked=True))
def test_three_models_equal_brute_force(problem: Problem) -> None:
    """The same with three models, the last of which may be checked too."""
    optimum = best(problem, (None, None, None))
    assert value(problem).reward == pytest.approx(optimum, abs=1e-9)
    assert played(problem, solve(problem)) == pytest.approx(optimum, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(problems(models=4, most_checks=1))
def test_four_models_equal_brute_force(problem: Problem) -> None:
    """The same with four models."""
    assert played(problem, solve(problem)) == pytest.approx(best(problem, (None,) * 4), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(problems(models=2), st.sampled_from([0.0, 0.05, 0.5]))
def test_fixed_sampling_never_beats_the_best_policy(problem: Problem, more: float) -> None:
    """Forcing all k checks is one of the policies, so it can't be better; a dearer verdict can't help either."""
    assert value(problem, fixed=True).reward <= value(problem).reward + 1e-9
    assert played(problem, solve(problem, fixed=True)) == pytest.approx(value(problem, fixed=True).reward, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(problems(models=3), states(models=3), st.booleans())
def test_every_decision_can_be_carried_out(problem: Problem, state: State, fixed: bool) -> None:
    """Never more verdicts than are available, never a draft that isn't held or that no check could read."""
    action = solve(problem, fixed=fixed).decide(state).action
    held = state.drafted[action.model]
    if isinstance(action, Verify):
        assert held
        assert 1 <= action.n <= state.available[action.model]
    elif isinstance(action, Accept):
        tally = state.tallies[action.model]
        mute = tally.confidence is None and tally.drawn + tally.failed > 0
        assert held
        assert not mute or action.model == 2 or all(state.drafted[action.model + 1 :])
    else:
        assert not held
        assert state.latest is None or action.model > state.latest


@given(problems(models=2))
def test_likelihoods_of_prefixes_add_up(problem: Problem) -> None:
    """After any number of checks the tallies' probabilities sum to 1 in each hidden state."""
    for model in problem.observations:
        if model is not None:
            for drawn in range(model.k + 1):
                rows = [model.of(count) for count in tallies(model.k, model.reads) if sum(count) == drawn]
                assert all(math.fsum(row[s] for row in rows) == pytest.approx(1) for s in range(len(problem.prior)))


def test_thinning_is_hypergeometric() -> None:
    assert thinning((1, 1, 0), (2, 1, 1)) == pytest.approx(2 / 6)
    assert thinning((3, 0, 0), (2, 1, 1)) == 0
    assert final_counts(2)[:3] == ((0, 2, 0), (1, 1, 0), (2, 0, 0))


def test_the_table_by_hand() -> None:
    """Two checks, both correct: P(good) = .6*.7 / (.6*.7 + .4*.1)."""
    policy = solve(TWO)
    decision = policy.decide(State((True, False), (Tally(2, 0), Tally()), (0, 0)))
    good = 0.42 / 0.46
    assert decision.action == Accept(0)
    assert decision.values["belief"] == pytest.approx({"good": good, "needy": 1 - good})
    assert decision.values["expected"] == pytest.approx({Accept(0): good, Finish(1): 1 - 0.5})
    assert decision.values["scores"] == pytest.approx([good, 1])
    assert decision.reason == (
        "2 of 2 readable verdicts say correct: the draft of model 0 is worth 0.913; "
        "the answer of model 1 is worth 0.500, a score of 1.000 less 0.500 for its cost."
    )


def test_start_drafts_where_checking_pays() -> None:
    assert solve(TWO).decide(State.start(2, 2)).action == Draft(0)


def test_without_verdicts_no_draft_is_made() -> None:
    """A draft that can't be checked would be paid for in vain: the best single model finishes at once."""
    assert solve(TWO).decide(State.start(2, 0)).action == Finish(0)


def test_free_verdicts_stop_once_the_decision_is_settled() -> None:
    """Curtailment: where every verdict to come leaves the decision as it is, none is drawn."""
    certain = ObservationModel(8, [[0] * 8 + [1], [1] + [0] * 8])
    policy = solve(Problem([0.5, 0.5], [[1, 1], [0, 1]], [0, 1], [certain], cost_weight=0.2))
    assert policy.decide(State((True, False), (Tally(), Tally()), (8, 0))).action == Verify(0, 1)
    assert policy.decide(State((True, False), (Tally(1), Tally()), (7, 0))).action == Accept(0)
    assert policy.decide(State((True, False), (Tally(0, 1), Tally()), (7, 0))).action == Finish(1)


def test_a_direct_confidence_counts_as_the_nearest_share() -> None:
    policy = solve(TWO)
    for probability, count in [(0.9, (2, 0)), (0.5, (1, 1)), (0.74, (1, 1)), (0.1, (0, 2))]:
        direct = State((True, False), (Tally(probability=probability), Tally()), (0, 0))
        counted = State((True, False), (Tally(*count), Tally()), (0, 0))
        assert policy.decide(direct).action == policy.decide(counted).action
        assert policy.decide(direct).values == policy.decide(counted).values


def test_tallies_beyond_k_are_scaled() -> None:
    policy = solve(TWO)
    assert policy.history(State((True, False), (Tally(9, 3), Tally()), (0, 0))) == ((2, 0, 0), None)
    unread = solve(Problem([0.6, 0.4], [[1, 1], [0, 1]], [1, 50], [READS], 0.01))
    assert unread.history(State((True, False), (Tally(6, 2, 8), Tally()), (0, 0))) == ((1, 0, 1), None)


def test_unreadable_verdicts_say_nothing_without_a_table_for_them() -> None:
    policy = solve(TWO)
    assert policy.history(State((True, False), (Tally(1, 0, 5), Tally()), (0, 0))) == ((1, 0, 0), None)


@pytest.mark.parametrize("tally", [Tally(unreadable=2), Tally(failed=1)])
@pytest.mark.parametrize("model", [GOOD_OR_NEEDY, READS])
def test_a_draft_that_no_check_could_read_is_never_kept(tally: Tally, model: ObservationModel) -> None:
    """Even where the larger model is not worth its price."""
    policy = solve(Problem([0.6, 0.4], [[1, 1], [1, 0]], [1, 50], [model], 0.01))
    assert policy.decide(State((True, False), (tally, Tally()), (0, 0))).action == Finish(1)


def test_failed_checks_are_no_verdicts() -> None:
    policy = solve(TWO)
    some = State((True, False), (Tally(2, 0, 0, failed=3), Tally()), (0, 0))
    assert policy.decide(some).action == Accept(0)


def test_verdicts_that_no_state_predicts_leave_the_belief() -> None:
    sure = ObservationModel(1, [[0, 1], [0, 1]])
    policy = solve(Problem([0.6, 0.4], [[1, 1], [0, 1]], [1, 50], [sure], 0.01))
    decision = policy.decide(State((True, False), (Tally(0, 1), Tally()), (0, 0)))
    assert decision.action == Accept(0)
    assert decision.values["belief"] == {"state 0": 0.6, "state 1": 0.4}
    assert decision.reason.startswith("Outside the policy's table")


def test_another_number_of_models_is_an_error() -> None:
    with pytest.raises(PolicyError, match="made for 2 models, the cascade has 3"):
        solve(TWO).decide(State.start(3, 8))


def test_policies_are_hashable_and_equal_by_value() -> None:
    assert solve(TWO) == solve(TWO)
    assert hash(solve(TWO)) == hash(solve(TWO))
    assert repr(solve(TWO)) == "POMDP(models=2, cost_weight=0.01)"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prior": [0.5, 0.4]}, "prior must sum to 1"),
        ({"prior": [1.5, -0.5]}, "prior must be numbers"),
        ({"costs": [1]}, "two models or more"),
        ({"costs": [1, math.nan]}, "costs must be numbers"),
        ({"scores": [[1, 1]]}, "scores must have a row"),
        ({"scores": [[1, 2], [0, 1]]}, "scores\\[0\\] must be numbers from 0 to 1"),
        ({"scores": [[1, "a"], [0, 1]]}, "scores must be rows of numbers"),
        ({"cost_weight": math.inf}, "cost_weight must be numbers"),
        ({"observations": [None, None, None]}, "3 entries for 2 models"),
        ({"observations": [ObservationModel(1, [[0, 1]])]}, "1 rows for 2 hidden states"),
        ({"states": ["only one"]}, "states names 1"),
    ],
)
def test_tables_that_do_not_fit_are_refused(change: dict[str, object], words: str) -> None:
    fine: dict[str, object] = {
        "prior": [0.6, 0.4],
        "scores": [[1, 1], [0, 1]],
        "costs": [1, 50],
        "observations": [GOOD_OR_NEEDY],
        "cost_weight": 0.01,
    }
    with pytest.raises(ConfigError, match=words):
        Problem(**{**fine, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("k", "table", "words"),
    [
        (0, [[1]], "from 1 on"),
        (2, [[0.5, 0.5]], "has 2 entries"),
        (1, [[0.5, 0.6]], "must sum to 1"),
        (1, [[0.5, 0.5], [0.5, 0.25, 0.25]], "same length"),
    ],
)
def test_observation_models_that_do_not_fit_are_refused(k: int, table: list[list[float]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ObservationModel(k, table)


def test_a_node_of_another_cascade_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not one of its 2 models"):
        POMDP(TWO, {(None, None, None): ((Finish(0), 0.0),)})


def test_a_direct_confidence_is_one_check_at_one_price() -> None:
    """All is known after one check of price first + each; by hand: .5 * 1 + .5 * (1 - .4) - .01 * 2."""
    classifier = ObservationModel(4, [[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]], VerdictCost(first=1, each=1), direct=True)
    problem = Problem([0.5, 0.5], [[1, 1], [0, 1]], [0, 40], [classifier], cost_weight=0.01)
    policy = solve(problem)
    assert policy.decide(State.start(2, 8)).action == Draft(0)
    assert policy.decide(State((True, False), (Tally(), Tally()), (8, 8))).action == Verify(0, 1)
    sure = State((True, False), (Tally(probability=0.95), Tally()), (0, 8))
    unsure = State((True, False), (Tally(probability=0.1), Tally()), (0, 8))
    assert policy.decide(sure).action == Accept(0)
    assert policy.decide(unsure).action == Finish(1)
    assert value(problem).reward == pytest.approx(0.5 * 1 + 0.5 * (1 - 0.4) - 0.02)
    assert value(problem).verdicts == 1
    assert astuple(expected(policy, problem)) == pytest.approx(astuple(value(problem)))
    assert policy.history(State((True, False), (Tally(3, 1), Tally()), (4, 8))) == ((3, 1, 0), None)


@pytest.mark.parametrize("reads", [False, True])
def test_the_table_of_likelihoods_is_that_of_each_tally(reads: bool) -> None:
    """Found from the tallies one check later, against thinning the final ones."""
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(28 if reads else 7), size=3)
    model = ObservationModel(6, rows.tolist())
    table = model.table()
    assert set(table) == set(model.seen)
    for count, likelihood in table.items():
        assert likelihood == pytest.approx(model.of(count), abs=1e-12)


def test_thinning_all_tallies_at_once() -> None:
    counts = tallies(4, True)
    found = _thinnings(np.array(counts))
    for i, part in enumerate(counts):
        for j, whole in enumerate(counts):
            assert found[i, j] == pytest.approx(thinning(part, whole), abs=1e-15)
