"""`check_policy`: whether a policy is one, found out by asking it in every state that it can get into."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace

from ..decision import Accept, Decision, Draft, Finish, Measure, Policy, State, Tally, Verify, check_models
from ..errors import AutoMixError, PolicyError
from ..policies.explain import plain
from ..policies.problem import final_counts
from ..policies.record import policy_dict, policy_of
from ..routing.effects import Reply
from ..routing.procedure import possible
from ..routing.trail import Trail

MOST = 50_000
_COINS = (0.0, 0.5, math.nextafter(1.0, 0.0))
_PROBABILITIES = (0.0, 0.3, 0.5, 0.75, 1.0)
_SIGNALS = (-3.0, 0.0, 0.5, 3.0)


def check_policy(policy: Policy, *, models: int = 2, k: int = 4) -> int:
    """Follow `policy` through every way a call of `models` models with up to `k` checks a draft can go.

    Raises `AssertionError` unless it always decides something possible, the same for the same state, comes to an end,
    gives a reason in words and values that JSON can hold, says its name in one line, can't be changed, and comes back
    from its saved form as it was, if it has one. Returns the number of states it was asked in.

    >>> from automix_core import Threshold
    >>> check_policy(Threshold(0.75))
    105
    """
    _check_class(policy)
    try:
        check_models(policy, models)
    except PolicyError as error:
        raise AssertionError(f"{policy!r} refuses a cascade of {models} models ({error}); say models=...") from None
    asked = 0
    seen: set[State] = set()
    todo = [State.start(models, left, coin) for left in (k, 1, 0) for coin in _COINS]
    todo += _measurable(policy, todo[0])
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        asked += 1
        assert asked <= MOST, f"{policy!r} comes to no end: it was asked in {MOST} states; try a smaller k."
        todo += _after(policy, _decided(policy, state), state)
    return asked


def _check_class(policy: Policy) -> None:
    assert isinstance(policy, Policy), f"{policy!r} has no method decide(state)."
    assert not isinstance(policy, type), f"{policy!r} is a class; give one of its objects."
    shown = repr(policy)
    assert "\n" not in shown, f"A policy's repr stands in every route; {shown!r} has more than one line."
    assert " object at 0x" not in shown, f"A policy's repr stands in every route; {type(policy).__name__} needs one."
    made = getattr(type(policy), "__dataclass_params__", None)
    frozen = made is None or made.frozen
    assert frozen, f"{type(policy).__name__} can be changed, but many calls share it; say @dataclass(frozen=True)."
    try:
        saved = json.loads(json.dumps(policy_dict(policy), allow_nan=False))
    except PolicyError:
        return  # no file knows its class
    loaded = policy_of(saved)
    assert loaded == policy, f"{policy!r} comes back from its saved form as {loaded!r}."


def _decided(policy: Policy, state: State) -> Decision:
    """The decision in `state`, examined."""
    where = f"{policy!r} in {state}"
    try:
        decision, again = policy.decide(state), policy.decide(replace(state))
        decision = possible(decision, state)
    except AutoMixError as error:
        raise AssertionError(f"{where}: {error}") from error
    except Exception as error:
        raise AssertionError(f"{where} raises {type(error).__name__}: {error}") from error
    assert decision.action == possible(again, state).action, f"{where} decides {decision.action}, then {again.action}."
    said = decision.reason
    assert isinstance(said, str) and said.strip(), f"{where} gives no reason for {decision.action}."  # noqa: PT018
    try:
        json.dumps(plain(decision), allow_nan=False)
    except (TypeError, ValueError, AttributeError) as error:
        raise AssertionError(f"{where}: its values can't be written as JSON ({error}).") from None
    return decision


def _after(policy: Policy, decision: Decision, state: State) -> Iterator[State]:
    """The states that may follow, as the routing procedure makes them."""
    match decision.action:
        case Draft(model):
            names = getattr(policy, "signal_names", ())
            for signals in ({}, *(dict.fromkeys(names, value) for value in _SIGNALS if names)):
                yield _drafted(state, model, Reply("a draft", signals=signals))
            yield from _onward(state, model)
        case Verify(model, n):
            counted = [Tally(*counts) for counts in final_counts(n)]
            broken = [Tally(correct=n - 1, failed=1)] if n > 1 else []
            direct = [Tally(probability=probability) for probability in _PROBABILITIES]
            for tally in (*counted, *broken, *direct):
                trail = Trail(state, raising=False)
                trail.add(model, n, tally)
                yield trail.state
            yield from _onward(state, model)
        case Measure(model, name):
            for value in (None, *_SIGNALS):
                trail = Trail(state, raising=False)
                trail.measured(model, name, value)
                yield trail.state
        case Accept() | Finish():
            return


def _drafted(state: State, model: int, reply: Reply) -> State:
    trail = Trail(state, raising=False)
    trail.draft(model, reply)
    return trail.state


def _onward(state: State, model: int) -> Iterator[State]:
    """Where the model's draft was rejected unverified, or no check of it worked: the next model drafts, unasked."""
    trail = Trail(state, raising=False)
    trail.hold(model, model == trail.last)
    action = trail.onward(model)
    if isinstance(action, Draft):
        yield _drafted(trail.state, action.model, Reply("another draft"))


def _measurable(policy: Policy, start: State) -> list[State]:
    """A start at which everything that the policy may want to measure can be had, if it measures."""
    names = tuple(sorted(getattr(policy, "measures", ())))
    return [replace(start, purchasable=(names,) * len(start.drafted))] if names else []
