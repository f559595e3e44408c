"""Evidence: from signals to a probability, seen first by the exact policy, learned, or of fixed weights."""

from __future__ import annotations

import json
import math
import random
import threading
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.decision import Accept, Decision, Draft, Finish, Measure, State, Tally, Verify, sorted_signals
from automix_core.errors import ConfigError, PolicyError
from automix_core.evaluation.evaluate import evaluate
from automix_core.evaluation.replay import replay
from automix_core.evidence import UNFITTED, Estimator, Evidence, Term, warn_missing
from automix_core.evidence.arrays import evidence_of
from automix_core.fitting.estimate import estimate
from automix_core.fitting.evidence import fit_evidence
from automix_core.fitting.fit import fit
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.policies import (
    POMDP,
    Always,
    Curtailed,
    EvidenceThreshold,
    Mixture,
    Problem,
    Share,
    SignalModel,
    Threshold,
    solve,
)
from automix_core.policies.expected import expected
from automix_core.policies.explain import explain
from automix_core.policies.provider import Fixed, PolicyProvider, provider_of
from automix_core.policies.rounds import ROUND, in_rounds
from automix_core.policies.saving import load_policy, save_policy
from automix_core.policies.solver import value
from automix_core.routing.drivers import run
from automix_core.routing.effects import Check, Checks, Decide, Failure, Gauge, Measured, Reply, Result
from automix_core.routing.procedure import route
from tests.core import naive_signals
from tests.core.flows import script
from tests.core.strategies import with_signals

RISING = Estimator([Term("support", 4.0, (0.0, 1.0), (0.0, 1.0))], bias=-2.0)
BOTH = Estimator([Term("support", 2.0, (0.0, 1.0), (0.0, 1.0)), Term("logprob_min", 1.0, (-3.0, 0.0), (0.0, 2.0))])


def drafted(**signals: float) -> State:
    """Model 0 of two has drafted, with these signals; eight verdicts can be drawn."""
    return State((True, False), (Tally(), Tally()), (8, 8), signals=(sorted_signals(signals), ()))


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


# --- learning from outcomes


def records(n: int, seed: int = 0, *, useful: bool = True, paid: bool = False, verdicts: int = 0) -> list[Outcome]:
    """Drafts of which the small model's signals know something, if `useful`."""
    rng = random.Random(seed)
    found = []
    for i in range(n):
        ease = rng.gauss(0, 1)
        right = rng.random() < 1 / (1 + math.exp(-2 * ease))
        seen = ease if useful else rng.gauss(0, 1)
        support, low = min(1.0, max(0.0, 0.6 + 0.3 * seen + rng.gauss(0, 0.1))), -abs(rng.gauss(1.5 - seen, 0.4))
        small: dict[str, Any] = {"name": "small", "score": float(right), "cost": 1.0}
        small["signals"] = {"support": support, "logprob_sum": low, "echo": rng.random()}
        if paid:
            small["signals"]["p_correct"] = 3 * (right - 0.5) + rng.gauss(0, 1)
            small["signal_cost"] = {"p_correct": 0.5}
        if verdicts:
            small["verdicts"] = [int(rng.random() < (0.7 if right else 0.4)) for _ in range(verdicts)]
            small["verdict_cost"] = 2.0
        large = {"name": "large", "score": float(right or rng.random() < 0.8), "cost": 30.0}
        found.append(Outcome.model_validate({"id": f"{seed}-{i}", "models": [small, large]}))
    return found


def auroc(values: Any, right: Any) -> float:
    good, bad = values[right][:, None], values[~right][None]
    return float(((good > bad) + 0.5 * (good == bad)).mean())


@pytest.mark.parametrize("n", [40, 150])
def test_learned_evidence_tells_right_drafts_from_wrong_ones_it_has_not_seen(n: int) -> None:
    train, test = Columns.of(records(n)), Columns.of(records(1000, seed=1))
    evidence = fit_evidence(train.known(0), train.scores[:, 0])
    assert evidence is not None
    found = evidence_of(evidence, test.known(0), len(test))
    right = test.scores[:, 0] > 0.5
    assert auroc(found, right) > 0.8
    assert abs(found.mean() - right.mean()) < 0.12


def test_evidence_for_many_drafts_is_that_for_each() -> None:
    columns = Columns.of(records(120))
    columns.signals["echo"][::3] = np.nan
    evidence = fit_evidence(columns.known(0), columns.scores[:, 0])
    assert evidence is not None
    found = evidence_of(evidence, columns.known(0), len(columns))
    for row in range(len(columns)):
        signals = {name: float(v[row]) for name, v in columns.known(0).items() if not np.isnan(v[row])}
        assert evidence.of(signals) == pytest.approx(found[row], abs=1e-9)


def test_too_little_is_no_evidence() -> None:
    assert fit_evidence({"support": np.ones(50)}, np.arange(50.0) % 2) is None
    assert fit_evidence({"support": np.linspace(0, 1, 5)}, np.arange(5.0) % 2) is None
    assert fit_evidence({"support": np.linspace(0, 1, 50)}, np.ones(50)) is None
    assert fit_evidence({"support": np.full(50, np.nan)}, np.arange(50.0) % 2) is None


def test_fit_uses_free_signals_and_beats_both_single_models() -> None:
    fitted = fit(records(300))
    assert isinstance(fitted.policy, POMDP)
    assert fitted.policy.signal_names == ("echo", "logprob_sum", "support")
    assert all(less.reward.low > 0 for less in fitted.against)
    done = evaluate(fitted.policy, records(500, seed=1))
    assert done.verdicts_per_query == 0
    assert 0.2 < done.route_share < 0.8


def test_verdicts_that_are_not_worth_their_price_are_not_bought_where_signals_are_free() -> None:
    fitted = fit(records(300, verdicts=4))
    assert evaluate(fitted.policy, records(500, seed=1, verdicts=4)).verdicts_per_query < 1


def test_a_paid_signal_is_asked_for_where_it_is_worth_its_price() -> None:
    policy = fit(records(400, paid=True)).policy
    assert isinstance(policy, POMDP)
    assert policy.measures == ("p_correct",)
    actions = {type(row.decision.action) for row in explain(policy) if row.reached}
    assert Measure in actions
    dear = [o.model_copy(update={"models": (_at(o, 25.0), o.models[1])}) for o in records(400, paid=True)]
    policy = fit(dear).policy
    assert Measure not in {type(row.decision.action) for row in explain(policy) if row.reached}


def _at(outcome: Outcome, price: float) -> Any:
    return outcome.models[0].model_copy(update={"signal_cost": {"p_correct": price}})


def test_signals_that_say_nothing_are_left_out() -> None:
    problem = estimate(Columns.of(records(600, seed=3, useful=False)))
    told = [np.ptp(np.array(signal.likelihood)[:, -1]) for some in problem.signals for signal in some]
    assert all(apart < 0.15 for apart in told)


def test_saturated_confidences_stay_apart() -> None:
    """Most of them above 0.99: twenty equal steps would hold them all in one."""
    rng = random.Random(0)
    found = []
    for i in range(300):
        z = rng.gauss(0, 1)
        right = rng.random() < 1 / (1 + math.exp(-0.6 - 2.0 * z))
        small = {
            "name": "s",
            "score": float(right),
            "cost": 1.0,
            "probability": 1 - 10 ** -(3 + 1.2 * z) if z > -2.4 else 0.1,
        }
        found.append(
            Outcome.model_validate({"id": str(i), "models": [small, {"name": "l", "score": 1.0, "cost": 30.0}]})
        )
    model = estimate(Columns.of(found)).observations[0]
    assert model is not None
    assert sum(edge > 0.99 for edge in model.edges) > 3
    done = evaluate(fit(found).policy, found)
    alike = evaluate(fit(found, method="threshold").policy, found)
    weight = fit(found).cost_weight
    assert done.performance - weight * done.cost > alike.performance - weight * alike.cost - 0.02


# --- replaying


def one_by_one(policy: Any, outcome: Outcome) -> tuple[int, float]:
    """Who answers and what it costs, with the signals as they are recorded."""
    cost, used = 0.0, [0, 0]

    def perform(effect: Any) -> Result:
        nonlocal cost
        match effect:
            case Decide(state, batch):
                decision: Decision = in_rounds(policy, batch).decide(state)
                return decision
            case Draft(m):
                cost += outcome.models[m].cost
                model = outcome.models[m]
                return Reply("x", signals={k: v for k, v in model.signals.items() if k not in model.signal_cost})
            case Gauge(m, name):
                cost += outcome.models[m].signal_cost[name]
                return Measured(outcome.models[m].signals[name])
            case Check(m, n):
                said = outcome.models[m].verdicts[used[m] : used[m] + n]
                cost += outcome.models[m].verdict_cost.of(n, first=not used[m])
                used[m] += n
                return Checks(Tally(sum(v is True for v in said), sum(v is False for v in said)))
        raise AssertionError(effect)

    offered = tuple(tuple(sorted(model.signal_cost)) for model in outcome.models)
    start = State.start(2, tuple(len(m.verdicts) for m in outcome.models), purchasable=offered)
    ending = run(route(start, rounds=lambda _: ROUND), perform)  # each verdict has its price, and a round none
    m = ending.action.model
    return m, cost + (outcome.models[m].cost if isinstance(ending.action, Finish) else 0.0)


@pytest.mark.parametrize(
    "policy",
    [
        EvidenceThreshold(0.7),
        EvidenceThreshold(0.8, 0.4),
        Threshold(0.5),
        Always(0),
        fit(records(200, paid=True, verdicts=3)).policy,
    ],
    ids=repr,
)
def test_rows_that_go_together_go_as_each_would_alone(policy: Any) -> None:
    some = records(60, seed=5, paid=True, verdicts=3)
    some[0] = some[0].model_copy(
        update={"models": (some[0].models[0].model_copy(update={"signals": {}}), some[0].models[1])}
    )
    some = [o for o in some if o.models[0].signals] + some[:1]
    columns = Columns.of(some)
    done = replay(policy, columns)
    for row, outcome in enumerate(some[:-1]):
        model, cost = one_by_one(policy, outcome)
        assert done.model[row] == model
        assert done.cost[row] == pytest.approx(cost)


# --- without labels


def test_an_evidence_threshold_checks_only_where_evidence_leaves_it_open() -> None:
    policy = EvidenceThreshold(0.8, 0.4)
    assert policy.decide(drafted(support=1.0)).action == Accept(0)
    assert policy.decide(drafted(support=0.2)).action == Finish(1)
    assert policy.decide(drafted(support=0.6)).action == Verify(0, 8)
    checked = replace(drafted(support=0.6), tallies=(Tally(7, 1), Tally()), available=(0, 8))
    assert policy.decide(checked).action == Accept(0)
    doubted = replace(checked, tallies=(Tally(1, 7), Tally()))
    assert policy.decide(doubted).action == Finish(1)
    assert policy.decide(State((True, False), (Tally(), Tally()), (8, 8))).action == Verify(0, 8)


@pytest.mark.parametrize(("keep", "escalate"), [(1.5, None), (0.4, 0.5), (0.5, -1), ("x", None)])
def test_an_evidence_threshold_that_can_not_be_is_refused(keep: Any, escalate: Any) -> None:
    with pytest.raises(ConfigError):
        EvidenceThreshold(keep, escalate)


def test_an_evidence_threshold_comes_back_from_its_file(tmp_path: Path) -> None:
    for policy in (EvidenceThreshold(0.7), EvidenceThreshold(0.7, 0.2, Evidence([RISING]))):
        save_policy(policy, tmp_path / "policy.json")
        assert load_policy(tmp_path / "policy.json") == policy


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_share_escalates_that_share_of_the_traffic(part: float) -> None:
    share, rng, escalated = Share(part), random.Random(0), 0
    for call in range(3000):
        signals = {"support": rng.random()}
        action = share.policy().decide(drafted(**signals) if 0 < part < 1 else State.start(2, 0)).action
        escalated += action == Finish(1) if call >= 1000 else 0
        share.observe(signals)
    assert escalated / 2000 == pytest.approx(part, abs=0.03)


def test_a_share_follows_the_traffic() -> None:
    """Evidence drops by half: the cut comes down within its window."""
    share = Share(0.5, window=100)
    for _ in range(3):
        for support in np.linspace(0.5, 1, 100).tolist():
            share.observe({"support": support})
    before = share.policy()
    for support in np.linspace(0, 0.5, 100).tolist():
        share.observe({"support": support})
    after = share.policy()
    assert isinstance(before, EvidenceThreshold)
    assert isinstance(after, EvidenceThreshold)
    assert after.keep < 0.3 < 0.7 < before.keep


def test_a_share_serves_many_threads() -> None:
    share = Share(0.4, window=50)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(300):
            share.policy()
            share.observe({"support": rng.random()})

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    policy = share.policy()
    assert isinstance(policy, EvidenceThreshold)
    assert 0.1 < policy.keep < 0.8


@pytest.mark.parametrize("given_", [-0.1, 1.1, math.nan, "half", True])
def test_a_share_outside_nought_to_one_is_refused(given_: Any) -> None:
    with pytest.raises(ConfigError, match="a number from 0 to 1"):
        Share(given_)


def test_a_policy_provides_itself() -> None:
    share = Share(0.4)
    assert isinstance(share, PolicyProvider)
    assert provider_of(share) is share
    assert not isinstance(Threshold(0.5), PolicyProvider)
    assert provider_of(Threshold(0.5)) == Fixed(Threshold(0.5))
    assert provider_of(Threshold(0.5)).policy() == Threshold(0.5)


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


def test_fit_learns_from_the_named_signals_only() -> None:
    policy = fit(records(300), signals=["support"]).policy
    assert isinstance(policy, POMDP)
    assert policy.signal_names == ("support",)
    with pytest.raises(ConfigError, match="'suport'; they have echo, logprob_sum, support"):
        fit(records(20), signals=["suport"])
