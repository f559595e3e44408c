"""A model that keeps failing is left alone for a while."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from automix_core.decision import Draft, State
from automix_core.errors import ConfigError, ModelError
from automix_core.routing import breaker as breakers
from automix_core.routing.breaker import Breaker, Circuit, circuit_of
from automix_core.routing.drivers import finish, run
from automix_core.routing.effects import Decide, Effect, Reply, Result
from automix_core.routing.limits import Allowance, Limits
from automix_core.routing.procedure import route
from tests.core.flows import script
from tests.core.timed import Clock


def failing(circuit: Circuit) -> None:
    with pytest.raises(ZeroDivisionError), circuit.attempt():
        raise ZeroDivisionError


def test_a_model_that_keeps_failing_is_left_alone_and_tried_again_after_a_pause() -> None:
    clock = Clock()
    circuit = Circuit(Breaker(failures=2, pause=10), clock)
    failing(circuit)
    with circuit.attempt():
        pass
    failing(circuit)
    assert not circuit.is_open, "failures in a row count"
    failing(circuit)
    with pytest.raises(ModelError, match="failed 2 times in a row and is left alone for 10 seconds"), circuit.attempt():
        raise AssertionError("it was asked")
    clock.now = 10
    with circuit.attempt(), pytest.raises(ModelError), circuit.attempt():
        raise AssertionError("one at a time tries")
    assert not circuit.is_open
    with circuit.attempt():
        pass


def test_a_model_that_fails_again_is_left_alone_again() -> None:
    clock = Clock()
    circuit = Circuit(Breaker(failures=1, pause=10), clock)
    failing(circuit)
    clock.now = 10
    failing(circuit)
    assert circuit.is_open
    clock.now = 20
    with pytest.raises(KeyboardInterrupt), circuit.attempt():
        raise KeyboardInterrupt
    assert not circuit.is_open, "an interruption says nothing about the model"


def test_the_breaker_is_the_models_wherever_it_stands() -> None:
    class Model:
        pass

    one, other, breaker = Model(), Model(), Breaker()
    assert circuit_of(one, breaker) is circuit_of(one, Breaker())
    assert circuit_of(one, breaker) is not circuit_of(other, breaker)
    assert circuit_of(one, None) is None


def test_a_model_that_nobody_can_refer_to_has_a_circuit_of_its_own() -> None:
    model, breaker = (1, 2), Breaker()  # no weak reference to a tuple
    first, second = circuit_of(model, breaker), circuit_of(model, breaker)
    assert isinstance(first, Circuit)
    assert first is not second


def test_a_circuit_is_forgotten_with_its_model_and_not_with_one_that_stood_there_before() -> None:
    class Model:
        pass

    one, breaker = Model(), Breaker(pause=7.5)
    kept = circuit_of(one, breaker)
    key = (id(one), breaker)
    gone, fresh = breakers._circuits[key][0], Model()
    breakers._circuits[key] = (weakref.ref(fresh), Circuit(breaker))  # the address was given out again
    breakers._forget(key, gone)
    assert breakers._circuits[key][0]() is fresh
    assert breakers._circuits[key][1] is not kept
    del one
    breakers._forget(key, breakers._circuits[key][0])
    assert key not in breakers._circuits


def test_an_open_circuit_hands_over_without_a_request_but_the_last_model_is_always_asked() -> None:
    circuits = [Circuit(Breaker(failures=1)), Circuit(Breaker(failures=1))]
    allowance = Allowance.of(Limits(), circuits=circuits)
    asked: list[int] = []

    def perform(effect: Effect) -> Result:
        if isinstance(effect, Decide):
            return script(Draft(0)).decide(effect.state)
        asked.append(effect.model)
        raise TimeoutError

    def ask(model: int) -> Reply:
        asked.append(model)
        raise TimeoutError

    for _ in range(3):
        ending = run(route(State.start(2, 4), allowance=allowance), perform, allowance)
        assert ending.fallback
        with pytest.raises(TimeoutError):
            finish(ending, ask)
    assert asked == [0, 1, 1, 1]
    assert ending.errors == ("ModelError",)


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"failures": 1.5}, {"pause": 0}, {"pause": "1"}])
def test_a_breaker_that_can_not_work_is_said_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"Breaker: {next(iter(wrong))} must be"):
        Breaker(**wrong)
