"""Replaying many rows at a time is the routing procedure itself, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.checking.verdict import count
from automix_core.decision import Accept, Decision, Draft, Finish, Policy, State, Tally
from automix_core.errors import DataError, PolicyError
from automix_core.evaluation.replay import replay
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import ModelOutcome, Outcome, coin
from automix_core.policies import Always, Band, Mixture, Problem, Threshold, solve
from automix_core.policies.rounds import ROUND, in_rounds
from automix_core.routing.drivers import run
from automix_core.routing.effects import Check, Checks, Decide, Effect, Reply, Result
from automix_core.routing.procedure import route
from tests.core.strategies import problems
from tests.core.worlds import outcomes, some_outcomes


@dataclass(frozen=True)
class Gambler:
    """A policy of a user's own that looks at the coin."""

    def decide(self, state: State) -> Decision:
        if state.latest is None and state.coin < 0.5:
            return Decision(Finish(len(state.drafted) - 1), "tails")
        return Threshold(0.6).decide(state)


def one_by_one(policy: Policy, outcome: Outcome, k: int, prices: list[float]) -> dict[str, object]:
    """The record of one outcome, by the routing procedure and the driver that the hosts use.

    `prices` are what a round trip is worth in checks of each model's drafts.
    """
    models = outcome.models
    available = tuple(k if m.probability is not None and not m.verdicts else len(m.verdicts) for m in models)
    cost, used, drafted = 0.0, [0] * len(models), [False] * len(models)

    def perform(effect: Effect) -> Result:
        nonlocal cost
        match effect:
            case Decide(state, batch):
                return in_rounds(policy, batch).decide(state)
            case Draft(m):
                cost += models[m].cost
                drafted[m] = True
                return Reply("", problem="empty") if models[m].answer == "" else Reply("words")
            case Check(m, n):
                direct = not models[m].verdicts
                drawn = 1 if direct else n
                cost += models[m].verdict_cost.of(drawn, first=not used[m])
                said = models[m].verdicts[used[m] : used[m] + n]
                used[m] += drawn
                return Checks(Tally(probability=models[m].probability) if direct else count(said))

    ending = run(route(State.start(len(models), available, coin(outcome.id)), rounds=prices.__getitem__), perform)
    m = ending.action.model
    if not isinstance(ending.action, Accept):
        cost += models[m].cost
        drafted[m] = True
    return {"model": m, "drafted": drafted, "used": used, "score": models[m].score, "cost": pytest.approx(cost)}


def round_price(records: list[Outcome], m: int) -> float:
    """What another batch costs beside its verdicts, in verdicts, on the mean of the checked rows; no less than live."""
    costs = [model.verdict_cost for model in (record.models[m] for record in records) if recorded(model)]
    more, each = sum(c.again + c.round for c in costs), sum(c.each for c in costs)
    return max(ROUND, more / each if each else math.inf if more else 0.0)


def recorded(model: ModelOutcome) -> bool:
    return bool(model.verdicts) or model.probability is not None


def same(policy: Policy, records: list[Outcome]) -> None:
    columns = Columns.of(records)
    prices = [round_price(records, m) for m in range(columns.models)]
    most = columns.recorded.max(axis=0)
    done = replay(policy, columns)
    for row, outcome in enumerate(records):
        expected = one_by_one(policy, outcome, int(most.max(initial=1)), prices)
        assert {
            "model": done.model[row],
            "drafted": done.drafted[row].tolist(),
            "used": done.used[row].tolist(),
            "score": done.score[row],
            "cost": done.cost[row],
        } == expected


@settings(max_examples=60, deadline=None)
@given(some_outcomes(), st.sampled_from([Always(0), Threshold(0.5), Band(0.2, 0.8), Gambler()]), st.floats(0, 1))
def test_rules_and_mixtures(records: list[Outcome], policy: Policy, weight: float) -> None:
    """Any rule, any mixture, a policy of the user's own: the same route for every row."""
    same(policy, records)
    same(Mixture(policy, Mixture(Always(1), Threshold(0.75), weight), weight), records)


@settings(max_examples=40, deadline=None)
@given(some_outcomes(models=3), problems(models=3), st.booleans())
def test_exact_policies(records: list[Outcome], problem: Problem, fixed: bool) -> None:
    """Sampling in batches, skipping, jumping over a model."""
    same(solve(problem, fixed=fixed), records)


def test_verdicts_are_read_in_order_and_paid_by_the_batch() -> None:
    """Two batches by hand: first + 2 * each + round, then again + each + round."""

    @dataclass(frozen=True)
    class TwoThenOne:
        def decide(self, state: State) -> Decision:
            from automix_core.decision import Verify

            drawn = state.tallies[0].drawn
            if not state.drafted[0]:
                return Decision(Draft(0), "")
            if drawn < 3:
                return Decision(Verify(0, 2 - drawn // 2), "")
            return Decision(Accept(0), "")

    record = outcomes(1)[0]
    done = replay(TwoThenOne(), Columns.of([record]))
    assert done.used.tolist() == [[3, 0]]
    assert done.cost[0] == pytest.approx(record.models[0].cost + (0.5 + 0.5 + 0.05) + (0.1 + 0.25 + 0.05))


def test_rows_that_run_out_are_counted() -> None:
    """A threshold reads what can matter; a row with fewer than k verdicts is exhausted, one with k is not."""
    full, short = outcomes(2, k=8)
    cut = short.model_copy(
        update={"models": (short.models[0].model_copy(update={"verdicts": (True,) * 3}), short.models[1])}
    )
    none = short.model_copy(
        update={"id": "none", "models": (short.models[0].model_copy(update={"verdicts": ()}), short.models[1])}
    )
    done = replay(Threshold(0.5), Columns.of([full, cut, none]))
    assert done.used[:, 0].tolist() == [6, 2, 0], "the others could have changed nothing"
    assert done.exhausted.tolist() == [False, True, True]
    assert replay(Always(0), Columns.of([full, cut, none])).exhausted.tolist() == [False] * 3


def test_a_policy_for_another_cascade() -> None:
    problem = Problem([0.5, 0.5], [[1, 1], [0, 1]], [1, 50], [None], 0.01)
    with pytest.raises(PolicyError, match="made for 2 models"):
        replay(solve(problem), Columns.of(outcomes(3, models=3)))


def test_columns_need_rows_of_one_cascade() -> None:
    with pytest.raises(DataError, match="no outcomes"):
        Columns.of([])
    with pytest.raises(DataError, match="has 3 models"):
        Columns.of([*outcomes(1), *outcomes(1, seed=1, models=3)])


@dataclass(frozen=True)
class Mistaken:
    """A policy of a user's own with a mistake."""

    answer: object = None

    def decide(self, state: State) -> Decision:
        if self.answer is None:
            raise KeyError("a mistake in the policy")
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Mistaken(), "The policy failed with KeyError; see the cause"),
        (Mistaken("accept"), "return a Decision"),
        (Mistaken(Decision(Accept(0), "")), "no draft of model 0 is held"),
    ],
)
def test_a_policy_with_a_mistake_is_told_so_as_in_a_live_call(policy: Policy, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        replay(policy, Columns.of(outcomes(20)))
