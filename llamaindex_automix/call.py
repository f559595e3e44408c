"""One routed call: the effects of the routing procedure, performed with LlamaIndex's models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import random
from time import monotonic
from typing import Any

from llama_index.core.instrumentation.span import active_span_id

from automix_core.audit.audit import Audit
from automix_core.audit.record import Case, is_question
from automix_core.checking.limiter import alimited, alimited_pieces, limited, limited_pieces, limiting_checks
from automix_core.checking.passing import Asked
from automix_core.checking.query import Query
from automix_core.decision import Draft, Policy, State
from automix_core.errors import ModelError
from automix_core.evidence.asked import asked_of
from automix_core.evidence.missing import warn_missing
from automix_core.evidence.wanted import draft_signals
from automix_core.policies.rounds import in_rounds
from automix_core.routing.attached import attach
from automix_core.routing.collecting import Collectors, collectors
from automix_core.routing.drivers import afinish, arun, finish, run
from automix_core.routing.effects import Check, Checks, Decide, Effect, Gauge, Reply, Result
from automix_core.routing.ending import Ending, ending_of
from automix_core.routing.hedge import Hedge, StreamHedge
from automix_core.routing.limits import FREE, Allowance
from automix_core.routing.procedure import bypass, route
from automix_core.routing.route import Route, settle
from automix_core.routing.streaming import Streamed
from automix_core.routing.telling import facts, tell
from automix_core.routing.waiting import await_call_within

from . import events
from .cascade import Cascade
from .child.clients import client_of
from .child.listening import metered
from .child.responses import rejected, tokens_of
from .request.meter import Meter
from .request.request import Record, Request
from .verifier.custom_verifier import CustomVerifier
from .verifier.token_verifier import TokenVerifier


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a cascade.

    `asked` is what it asks: a question that is routed, or what is passed to one model and why. `span` and `into` are
    taken where the call is made: a stream may end in another context.
    """

    cascade: Cascade
    request: Request[Any]
    asked: Asked
    coin: float | None = None
    span: str | None = field(default_factory=active_span_id.get)
    chart: events.Chart = field(default_factory=events.charting)
    into: Collectors = field(default_factory=collectors)
    allowance: Allowance = FREE
    audit: Audit | None = None
    began: float = field(default_factory=monotonic)
    policy: Policy = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", self.cascade.provider.policy())  # one for the whole call

    def answer(self) -> Any:
        """The kept draft, or the finishing model's answer; a model that fails hands over to the next."""
        with swallowed(), self._booked():
            ending, reply = finish(run(self._flow(), self._perform, self.allowance), self._answer)
            return self.request.recorded(*self._said(ending, reply))

    async def aanswer(self) -> Any:
        """`answer`, awaited."""
        with swallowed(), self._booked():
            hedge = self._hedge()
            ending = await arun(self._flow(hedge), self._aperform, self.allowance, hedge)
            ending, reply = await afinish(ending, self._aanswer, hedge)
            return self.request.recorded(*self._said(ending, reply))

    def stream(self) -> Generator[Any, None, None]:
        """The answer as it comes, once it is settled who gives it: routing is over when this returns.

        A kept draft is one piece: it had to be finished to be checked, and its timing is not invented.
        """
        with swallowed(), self._booked():
            live = self._live(run(self._flow(), self._perform, self.allowance))
        next(live)  # begun: so it is settled when it is dropped, though nobody read it
        return live

    async def astream(self) -> AsyncGenerator[Any, None]:
        """`stream`, awaited."""
        with swallowed(), self._booked():
            hedge = self._stream_hedge()
            live = self._alive(await arun(self._flow(hedge), self._aperform, self.allowance, hedge), hedge)
        await anext(live)
        return live

    def _live(self, ending: Ending) -> Generator[Any, None, None]:
        """Nothing at first, then the finishing model's pieces, or the kept draft."""
        stream: Streamed[Any] = Streamed(ending, self._meter)
        try:
            with swallowed(), self._booked(stream):
                try:
                    yield
                except GeneratorExit as unread:
                    ending.failed(unread)
                    raise
                so_far = self._charting(stream)
                with closing(stream.pieces(self._stream)) as pieces:
                    for piece in pieces:
                        so_far()
                        yield piece
                last = self._last(stream)
            if last is not None:
                yield last
        except Exception as error:
            events.broke(error.__cause__ if isinstance(error, ModelError) and error.__cause__ else error, self.span)
            raise
        finally:
            events.streamed(_text(stream), self.span)

    async def _alive(self, ending: Ending, hedge: StreamHedge | None) -> AsyncGenerator[Any, None]:
        """`_live`, awaited. An answer under way is dropped with a stream that nobody reads."""
        stream: Streamed[Any] = Streamed(ending, self._meter, hedge=hedge)
        try:
            with swallowed(), self._booked(stream):
                try:
                    yield
                except GeneratorExit as unread:
                    (ending if hedge is None else await hedge.dropped(ending)).failed(unread)
                    raise
                so_far = self._charting(stream)
                async with aclosing(stream.apieces(self._astream)) as pieces:
                    async for piece in pieces:
                        so_far()
                        yield piece
                last = self._last(stream)
            if last is not None:
                yield last
        except Exception as error:
            events.broke(error.__cause__ if isinstance(error, ModelError) and error.__cause__ else error, self.span)
            raise
        finally:
            events.streamed(_text(stream), self.span)

    def _said(self, ending: Ending, reply: Reply | None) -> tuple[Any, Record]:
        kept = reply or ending.reply
        assert kept is not None
        return kept.native, self._settle(ending, reply)

    def _last(self, stream: Streamed[Any]) -> Any:
        """The piece that bears the route: the whole of a kept draft, or the last of a stream again."""
        if stream.answer is None:
            native, record = self._said(stream.ending, None)
            return self.request.recorded(self.request.piece(native), record)
        record = self._settle(stream.ending, stream.answer)
        return self.request.closing(stream.answer.native, record)

    @property
    def query(self) -> Query:
        """What is asked, and from which context."""
        return self.asked.query

    def _hedge(self) -> Hedge[Reply] | None:
        """What begins the answer while a draft is checked, if that is wanted."""
        if not self.cascade.hedge or self.asked.passing:
            return None
        return Hedge(self.policy, self.cascade.prices or (), self._aanswer, self.cascade.circuits)

    def _stream_hedge(self) -> StreamHedge | None:
        """`_hedge` for a stream."""
        if not self.cascade.hedge or self.asked.passing:
            return None
        return StreamHedge(
            self.policy, self.cascade.prices or (), self._astream, self.cascade.circuits, meter=self._meter
        )

    def _flow(self, hedge: Hedge[Any] | None = None) -> Generator[Effect, Any, Ending]:
        models, raising = len(self.cascade.models), self.cascade.raising
        if self.asked.passing:
            return bypass(self.asked.to, models, self.asked.passing, raising=raising, allowance=self.allowance)
        coin = random() if self.coin is None else self.coin
        known, ways = asked_of(self.query, self.policy), self._measurable()
        start = State.start(models, self.cascade.k, coin, query_signals=known, purchasable=ways)
        hedging, rounds = hedge is not None, partial(self.cascade.rounds, self.policy)
        return route(start, raising=raising, allowance=self.allowance, rounds=rounds, hedging=hedging)

    def _perform(self, effect: Effect | Gauge) -> Result:
        match effect:
            case Decide(state=state, batch=batch):
                return self.cascade.meta.decide(in_rounds(self.policy, batch), state)
            case Draft(model=model):
                try:
                    return self._known(self.cascade.drafters[model].ask(partial(self._drafted, model)), model)
                except RuntimeError as error:
                    return self._rejected(model, error)
            case Check(model=model, n=n, reply=draft):
                checker, talk, limiter = self.cascade.checkers[model], self._goes_on(model), self.cascade.limiter
                query = self.query if talk else self.cascade.shown(self.query, draft.text)
                check = partial(checker.check, query, draft.text, n, *talk)
                if isinstance(checker, CustomVerifier):
                    return self._billed((limited(limiter, check)).checks, model, query)
                with limiting_checks(limiter):
                    return self._billed((check()).checks, model, query)
            case Gauge(model=model, name=name, reply=draft):
                measures, ask = self.cascade.measures, self.request.talk
                with limiting_checks(self.cascade.limiter):
                    return measures.measure(name, model, self.query, draft.text, ask)

    async def _aperform(self, effect: Effect | Gauge) -> Result:
        match effect:
            case Draft(model=model):
                try:
                    drafter = self.cascade.drafters[model]
                    return self._known(await drafter.aask(partial(self._adrafted, model)), model)
                except RuntimeError as error:
                    return self._rejected(model, error)
            case Check(model=model, n=n, reply=draft):
                checker, talk, limiter = self.cascade.checkers[model], self._goes_on(model), self.cascade.limiter
                query = self.query if talk else self.cascade.shown(self.query, draft.text)
                check = partial(checker.acheck, query, draft.text, n, *talk)
                if isinstance(checker, CustomVerifier):
                    return self._billed((await alimited(limiter, check)).checks, model, query)
                with limiting_checks(limiter):
                    return self._billed((await check()).checks, model, query)
            case Gauge(model=model, name=name, reply=draft):
                measures, ask = self.cascade.measures, self.request.talk
                with limiting_checks(self.cascade.limiter):
                    return await measures.ameasure(name, model, self.query, draft.text, ask)
        return self._perform(effect)

    def _measurable(self) -> list[str]:
        """The signals that can be bought in this call."""
        return self.cascade.measures.offered(lambda: self.request.talk(self.cascade.models[0]) is not None)

    def _goes_on(self, model: int) -> tuple[Any, ...]:
        """The conversation that a check of the draft of `model` goes on from, if it does."""
        checker = self.cascade.checkers[model]
        if isinstance(checker, TokenVerifier) and checker.continues and checker.model is not None:
            talk = self.request.talk(checker.model)
            return () if talk is None or isinstance(talk, str) else (talk,)
        return ()

    def _drafted(self, model: int, child: Any) -> Reply:
        self._managed(model, child)
        return limited(self.cascade.limiter, lambda: self.request.draft(child))

    async def _adrafted(self, model: int, child: Any) -> Reply:
        self._managed(model, child)
        if self._in_thread(child):
            draft = partial(limited, self.cascade.limiter, lambda: self.request.draft(child))
            return await await_call_within(draft, self.allowance.asking(model))
        return await alimited(self.cascade.limiter, lambda: self.request.adraft(child))

    def _managed(self, model: int, child: Any) -> None:
        """A copy that drafts reports to whom the model itself does, by now."""
        own = self.cascade.models[model]
        if child is not own and child.callback_manager is not own.callback_manager:
            child.callback_manager = own.callback_manager

    def _known(self, reply: Reply, model: int) -> Reply:
        """The draft with its signals, if it may be kept."""
        if reply.passes or reply.problem:
            return reply
        whole = hasattr(reply.native, "raw")  # an object made of a response tells no tokens
        tokens = self.cascade.drafters[model].told(tokens_of(reply.native)) if whole else ()
        signals = draft_signals(self.query, reply.text, self.cascade.signals, tokens)
        warn_missing(self.policy, model, signals)
        return replace(reply, signals=signals)

    def _rejected(self, model: int, error: RuntimeError) -> Reply:
        """A draft that ended early, where the client raises that. Any other error, and the last model's, is raised."""
        if model == self.cascade.last:
            raise error
        return rejected(error)

    def _billed(self, checks: Checks, model: int, query: Query) -> Checks:
        """The checks, with whose tokens they are and whether they saw less than the whole context."""
        truncated = checks.truncated or query.truncated
        return replace(checks, model=self.cascade.checked_by[model], truncated=truncated)

    def _answer(self, model: int) -> Reply:
        child = self.cascade.models[model]
        said = limited(self.cascade.limiter, lambda: self.request.ask(child))
        return self.request.reply(said, client_of(child))

    async def _aanswer(self, model: int) -> Reply:
        child = self.cascade.models[model]
        if self._in_thread(child):
            ask = partial(limited, self.cascade.limiter, lambda: self.request.ask(child))
            said = await await_call_within(ask, self.allowance.asking(model))
        else:
            said = await alimited(self.cascade.limiter, lambda: self.request.aask(child))
        return self.request.reply(said, client_of(child))

    def _meter(self, model: int) -> Meter:
        return Meter(self.request, client_of(self.cascade.models[model]))

    def _in_thread(self, child: Any) -> bool:
        """Whether an awaited call of `child` would hold up the loop and the time limit with it."""
        return self.allowance.until is not None and client_of(child).blocks

    def _stream(self, model: int) -> Iterator[Any]:
        """The stream of `model`, asked for under the call's span, wherever it is read."""
        return limited_pieces(self.cascade.limiter, partial(self._begun, model))

    def _begun(self, model: int) -> Iterator[Any]:
        token = active_span_id.set(self.span)
        try:
            return self.request.stream(self.cascade.models[model])
        finally:
            active_span_id.reset(token)

    async def _astream(self, model: int) -> AsyncIterator[Any]:
        """`_stream`, awaited."""
        return await alimited_pieces(self.cascade.limiter, partial(self._abegun, model))

    async def _abegun(self, model: int) -> AsyncIterator[Any]:
        token = active_span_id.set(self.span)
        try:
            return await self.request.astream(self.cascade.models[model])
        finally:
            active_span_id.reset(token)

    @contextmanager
    def _booked(self, stream: Streamed[Any] | None = None) -> Iterator[None]:
        """Leave the route of a call that ends here with an error: on the error, and with all that are told routes."""
        try:
            yield
        except BaseException as error:
            if (ending := ending_of(error) or (stream.stopped if stream else None)) is not None:
                attach(error, self._books(ending))
            raise

    def _settle(self, ending: Ending, answer: Reply | None = None) -> Record:
        closed = self._books(ending, answer)
        if self.audit is not None and is_question(self.asked, ending, answer) and self.audit.wants():
            self.audit.take(lambda: self._case(closed, ending, answer))
        return closed.to_dict()

    def _case(self, closed: Route, ending: Ending, answer: Reply | None) -> Case:
        """The call as an audit takes it up: what is at hand, and how to ask for the rest, in no span of the user's."""
        alone = replace(self, audit=None, allowance=FREE)
        checker = self.cascade.checkers[0]
        prompt = None if isinstance(checker, CustomVerifier) else checker.prompt_digest
        can = self._measurable()
        return Case.of(closed, self.query, ending, answer, self.cascade, alone._perform, prompt, metered, can)

    def _books(self, ending: Ending, answer: Reply | None = None) -> Route:
        """The route of the call, told to the collectors that were open when it began and to the instrumentation."""
        closed = self._closed(ending, answer)
        tell(closed, self.into)
        self.cascade.provider.observe(ending.first_signals)
        events.routed(closed, self.span)
        self.chart(facts(closed))
        return closed

    def _closed(self, ending: Ending, answer: Reply | None) -> Route:
        return settle(
            ending,
            self.query,
            policy=repr(self.policy),
            policy_version=getattr(self.policy, "version", None),
            names=self.cascade.names,
            prices=self.cascade.prices,
            answer=answer,
            seconds=monotonic() - self.began,
        )

    def _charting(self, stream: Streamed[Any]) -> Callable[[], None]:
        """What charts a stream as far as it was read, at its first piece and when its model tells of tokens.

        OpenInference ends the span of the call with that of the model within, which is before the books are closed.
        """
        charted: object = stream  # nothing yet

        def so_far() -> None:
            nonlocal charted
            heard = stream.heard
            if self.chart is not events.nowhere and isinstance(heard, Meter) and heard.usage != charted:
                charted = heard.usage
                self.chart(facts(self._closed(stream.ending, heard.reply())))

        return so_far


def _text(stream: Streamed[Any]) -> str:
    """What a stream said so far."""
    if isinstance(stream.heard, Meter) and stream.heard.last is not None:
        return stream.heard.text
    kept = stream.ending.reply
    return kept.text if kept else ""


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
