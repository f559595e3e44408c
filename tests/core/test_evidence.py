"""Evidence: from signals to a probability, seen first by the exact policy, or of fixed weights."""

from __future__ import annotations

import json
import math
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.decision import Accept, Decision, Draft, Finish, Measure, State, Tally, Verify, sorted_signals
from automix_core.errors import ConfigError, PolicyError
from automix_core.evidence import UNFITTED, Estimator, Evidence, Term, warn_missing
from automix_core.policies import (
    Always,
    Curtailed,
    Mixture,
    Problem,
    SignalModel,
    Threshold,
    solve,
)
from automix_core.policies.expected import expected
from automix_core.policies.explain import explain
from automix_core.policies.saving import load_policy, save_policy
from automix_core.policies.solver import value
from automix_core.routing.drivers import run
from automix_core.routing.effects import Decide, Failure, Gauge, Measured, Reply, Result
from automix_core.routing.procedure import route
from tests.core import naive_signals
from tests.core.evident import RISING, drafted
from tests.core.flows import script
from tests.core.strategies import with_signals

BOTH = Estimator([Term("support", 2.0, (0.0, 1.0), (0.0, 1.0)), Term("logprob_min", 1.0, (-3.0, 0.0), (0.0, 2.0))])


# --- estimators


def test_evidence_by_hand() -> None:
    """sigma(-2 + 4 * 0.75), the curve level beyond its ends."""
    assert RISING.of({"support": 0.75}) == pytest.approx(1 / (1 + math.exp(-1)))
    assert RISING.of({"support": 7}) == RISING.of({"support": 1})
    assert BOTH.of({"support": 0.5, "logprob_min": -1.5}) == pytest.approx(1 / (1 + math.exp(-2)))


@pytest.mark.parametrize("signals", [{}, {"support": math.nan}, {"support": math.inf}, {"echo": 1.0}])
def test_a_missing_signal_is_never_guessed(signals: dict[str, float]) -> None:
    assert RISING.of(signals) is None
    assert Evidence([BOTH, RISING]).of(signals) is None


def test_the_estimator_fitted_without_a_missing_signal_is_used() -> None:
    evidence = Evidence([BOTH, RISING])
    assert evidence.of({"support": 0.5}) == RISING.of({"support": 0.5})
    assert evidence.missing({"support": 0.5}) == ("logprob_min",)
    assert evidence.names == ("logprob_min", "support")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Term("a", math.nan, (0,), (1,)), "not finite"),
        (lambda: Term("a", 1, (1, 1), (0, 1)), "rising values"),
        (lambda: Term("a", 1, (), ()), "rising values"),
        (lambda: Estimator([]), "different signals"),
        (lambda: Estimator([RISING.terms[0], RISING.terms[0]]), "different signals"),
        (lambda: Evidence([]), "an estimator at least"),
    ],
)
def test_an_estimator_that_can_not_be_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build()


def test_fixed_weights_order_drafts_by_every_signal_they_know() -> None:
    good = {"support": 1.0, "logprob_sum": -0.2, "echo": 0.0, "unsupported_numbers": 0.0}
    evidence = UNFITTED.of(good)
    assert evidence is not None
    assert evidence > 0.9
    for name, worse in (("support", 0.3), ("logprob_sum", -6.0), ("echo", 1.0), ("unsupported_numbers", 2.0)):
        less = UNFITTED.of({**good, name: worse})
        assert less is not None
        assert less < evidence
    assert UNFITTED.of({"support": 1.0}) == 1.0
    assert UNFITTED.of({"echo": 0.0, "length": 3.0}) is None


# --- the exact policy


@settings(max_examples=60, deadline=None)
@given(with_signals())
def test_evidence_and_measuring_equal_brute_force(problem: Problem) -> None:
    """The free evidence first, then any mix of paid signals and verdicts: as good as trying everything."""
    assert value(problem).reward == pytest.approx(naive_signals.best(problem, (None, None)), abs=1e-9)


@settings(max_examples=12, deadline=None)
@given(with_signals(models=3, most_checks=1))
def test_three_models_with_signals_equal_brute_force(problem: Problem) -> None:
    assert value(problem).reward == pytest.approx(naive_signals.best(problem, (None, None, None)), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(with_signals(models=3))
def test_following_the_policy_gives_what_solving_promised(problem: Problem) -> None:
    policy = solve(problem)
    assert astuple(expected(policy, problem)) == pytest.approx(astuple(value(problem)), abs=1e-9)
    ended = [row for row in explain(policy) if isinstance(row.decision.action, Accept | Finish)]
    assert sum(row.reached or 0 for row in ended) == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(with_signals(models=3))
def test_a_policy_with_signals_comes_back_from_its_file(
    tmp_path_factory: pytest.TempPathFactory, problem: Problem
) -> None:
    path = tmp_path_factory.getbasetemp() / "signals.json"
    policy = solve(problem)
    save_policy(policy, path)
    assert load_policy(path) == policy


@settings(max_examples=80, deadline=None)
@given(with_signals(), st.booleans(), st.floats(0, 1), st.integers(0, 2), st.booleans(), st.floats(-3, 3))
def test_every_decision_with_signals_can_be_carried_out(
    problem: Problem, known: bool, evidence: float, available: int, offered: bool, p: float
) -> None:
    """Missing evidence, measures that aren't offered, fewer verdicts than it was solved with."""
    signals = sorted_signals({"evidence": evidence, "p_correct": p} if known else {})
    purchasable = (("agreement", "p_correct"), ()) if offered else ()
    for tally in (Tally(), Tally(1, 0), Tally(0, 1, 1)):
        state = State((True, False), (tally, Tally()), (available, 8), 0.0, (signals, ()), (), purchasable)
        action = solve(problem).decide(state).action
        assert not isinstance(action, Draft)
        if isinstance(action, Verify):
            assert action.n <= available
        if isinstance(action, Measure):
            assert action.name in state.purchasable_of(0)


FREE_AND_SURE = SignalModel([0.3, 0.8], [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]], evidence=Evidence([RISING]))
TWO = Problem([0.6, 0.4], [[1, 1], [0, 1]], [1, 50], [None], 0.01, ["good", "needy"], [[FREE_AND_SURE]])


def test_evidence_alone_decides_at_once() -> None:
    """P(good | upper bin) = .6 * .7 / (.6 * .7 + .4 * .1); no verdict is to be had."""
    policy = solve(TWO)
    assert policy.decide(State.start(2, 0)).action == Draft(0)
    kept = policy.decide(drafted(support=1.0))
    assert kept.action == Accept(0)
    assert kept.values["evidence"] == pytest.approx(0.42 / 0.46)
    assert "evidence 0.80 or more" in kept.reason.lower()
    assert policy.decide(drafted(support=0.0)).action == Finish(1)


def test_a_draft_whose_signals_are_missing_is_decided_by_what_is_known() -> None:
    policy = solve(TWO)
    decision = policy.decide(drafted())
    assert decision.values["evidence"] == pytest.approx(0.6)
    assert policy.missing(0, {}) == ("support",)
    assert policy.signal_names == ("support",)
    assert policy.measures == ()


def test_a_table_for_other_bins_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    save_policy(solve(TWO), path)
    record = json.loads(path.read_text())
    record["policy"]["nodes"][-1]["seen"] = [[0, 0, 0, 9], None]
    path.write_text(json.dumps(record))
    with pytest.raises(PolicyError, match="impossible"):
        load_policy(path)


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (lambda: SignalModel([0.5, 0.5], [[0.3, 0.3, 0.4]]), "above the one before"),
        (lambda: SignalModel([0.5], [[1.0]]), "1 entries for 2 bins"),
        (lambda: SignalModel([0.5], [[0.5, 0.6]]), "sum to 1"),
        (lambda: SignalModel([], [[1.0]], "p", cost=-1), "cost of 'p'"),
        (lambda: replace(TWO, signals=[[FREE_AND_SURE, FREE_AND_SURE]]), "two models of one name"),
    ],
)
def test_a_signal_model_that_can_not_be_is_refused(signal: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        signal()


# --- the procedure


def play(policy: Any, start: State, *given_: Result) -> tuple[Any, list[Any]]:
    left, effects = list(given_), list[Any]()

    def perform(effect: Any) -> Result:
        if isinstance(effect, Decide):
            decision: Decision = policy.decide(effect.state)
            return decision
        effects.append(effect)
        return left.pop(0)

    return run(route(start), perform), effects


def test_the_procedure_carries_signals_and_measures() -> None:
    """Free signals come with the draft; a measured one joins them and can't be had twice."""
    policy = script(Draft(0), Measure(0, "p_correct"), Accept(0))
    start = State.start(2, 4, purchasable=("p_correct", "sufficient"))
    ending, effects = play(policy, start, Reply("a", signals={"support": 1.0}), Measured(2.5))
    gauge = effects[1]
    assert isinstance(gauge, Gauge)
    assert (gauge.model, gauge.name, gauge.reply.text) == (0, "p_correct", "a")
    assert policy.seen[1].signals == ((("support", 1.0),), ())
    assert policy.seen[2].signals == ((("p_correct", 2.5), ("support", 1.0)), ())
    assert policy.seen[2].purchasable == (("sufficient",), ("p_correct", "sufficient"))
    assert ending.signals == (("p_correct", 2.5), ("support", 1.0))
    assert [step.do for step in ending.steps] == ["draft", "measure", "accept"]


def test_a_measure_that_fails_is_missing_and_the_policy_is_asked_again() -> None:
    policy = script(Draft(0), Measure(0, "p"), Finish(1))
    ending, _ = play(policy, State.start(2, 4, purchasable=["p"]), Reply("a"), Failure(TimeoutError()))
    assert policy.seen[2].purchasable == ((), ("p",))
    assert policy.seen[2].signals_of(0) == {}
    assert ending.errors == ("TimeoutError",)


def test_a_number_that_is_not_finite_is_missing() -> None:
    policy = script(Draft(0), Accept(0))
    play(policy, State.start(2, 4), Reply("a", signals={"support": math.nan, "echo": math.inf, "length": 1}))
    assert policy.seen[1].signals_of(0) == {"length": 1.0}


def test_what_is_not_offered_can_not_be_measured() -> None:
    with pytest.raises(PolicyError, match="sufficient can be measured"):
        play(script(Draft(0), Measure(0, "p")), State.start(2, 4, purchasable=["sufficient"]), Reply("a"))
    with pytest.raises(PolicyError, match="draft first"):
        play(script(Measure(0, "p")), State.start(2, 4, purchasable=["p"]))


# --- policies of policies, and what is missing


def test_a_missing_signal_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    policy = solve(replace(TWO, signals=[[replace(FREE_AND_SURE, evidence=Evidence([BOTH, RISING]))]]))
    for wrapped in (policy, Curtailed(policy), Mixture(policy, Always(1), 0.5)):
        warn_missing(wrapped, 0, {"support": 1.0})
    warn_missing(policy, 0, {"support": 1.0, "logprob_min": -1.0})
    warn_missing(Threshold(0.5), 0, {})
    assert [record.getMessage()[:55] for record in caplog.records] == [
        "The policy was fitted with the signals logprob_min, whi"
    ]


def test_policies_of_policies_name_their_signals() -> None:
    for wrapped in (Curtailed(solve(TWO)), Mixture(Always(0), solve(TWO), 0.5)):
        assert wrapped.signal_names == ("support",)
        assert wrapped.measures == ()
