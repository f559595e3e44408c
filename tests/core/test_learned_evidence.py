"""Evidence that is learned from outcomes, and replayed."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from automix_core.decision import Decision, Draft, Finish, Measure, State, Tally
from automix_core.errors import ConfigError
from automix_core.evaluation.evaluate import evaluate
from automix_core.evaluation.replay import replay
from automix_core.evidence.arrays import evidence_of
from automix_core.fitting.estimate import estimate
from automix_core.fitting.evidence import fit_evidence
from automix_core.fitting.fit import fit
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.policies import (
    POMDP,
    Always,
    EvidenceThreshold,
    Threshold,
)
from automix_core.policies.explain import explain
from automix_core.policies.rounds import ROUND, in_rounds
from automix_core.routing.drivers import run
from automix_core.routing.effects import Check, Checks, Decide, Gauge, Measured, Reply, Result
from automix_core.routing.procedure import route


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


def test_fit_learns_from_the_named_signals_only() -> None:
    policy = fit(records(300), signals=["support"]).policy
    assert isinstance(policy, POMDP)
    assert policy.signal_names == ("support",)
    with pytest.raises(ConfigError, match="'suport'; they have echo, logprob_sum, support"):
        fit(records(20), signals=["suport"])
