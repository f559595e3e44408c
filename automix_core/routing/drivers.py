"""The drivers of the routing procedure, blocking and awaited: they perform its effects in time, and measure them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, TypeVar, cast

from ..decision import Draft
from .effects import Ahead, Begun, Checks, Decide, Effect, Failure, Measured, Reply, Result
from .ending import Ending, leave
from .hedge import Hedge
from .limits import FREE, Allowance
from .waiting import await_within, call_within

R = TypeVar("R")


def run(flow: Generator[Effect, Any, R], perform: Callable[[Effect], Result], allowance: Allowance = FREE) -> R:
    """Drive `flow` to its end, performing each effect in turn. One that takes too long is left behind."""
    result: Result | None = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration as stop:
                ending: R = stop.value
                return ending
            began = monotonic()
            try:  # apart from the send above: a StopIteration raised by a model must not end the flow
                if isinstance(effect, Decide):
                    result = perform(effect)
                else:
                    with _attempt(effect, allowance):
                        result = call_within(partial(perform, effect), allowance.asking(effect.model))
            except Exception as error:
                result = Failure(error, left=allowance.ended_by(error))
            except BaseException as interruption:  # the flow puts its books on it, and lets it pass
                flow.throw(interruption)
                raise
            result = timed(result, monotonic() - began)
    finally:
        flow.close()


async def arun(
    flow: Generator[Effect, Any, R],
    perform: Callable[[Effect], Awaitable[Result]],
    allowance: Allowance = FREE,
    hedge: Hedge[Any] | None = None,
) -> R:
    """Drive `flow` like `run`, awaiting each effect. One that takes too long is cancelled.

    What `hedge` began is dropped unless the ending needs it; then it is for `afinish` or the stream to take.
    """
    result: Result | None = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration as stop:
                ending: R = stop.value
                if hedge is not None and isinstance(ending, Ending):
                    return cast("R", await hedge.after(ending))
                return ending
            began = monotonic()
            try:
                if isinstance(ahead := cast("object", effect), Ahead):
                    result = Begun(None if hedge is None else await hedge.begin(ahead.state, ahead.reply))
                elif isinstance(effect, Decide):
                    result = await perform(effect)
                else:
                    with _attempt(effect, allowance):
                        result = await await_within(partial(perform, effect), allowance)
            except Exception as error:
                result = Failure(error, left=allowance.ended_by(error))
            except BaseException as interruption:
                flow.throw(interruption)
                raise
            result = timed(result, monotonic() - began)
    except BaseException:
        if hedge is not None:
            await hedge.close()
        raise
    finally:
        flow.close()


def finish(ending: Ending, ask: Callable[[int], Reply]) -> tuple[Ending, Reply | None]:
    """The finishing call: `ask` the model that is to answer; one that fails hands over, as `Ending.after` says.

    Returns the ending as it then was, and the answer, None if a draft was kept.
    """
    while ending.reply is None:
        ending = ending.begin()
        if ending.reply is not None:
            break
        began = monotonic()
        try:
            with ending.allowance.attempt(ending.action.model):
                asked = ending.allowance.asking(ending.action.model)
                answer = call_within(partial(ask, ending.action.model), asked)
        except Exception as error:
            ending = ending.after(error, monotonic() - began)
        except BaseException as interruption:
            raise leave(interruption, ending.interrupted(interruption, monotonic() - began))  # noqa: B904 - the same
        else:
            return ending, replace(answer, seconds=monotonic() - began)
    return ending, None


async def afinish(
    ending: Ending, ask: Callable[[int], Awaitable[Reply]], hedge: Hedge[Reply] | None = None
) -> tuple[Ending, Reply | None]:
    """`finish`, awaited. An answer that `hedge` has under way is taken in place of asking."""
    try:
        while ending.reply is None:
            ending = ending.begin()
            if ending.reply is not None:
                break
            model = ending.action.model
            began = monotonic() if hedge is None else hedge.since(model)
            asked = partial(ask if hedge is None else hedge.take, model)
            try:
                with ending.allowance.attempt(model):
                    answer = await await_within(asked, ending.allowance)
            except Exception as error:
                ending = ending.after(error, monotonic() - began)
            except BaseException as interruption:
                raise leave(interruption, ending.interrupted(interruption, monotonic() - began))  # noqa: B904 - the same
            else:
                return ending, replace(answer, seconds=monotonic() - began)
        return ending if hedge is None else await hedge.after(ending), None
    finally:
        if hedge is not None:
            await hedge.close()


def _attempt(effect: Effect, allowance: Allowance) -> AbstractContextManager[None]:
    """Drafts alone tell how a model fares: failed checks are outvoted, and measured apart."""
    return allowance.attempt(effect.model) if isinstance(effect, Draft) else nullcontext()


def timed(result: Result, seconds: float) -> Result:
    """`result` with how long it took; decisions don't tell."""
    return replace(result, seconds=seconds) if isinstance(result, Reply | Checks | Measured | Failure) else result
