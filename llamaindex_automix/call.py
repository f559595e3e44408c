"""One routed call: the effects of the routing procedure, performed with LlamaIndex's models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import random
from typing import Any

from llama_index.core.instrumentation.span import active_span_id

from automix_core.checking.query import Query
from automix_core.decision import Draft, State
from automix_core.errors import ModelError
from automix_core.routing.collecting import Collectors, collect, collectors
from automix_core.routing.effects import Check, Checks, Decide, Effect, Reply, Result
from automix_core.routing.procedure import Ending, arun, bypass, route, run
from automix_core.routing.route import settle

from . import events
from .cascade import Cascade
from .request.meter import Meter
from .request.request import Record, Request


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a cascade.

    `passing` is the reason for which the policy is not asked, if any, and `to` the model that then answers. `span` and
    `into` are taken where the call is made: a stream may end in another context.
    """

    cascade: Cascade
    request: Request[Any]
    query: Query
    coin: float | None = None
    passing: str = ""
    to: int = 0
    span: str | None = field(default_factory=active_span_id.get)
    into: Collectors = field(default_factory=collectors)

    def answer(self) -> Any:
        """The kept draft, or the finishing model's answer; a model that fails hands over to the next."""
        with swallowed():
            ending = run(self._flow(), self._perform)
            while (kept := ending.reply) is None:
                try:
                    reply = self.request.reply(self.request.ask(self._finisher(ending)))
                except Exception as error:
                    ending = ending.after(error)
                else:
                    return self.request.recorded(reply.native, self._settle(ending, reply))
            return self.request.recorded(kept.native, self._settle(ending))

    async def aanswer(self) -> Any:
        """`answer`, awaited."""
        with swallowed():
            ending = await arun(self._flow(), self._aperform)
            while (kept := ending.reply) is None:
                try:
                    reply = self.request.reply(await self.request.aask(self._finisher(ending)))
                except Exception as error:
                    ending = ending.after(error)
                else:
                    return self.request.recorded(reply.native, self._settle(ending, reply))
            return self.request.recorded(kept.native, self._settle(ending))

    def stream(self) -> Generator[Any, None, None]:
        """The answer as it comes, once it is settled who gives it: routing is over when this returns.

        A kept draft is one piece: it had to be finished to be checked, and its timing is not invented.
        """
        with swallowed():
            ending = run(self._flow(), self._perform)
            if ending.reply is not None:
                return self._held(self._whole(ending, ending.reply), ending.reply.text)
            ending, pieces = self._open(ending)
            live = self._live(ending, pieces)
            next(live)  # begun: so it is settled when it is dropped, though nobody read it
            return live

    async def astream(self) -> AsyncGenerator[Any, None]:
        """`stream`, awaited."""
        with swallowed():
            ending = await arun(self._flow(), self._aperform)
            if ending.reply is not None:
                return self._aheld(self._whole(ending, ending.reply), ending.reply.text)
            ending, pieces = await self._aopen(ending)
            live = self._alive(ending, pieces)
            await anext(live)
            return live

    def _whole(self, ending: Ending, kept: Reply) -> Any:
        return self.request.recorded(self.request.piece(kept.native), self._settle(ending))

    def _held(self, piece: Any, text: str) -> Generator[Any, None, None]:
        try:
            yield piece
        finally:
            events.streamed(text, self.span)

    async def _aheld(self, piece: Any, text: str) -> AsyncGenerator[Any, None]:
        try:
            yield piece
        finally:
            events.streamed(text, self.span)

    def _live(self, ending: Ending, pieces: Any) -> Generator[Any, None, None]:
        """The finishing model's pieces. Until the first one came, a failure can still hand over."""
        meter = Meter()
        try:
            try:
                yield
                while True:
                    try:
                        for piece in pieces:
                            meter.add(piece)
                            yield piece
                        break
                    except Exception as error:
                        if meter.last is not None:
                            raise
                        with swallowed():
                            ending, pieces = self._open(ending.after(error))
            except GeneratorExit:  # nobody reads on; what was spent is spent
                self._settle(ending, meter.reply(self.request))
                raise
            closed = self._settle(ending, meter.reply(self.request))
            if meter.last is not None and (closing := self.request.closing(meter.last, closed)) is not None:
                yield closing
        except (ValueError, TypeError) as error:
            events.broke(error, self.span)
            raise model_error(error) from error
        except Exception as error:
            events.broke(error, self.span)
            raise
        finally:
            events.streamed(meter.text(self.request), self.span)
            if hasattr(pieces, "close"):
                pieces.close()

    async def _alive(self, ending: Ending, pieces: Any) -> AsyncGenerator[Any, None]:
        """`_live`, awaited."""
        meter = Meter()
        try:
            try:
                yield
                while True:
                    try:
                        async for piece in pieces:
                            meter.add(piece)
                            yield piece
                        break
                    except Exception as error:
                        if meter.last is not None:
                            raise
                        with swallowed():
                            ending, pieces = await self._aopen(ending.after(error))
            except GeneratorExit:  # nobody reads on; what was spent is spent
                self._settle(ending, meter.reply(self.request))
                raise
            closed = self._settle(ending, meter.reply(self.request))
            if meter.last is not None and (closing := self.request.closing(meter.last, closed)) is not None:
                yield closing
        except (ValueError, TypeError) as error:
            events.broke(error, self.span)
            raise model_error(error) from error
        except Exception as error:
            events.broke(error, self.span)
            raise
        finally:
            events.streamed(meter.text(self.request), self.span)
            if hasattr(pieces, "aclose"):
                await pieces.aclose()

    def _flow(self) -> Generator[Effect, Any, Ending]:
        models, raising = len(self.cascade.models), self.cascade.raising
        if self.passing:
            return bypass(self.to, models, self.passing, raising=raising)
        coin = random() if self.coin is None else self.coin
        return route(State.start(models, self.cascade.k, coin), raising=raising)

    def _perform(self, effect: Effect) -> Result:
        match effect:
            case Decide(state=state):
                return self.cascade.meta.decide(state)
            case Draft(model=model):
                return self.request.draft(self.cascade.models[model])
            case Check(model=model, n=n, reply=draft):
                return self._billed(self.cascade.checkers[model].check(self.query, draft.text, n).checks, model)

    async def _aperform(self, effect: Effect) -> Result:
        match effect:
            case Draft(model=model):
                return await self.request.adraft(self.cascade.models[model])
            case Check(model=model, n=n, reply=draft):
                found = await self.cascade.checkers[model].acheck(self.query, draft.text, n)
                return self._billed(found.checks, model)
        return self._perform(effect)

    def _billed(self, checks: Checks, model: int) -> Checks:
        """The checks, with whose tokens they are."""
        return replace(checks, model=self.cascade.checked_by[model])

    def _finisher(self, ending: Ending) -> Any:
        return self.cascade.models[ending.action.model]

    def _open(self, ending: Ending) -> tuple[Ending, Any]:
        """The finishing model's stream. It is asked for under the call's span, wherever the stream is read."""
        while True:
            token = active_span_id.set(self.span)
            try:
                return ending, self.request.stream(self._finisher(ending))
            except Exception as error:
                ending = ending.after(error)
            finally:
                active_span_id.reset(token)

    async def _aopen(self, ending: Ending) -> tuple[Ending, Any]:
        """`_open`, awaited."""
        while True:
            token = active_span_id.set(self.span)
            try:
                return ending, await self.request.astream(self._finisher(ending))
            except Exception as error:
                ending = ending.after(error)
            finally:
                active_span_id.reset(token)

    def _settle(self, ending: Ending, answer: Reply | None = None) -> Record:
        """The record of the call, told to the collectors that were open when it began and to the instrumentation."""
        closed = settle(
            ending,
            self.query,
            policy=repr(self.cascade.meta.policy),
            names=self.cascade.names,
            prices=self.cascade.prices,
            answer=answer,
        )
        collect(closed, self.into)
        record = closed.to_dict()
        events.routed(record, self.span)
        return record


def model_error(error: Exception) -> ModelError:
    """What stands for an error that LlamaIndex's synthesizers would turn into the answer "Empty Response"."""
    return ModelError(f"A model of the cascade failed with {type(error).__name__}; see the cause of this error.")


@contextmanager
def swallowed() -> Iterator[None]:
    """Raise `ModelError` in place of the errors that LlamaIndex's synthesizers swallow."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise model_error(error) from error
