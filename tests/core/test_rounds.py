"""Verdicts in rounds: the same decisions as by whole batches, never more verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.decision import Accept, Action, Decision, Draft, Finish, Policy, State, Tally, Verify
from automix_core.policies import Band, Curtailed, EvidenceThreshold, Mixture, Problem, Threshold, Timed, solve
from automix_core.policies.rounds import AT_ONCE, MOST, ROUND, in_rounds, round_price
from automix_core.routing.drivers import run
from automix_core.routing.effects import Batch, Check, Checks, Decide, Effect, Reply, Result
from automix_core.routing.ending import Ending
from automix_core.routing.procedure import Rounds, route
from tests.core.strategies import problems
from tests.strategies import Anything

BROKEN = ConnectionError("a check broke")
YES, NO, MUMBLE, FAILED = Tally(1), Tally(0, 1), Tally(0, 0, 1), Tally(failed=1)
SAID = st.lists(st.sampled_from([YES, YES, NO, NO, MUMBLE, FAILED]), min_size=8, max_size=8)


class DeadKeyError(Exception):
    status_code = 401


@dataclass
class Told:
    """Performs a call in which the verdicts on each model's draft are `said`, in turn."""

    policy: Policy
    said: Sequence[Sequence[Tally]]
    error: Exception = BROKEN
    signals: dict[str, float] = field(default_factory=dict)
    rounds: list[tuple[int, int]] = field(default_factory=list)
    drafts: list[int] = field(default_factory=list)

    def __call__(self, effect: Effect) -> Result:
        match effect:
            case Decide(state, batch):
                return in_rounds(self.policy, batch).decide(state)
            case Draft(model):
                self.drafts.append(model)
                return Reply(f"draft {model}", signals=self.signals)
            case Check(model, n):
                so_far = sum(size for of, size in self.rounds if of == model)
                self.rounds.append((model, n))
                tally = sum(self.said[model][so_far : so_far + n], Tally())
                if tally.failed == n:
                    raise self.error
                return Checks(tally, errors=(self.error,) * tally.failed)
        raise AssertionError(effect)

    def end(self, rounds: Rounds | None, k: int, coin: float = 0.0) -> Ending:
        return run(route(State.start(len(self.said), k, coin), rounds=rounds), self)

    @property
    def drawn(self) -> int:
        return sum(size for _, size in self.rounds)


def same(policy: Policy, said: Sequence[Sequence[Tally]], price: float, coin: float = 0.0, **known: Any) -> None:
    k = len(said[0])
    whole, parts = Told(policy, said, **known), Told(policy, said, **known)
    ended, ending = whole.end(None, k, coin), parts.end(lambda _: price, k, coin)
    assert (ending.action, ending.fallback, parts.drafts) == (ended.action, ended.fallback, whole.drafts)
    assert parts.drawn <= whole.drawn
    if price == math.inf:
        assert len(parts.rounds) <= len(whole.rounds)


PRICES = st.sampled_from([0.01, ROUND, 3.0, math.inf])


@settings(max_examples=40, deadline=None)
@given(st.lists(SAID, min_size=2, max_size=3), st.floats(0, 1), st.floats(0, 1), PRICES, st.floats(0, 0.99))
def test_rules_decide_as_after_all_verdicts(
    said: list[list[Tally]], one: float, other: float, price: float, coin: float
) -> None:
    low, high = sorted((one, other))
    rules: list[Policy] = [Threshold(one), Band(low, high), EvidenceThreshold(high, low), Curtailed(Threshold(one))]
    for rule in rules:
        same(rule, said, price, signals={"support": one})
    same(Mixture(rules[0], rules[2], other), said, price, coin, signals={"support": one})


@settings(max_examples=30, deadline=None)
@given(st.lists(SAID, min_size=2, max_size=2), problems(models=2, most_checks=8), st.booleans(), PRICES)
def test_exact_policies_decide_as_after_whole_batches(
    said: list[list[Tally]], problem: Problem, fixed: bool, price: float
) -> None:
    """Those that price verdicts themselves too: within each batch."""
    policy = solve(problem, fixed=fixed)
    same(policy, said, price)
    same(Mixture(policy, Threshold(0.6), 0.5), said, price, 0.7)


@settings(max_examples=30, deadline=None)
@given(st.lists(SAID, min_size=3, max_size=3), problems(models=3, most_checks=3), PRICES)
def test_what_an_earlier_draft_was_said_to_be_still_counts_later(
    said: list[list[Tally]], problem: Problem, price: float
) -> None:
    """An exact policy of three models weighs all tallies: going on to the next model settles nothing."""
    same(solve(problem), [verdicts[:3] for verdicts in said], price)


@dataclass(frozen=True)
class Odd:
    """Draws verdicts `n` at a time and then does something that hangs on every count."""

    seed: int
    n: int
    coarse: int

    def decide(self, state: State) -> Decision:
        m = state.latest
        if m is None:
            return Decision(Draft(0), "A draft.")
        if state.available[m]:
            return Decision(Verify(m, min(self.n, state.available[m])), "More.")
        tally = state.tallies[m]
        last = len(state.drafted) - 1
        options: list[Action] = [Accept(m), Finish(last), Draft(m + 1) if m < last else Accept(m)]
        counts = (tally.correct // self.coarse, tally.incorrect // self.coarse, tally.unreadable, tally.failed)
        return Decision(options[hash((self.seed, *counts)) % 3], "Odd.")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SAID, min_size=2, max_size=3),
    st.builds(Odd, st.integers(0, 99), st.integers(1, 8), st.integers(1, 9)),
    PRICES,
)
def test_any_policy_decides_as_after_whole_batches(said: list[list[Tally]], policy: Odd, price: float) -> None:
    same(policy, said, price)


@settings(max_examples=40, deadline=None)
@given(st.lists(SAID, min_size=2, max_size=3), st.integers(), PRICES)
def test_a_policy_without_rhyme_or_reason_does_too(said: list[list[Tally]], seed: int, price: float) -> None:
    same(Anything(seed), [verdicts[:4] for verdicts in said], price)


def drawn(policy: Policy, *said: Tally, price: float = ROUND, models: int = 2) -> list[int]:
    told = Told(policy, [said] * models)
    told.end(lambda _: price, len(said))
    return [size for model, size in told.rounds if not model]


def test_rounds_by_hand() -> None:
    """Keep at 6 of 8: three incorrect settle it, so do six correct."""
    assert drawn(Threshold(0.75), *[NO] * 8) == [3]
    assert drawn(Threshold(0.75), *[YES] * 8) == [3, 3]
    assert drawn(Threshold(0.75), *[YES] * 5, NO, NO, YES) == [3, 3, 1, 1]
    assert drawn(Threshold(0.75), *[YES] * 8, price=2.0) == [6]
    assert drawn(Threshold(0.75), *[YES] * 8, price=100.0) == [8]
    assert drawn(Threshold(0.75), *[YES] * 8, price=math.inf) == [8]
    assert drawn(Threshold(0.75), NO) == [1]
    assert drawn(Threshold(1.0), *[YES] * 4) == [1, 3]


def test_the_reason_says_what_was_known_and_that_the_rest_is_left_out() -> None:
    kept = Told(Threshold(0.75), [[YES] * 8] * 2).end(lambda _: ROUND, 8)
    said = "Kept: 6 of 6 readable verdicts say correct, at least 0.75."
    assert kept.reason == f"{said} 2 more verdicts would change nothing."
    left = Told(Threshold(0.75), [[NO] * 8] * 2).end(lambda _: ROUND, 8)
    assert left.reason.startswith("Escalated: 0 of 3 readable verdicts say correct, below 0.75. 5 more verdicts")


@pytest.mark.parametrize("price", [ROUND, math.inf])
def test_nothing_is_drawn_where_nothing_hangs_on_it(price: float) -> None:
    @dataclass(frozen=True)
    class Ritual:
        def decide(self, state: State) -> Decision:
            if state.latest is None:
                return Decision(Draft(0), "A draft.")
            if state.available[0]:
                return Decision(Verify(0, state.available[0]), "A ritual.")
            return Decision(Finish(1), "The large model, whatever was said.")

    told = Told(Ritual(), [[YES] * 8] * 2)
    assert told.end(lambda _: price, 8).reason.startswith("The large model, whatever was said. 8 more")
    assert told.rounds == []


def test_where_a_whole_round_fails_the_others_are_asked_at_once() -> None:
    told = Told(Threshold(0.75), [[FAILED] * 3 + [YES] * 5] * 2)
    ending = told.end(lambda _: ROUND, 8)
    assert told.rounds == [(0, 3), (0, 5)]
    assert (ending.action, ending.fallback, ending.tally) == (Accept(0), False, Tally(5, failed=3))
    lost = Told(Threshold(0.75), [[FAILED] * 8] * 2)
    assert lost.end(lambda _: ROUND, 8).fallback
    assert lost.rounds == [(0, 3), (0, 5)]


def test_after_an_answer_that_the_others_would_get_too_nobody_is_asked() -> None:
    told = Told(Threshold(0.75), [[FAILED] * 8] * 2, DeadKeyError("no such key"))
    ending = told.end(lambda _: ROUND, 8)
    assert (told.rounds, ending.fallback, ending.tally) == ([(0, 3)], True, Tally(failed=3))
    some = Told(Threshold(0.75), [[YES, YES, FAILED, *[NO] * 5]] * 2, DeadKeyError("the quota is spent"))
    ending = some.end(lambda _: ROUND, 8)
    assert (some.rounds, ending.action, ending.tally) == ([(0, 3)], Accept(0), Tally(2, failed=1))


def test_of_a_large_batch_the_end_is_looked_at() -> None:
    k = MOST + 20
    assert drawn(Threshold(0.75), *[NO] * k) == [20]
    assert drawn(Threshold(0.75), *[YES] * k, price=math.inf) == [k]
    mixed = [YES] * 27 + [NO] * 9
    assert drawn(Threshold(0.75), *mixed)[0] == 20


def test_a_direct_confidence_ends_the_batch() -> None:
    def perform(effect: Effect) -> Result:
        match effect:
            case Decide(state, batch):
                return in_rounds(Threshold(0.75), batch).decide(state)
            case Draft():
                return Reply("a draft")
            case _:
                return Checks(Tally(probability=0.8))

    ending = run(route(State.start(2, 8), rounds=lambda _: ROUND), perform)
    assert (ending.action, len(ending.steps)) == (Accept(0), 3)


def test_a_policy_that_breaks_on_what_may_never_come_is_asked_for_what_may() -> None:
    @dataclass(frozen=True)
    class Brittle:
        def decide(self, state: State) -> Decision:
            if state.tallies[0].unreadable > 2:
                raise ValueError("never seen so many")
            return Threshold(0.75).decide(state)

    assert drawn(Brittle(), *[NO] * 8) == [6], "before that three unreadable ones could follow"


def test_plans_are_remembered_by_what_a_policy_looks_at() -> None:
    """And not beyond: another policy that took the place of one that is gone has plans of its own."""
    state = State((True, False), (Tally(), Tally()), (8, 8))
    wanted = {0.1: 1, 0.75: 3, 1.0: 1}
    for number in range(1500):
        threshold, batch = list(wanted)[number % 3], Batch(0, 8 if number % 2 else 7, ROUND)
        first = in_rounds(Threshold(threshold), batch).decide(state).action
        assert number % 2 == 0 or first == Verify(0, wanted[threshold])
    assert round_price(together=True) == math.inf
    assert round_price(together=False) == ROUND


def test_a_policy_that_knows_the_price_of_a_round_trip_sets_the_rounds() -> None:
    """Itself or the one within; the others' price is the least, and one request for all leaves nothing to divide."""
    timed = Timed(Threshold(0.75), 0.1, (), (), (4.0, 0.1, None))
    assert [round_price(False, timed, model) for model in range(4)] == [4.0, ROUND, ROUND, ROUND]
    assert round_price(False, Curtailed(timed)) == 4.0
    assert round_price(True, timed) == math.inf
    state = State((True, False), (Tally(), Tally()), (8, 8))
    first = [in_rounds(timed, Batch(0, 8, price)).decide(state).action for price in (ROUND, 4.0, AT_ONCE)]
    assert first == [Verify(0, 3), Verify(0, 6), Verify(0, 8)]
