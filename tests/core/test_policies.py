"""Always, Threshold, Band and Mixture."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.decision import Accept, Action, Decision, Draft, Finish, Policy, State, Tally, Verify
from automix_core.errors import ConfigError, PolicyError
from automix_core.policies import POMDP, Always, Band, Curtailed, Mixture, Problem, Threshold, solve
from tests.core.strategies import problems, states


def held(tally: Tally, available: int = 0) -> State:
    """The small model's draft is held and was checked."""
    return State((True, False), (tally, Tally()), (available, 8))


@pytest.mark.parametrize(("model", "chosen"), [(0, 0), (1, 1), (-1, 2), (-3, 0)])
def test_always_finishes_with_its_model(model: int, chosen: int) -> None:
    assert Always(model).decide(State.start(3, 8)).action == Finish(chosen)


def test_always_needs_a_model_of_the_cascade() -> None:
    with pytest.raises(PolicyError, match="a cascade of 2"):
        Always(2).decide(State.start(2, 8))
    with pytest.raises(ConfigError, match="number of a model"):
        Always("large")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tally", "action"),
    [
        (Tally(6, 2), Accept(0)),
        (Tally(5, 3), Finish(1)),
        (Tally(3, 1, unreadable=4), Accept(0)),
        (Tally(unreadable=8), Finish(1)),
        (Tally(failed=8), Finish(1)),
        (Tally(probability=0.75), Accept(0)),
        (Tally(probability=0.74), Finish(1)),
    ],
)
def test_threshold_compares_the_readable_share(tally: Tally, action: Action) -> None:
    assert Threshold(0.75).decide(held(tally)).action == action


def test_threshold_draws_what_there_is_then_climbs() -> None:
    policy = Threshold()
    assert policy.decide(State.start(3, 8)).action == Draft(0)
    assert policy.decide(held(Tally(), available=5)).action == Verify(0, 5)
    rejected = State((True, False, False), (Tally(0, 8), Tally(), Tally()), (0, 8, 8))
    assert policy.decide(rejected).action == Draft(1)


@pytest.mark.parametrize(
    ("tally", "action"),
    [(Tally(7, 1), Accept(0)), (Tally(4, 4), Finish(1)), (Tally(1, 7), Accept(0)), (Tally(unreadable=8), Finish(1))],
)
def test_band_keeps_what_a_larger_model_would_not_mend(tally: Tally, action: Action) -> None:
    assert Band(0.25, 0.75).decide(held(tally)).action == action


@given(states(), st.floats(0, 1))
def test_a_band_from_zero_is_a_threshold(state: State, threshold: float) -> None:
    assert Band(0, threshold).decide(state).action == Threshold(threshold).decide(state).action


def test_numbers_outside_the_unit_interval_are_refused() -> None:
    for wrong in (1.5, -0.1, float("nan"), True, "half"):
        with pytest.raises(ConfigError, match="number from 0 to 1"):
            Threshold(wrong)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="number from 0 to 1"):
            Mixture(Always(0), Always(1), wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="low <= high"):
        Band(0.8, 0.2)


def test_mixture_divides_calls_by_the_coin() -> None:
    mixture = Mixture(Always(0), Always(1), 0.25)
    start = State.start(2, 8)
    chosen = [mixture.decide(replace(start, coin=i / 1000)).action.model for i in range(1000)]
    assert chosen == [0] * 250 + [1] * 750
    assert mixture.decide(replace(start, coin=0.1)).reason.endswith(
        "(The first of two policies, used for 25.0% of calls.)"
    )


@pytest.mark.parametrize("weight", [0, 1])
def test_a_mixture_of_weight_zero_or_one_is_one_policy(weight: float) -> None:
    mixture = Mixture(Always(0), Always(1), weight)
    for coin in (0.0, 0.5, 1 - 2**-53):
        assert mixture.decide(replace(State.start(2, 8), coin=coin)).action == Finish(0 if weight else 1)


def test_mixtures_of_mixtures_are_exact() -> None:
    """Each leaf gets the share of coins that its weights promise."""
    mixture = Mixture(Mixture(Always(0), Always(1), 0.5), Mixture(Always(2), Always(3), 0.25), 0.4)
    start = State.start(4, 8)
    models = [mixture.decide(replace(start, coin=i / 10000)).action.model for i in range(10000)]
    assert [models.count(m) for m in range(4)] == pytest.approx([2000, 2000, 1500, 4500], abs=1)


@dataclass(frozen=True)
class Spy:
    """Records the coins it sees."""

    coins: list[float] = field(default_factory=list, compare=False)

    def decide(self, state: State) -> Decision:
        self.coins.append(state.coin)
        return Decision(Finish(0), "")


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_the_chosen_policy_sees_a_coin_of_its_own(coin: float, weight: float) -> None:
    spy = Spy()
    Mixture(spy, spy, weight).decide(replace(State.start(2, 8), coin=coin))
    assert 0 <= spy.coins[0] < 1


def test_all_satisfy_the_protocol() -> None:
    for policy in (Always(0), Threshold(), Band(0.2, 0.8), Mixture(Always(0), Always(1), 0.5)):
        assert isinstance(policy, Policy)
        assert policy.decide(State.start(2, 8)) == policy.decide(State.start(2, 8))


def test_deciding_needs_no_numpy() -> None:
    """Policies are imported, loaded and asked without numpy; only solving and fitting use it."""
    code = "import sys, automix_core.policies, automix_core.policies.saving; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert POMDP.__module__ == "automix_core.policies.pomdp"


VERDICTS = st.lists(st.sampled_from([Tally(1), Tally(0, 1), Tally(0, 0, 1)]), min_size=8, max_size=8)


def drawn_and_done(policy: Policy, verdicts: list[Tally]) -> tuple[int, Action]:
    """How many of `verdicts` are read, and what is done in the end."""
    tally, read = Tally(), 0
    while True:
        action = policy.decide(State((True, False), (tally, Tally()), (len(verdicts) - read, 8))).action
        if not isinstance(action, Verify):
            return read, action
        for verdict in verdicts[read : read + action.n]:
            tally += verdict
        read += action.n


@settings(max_examples=60, deadline=None)
@given(VERDICTS, st.floats(0, 1), st.floats(0, 1), problems(models=2, most_checks=8))
def test_curtailment_changes_no_route(verdicts: list[Tally], one: float, other: float, problem: Problem) -> None:
    """On every sequence of verdicts: the same ending, never more verdicts."""
    low, high = sorted((one, other))
    for policy in (Threshold(one), Band(low, high), solve(problem, fixed=True)):
        if problem.observations[0] is not None and problem.observations[0].k < 8 and isinstance(policy, POMDP):
            verdicts = verdicts[: problem.observations[0].k]
        read, action = drawn_and_done(policy, verdicts)
        fewer, same = drawn_and_done(Curtailed(policy), verdicts)
        assert same == action
        assert fewer <= read


def test_curtailment_by_hand() -> None:
    """Keep at 6 of 8: six correct settle it, so do three incorrect; three is the fewest that can."""
    policy = Curtailed(Threshold(0.75))
    assert policy.decide(held(Tally(), 8)).action == Verify(0, 3)
    assert policy.decide(held(Tally(0, 3), 5)).action == Finish(1)
    assert policy.decide(held(Tally(6, 0), 2)).action == Accept(0)
    assert policy.decide(held(Tally(5, 2), 1)).action == Verify(0, 1)
    assert policy.decide(held(Tally(0, 3), 5)).reason == "Whatever 5 more verdicts would say, the decision stands."
