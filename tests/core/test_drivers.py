"""The drivers of the routing procedure, sync and async: they do as the hand does, and close what they drove."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from automix_core.decision import Draft, Policy, State
from automix_core.policies.threshold import Threshold
from automix_core.routing.drivers import arun, run
from automix_core.routing.effects import Decide, Effect, Failure, Result
from automix_core.routing.ending import Ending
from automix_core.routing.procedure import route
from tests.core.flows import PATHS, YES, B, Script, told


def actor(policy: Policy, *given: Result) -> Callable[[Effect], Result]:
    """Performs effects: decisions by the policy; drafts and checks as given, failures raised."""
    left = list(given)

    def perform(effect: Effect) -> Result:
        if isinstance(effect, Decide):
            return policy.decide(effect.state)
        result = left.pop(0)
        if isinstance(result, Failure):
            raise result.error
        return result

    return perform


def awaited(perform: Callable[[Effect], Result]) -> Callable[[Effect], Any]:
    async def aperform(effect: Effect) -> Result:
        await asyncio.sleep(0)
        return perform(effect)

    return aperform


@pytest.mark.parametrize(("path", "policy", "given", "models"), PATHS)
async def test_both_drivers_do_as_the_hand(path: str, policy: Policy, given: tuple[Result, ...], models: int) -> None:
    endings = []
    for driver in ("run", "arun"):
        if isinstance(policy, Script):
            policy.seen.clear()
        flow, perform = route(State.start(models, 4)), actor(policy, *given)
        endings.append(run(flow, perform) if driver == "run" else await arun(flow, awaited(perform)))
    assert told(endings[0]) == path
    assert endings[0] == endings[1]


async def test_a_stop_iteration_raised_by_a_model_is_a_failure_like_any_other() -> None:
    given = (Failure(StopIteration("over")), B, YES)
    ending = run(route(State.start(3, 4)), actor(Threshold(0.75), *given))
    assert (told(ending), ending.errors) == ("draft 0, draft 1, verify 1 x4, accept 1", ("StopIteration",))

    async def aperform(effect: Effect) -> Result:  # inside a coroutine it can't be raised as it is
        return given[0] if effect == Draft(0) else perform(effect)

    perform = actor(Threshold(0.75), *given[1:])
    assert await arun(route(State.start(3, 4)), aperform) == ending


class Watched(Generator[Effect, Any, Ending]):
    """A flow that notes its closing."""

    def __init__(self) -> None:
        self.flow, self.closed = route(State.start(2, 4)), False

    def send(self, value: Any) -> Effect:
        return self.flow.send(value)

    def throw(self, *args: Any) -> Effect:
        return self.flow.throw(*args)

    def close(self) -> None:
        self.closed = True
        self.flow.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_an_interruption_passes_and_closes_the_flow(error: type[BaseException]) -> None:
    def perform(effect: Effect) -> Result:
        raise error

    flow = Watched()
    with pytest.raises(error):
        run(flow, perform)
    assert flow.closed


async def test_a_cancelled_task_closes_the_flow() -> None:
    flow, reached = Watched(), asyncio.Event()

    async def aperform(effect: Effect) -> Result:
        reached.set()
        await asyncio.sleep(60)
        raise AssertionError

    task = asyncio.ensure_future(arun(flow, aperform))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert flow.closed
