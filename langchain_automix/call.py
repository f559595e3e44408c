"""One routed call: the effects of the routing procedure, performed with LangChain's objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import random
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

from automix_core.audit.audit import Audit
from automix_core.audit.record import Case, is_question
from automix_core.checking.client import SHAPES
from automix_core.checking.limiter import alimited, alimited_pieces, limited, limited_pieces, limiting_checks
from automix_core.checking.passing import Asked
from automix_core.checking.query import Query, read_coin
from automix_core.decision import Draft, Policy, State
from automix_core.evidence.asked import asked_of
from automix_core.evidence.missing import warn_missing
from automix_core.evidence.wanted import draft_signals
from automix_core.policies.rounds import in_rounds
from automix_core.routing.attached import attach
from automix_core.routing.collecting import Collectors, collectors
from automix_core.routing.drivers import afinish, arun, finish, run
from automix_core.routing.effects import Check, Decide, Effect, Gauge, Reply, Result
from automix_core.routing.ending import Ending, ending_of
from automix_core.routing.hedge import Hedge, StreamHedge
from automix_core.routing.limits import FREE, Allowance
from automix_core.routing.procedure import bypass, route
from automix_core.routing.route import Route, close_books
from automix_core.routing.streaming import Streamed
from automix_core.routing.telling import facts, tell
from automix_core.routing.waiting import await_call_within
from automix_core.usage import Usage

from .cascade import Cascade
from .child.models import Child, as_message, as_reply, blocks, bound_tools, tokens_of, without_thoughts
from .child.reasoning import for_child
from .child.unheard import ainvoke, astream, invoke, stream
from .draft.raised import raised_draft
from .draft.toolcalls import judged
from .tracing.metered import metered
from .tracing.parent import Parent, detached
from .tracing.tokens import Pieces, Record, as_chunk, labelled
from .tracing.watch import watched
from .verifier.custom_verifier import CustomVerifier
from .verifier.token_verifier import TokenVerifier

if TYPE_CHECKING:
    from .draft.structured import Structure

_SAID = frozenset({"system", "human", "ai"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a cascade with `messages`; `settings` (stop, tools, temperature, ...) go to each answering model.

    `tools` are offered to each model, and `final` names those whose call is an answer and starts nothing. `asked`
    is what it asks: a question that is routed, or what is passed to one model and why. `ahead` says in which form its
    answer may begin while a draft is checked, if at all.
    """

    cascade: Cascade
    messages: Sequence[BaseMessage]
    asked: Asked
    parent: Parent
    settings: Mapping[str, Any]
    tools: Sequence[Any] = ()
    final: frozenset[str] = frozenset()
    schema: Structure | None = None
    coin: Any = None
    into: Collectors = field(default_factory=collectors)
    allowance: Allowance = FREE
    audit: Audit | None = None
    ahead: Literal["", "answer", "stream"] = ""
    began: float = field(default_factory=monotonic)
    policy: Policy = field(init=False)
    hedge: Hedge[Any] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", self.cascade.provider.policy())  # one for the whole call
        if self.ahead and self.cascade.hedge and not self.asked.passing:
            object.__setattr__(self, "hedge", self._hedged(self.ahead == "stream"))

    def route(self) -> Ending:
        """Climb the cascade, blocking."""
        with self.booked(), detached():
            return run(self._flow(), self._perform, self.allowance)

    async def aroute(self) -> Ending:
        """Climb the cascade, awaiting."""
        with self.booked(), detached():
            return await arun(self._flow(), self._aperform, self.allowance, self.hedge)

    def answer(self, ending: Ending) -> tuple[AIMessage, Record]:
        """The kept draft, or the finishing model's answer; a model that fails hands over to the next."""
        with self.booked(), detached():
            ending, reply = finish(ending, self._answer)
        return self._said(ending, reply)

    async def aanswer(self, ending: Ending) -> tuple[AIMessage, Record]:
        """`answer`, awaited."""
        with self.booked(), detached():
            ending, reply = await afinish(ending, self._aanswer, self.hedge)
        return self._said(ending, reply)

    def stream(self, ending: Ending) -> Iterator[AIMessageChunk]:
        """The kept draft as one chunk: it had to be finished to be checked, and its timing is not invented. Else the
        finishing model's chunks as they come, and a last one that bears the route.
        """
        stream: Streamed[Any] = Streamed(ending, self._meter)
        with self.booked(stream), closing(stream.pieces(self._stream)) as chunks:
            for chunk in chunks:
                yield Pieces.shown(chunk)
        yield self._last(stream)

    async def astream(self, ending: Ending) -> AsyncIterator[AIMessageChunk]:
        """`stream`, awaited."""
        hedge = self.hedge if isinstance(self.hedge, StreamHedge) else None
        stream: Streamed[Any] = Streamed(ending, self._meter, hedge=hedge)
        with self.booked(stream):
            async with aclosing(stream.apieces(self._astream)) as chunks:
                async for chunk in chunks:
                    yield Pieces.shown(chunk)
        yield self._last(stream)

    def settle(self, ending: Ending, answer: Reply | None = None) -> Record:
        """The record of the call, whose route is handed to the collectors that were open when it began."""
        route, whole = self._books(ending, answer)
        if self.audit is not None and is_question(self.asked, ending, answer) and self.audit.wants():
            self.audit.take(lambda: self._case(route, ending, answer))
        return Record.of(route, whole)

    def _case(self, route: Route, ending: Ending, answer: Reply | None) -> Case:
        """The call as an audit takes it up: what is at hand, and how to ask for the rest, outside the user's trace."""
        alone = replace(self, parent=Parent(tags=("automix:audit",)), audit=None, ahead="", allowance=FREE)
        verifier = self.cascade.verifier
        prompt = None if isinstance(verifier, CustomVerifier) else verifier.prompt_digest
        can = self._measurable()
        return Case.of(route, self.query, ending, answer, self.cascade, alone._perform, prompt, metered, can)

    @contextmanager
    def booked(self, stream: Streamed[Any] | None = None) -> Iterator[None]:
        """Leave the route of a call that ends here with an error: on the error, and with the collectors."""
        try:
            yield
        except BaseException as error:
            if (ending := ending_of(error) or (stream.stopped if stream else None)) is not None:
                attach(error, self._books(ending)[0])
            raise

    def _books(self, ending: Ending, answer: Reply | None = None) -> tuple[Route, Usage | None]:
        route, whole = close_books(
            ending,
            self.query,
            policy=repr(self.policy),
            policy_version=getattr(self.policy, "version", None),
            names=self.cascade.names,
            prices=self.cascade.prices,
            answer=answer,
            seconds=monotonic() - self.began,
        )
        tell(route, self.into)
        if self.parent.handlers:
            self.parent.mark(facts(route))
        self.cascade.provider.observe(ending.first_signals)
        return route, whole

    def _said(self, ending: Ending, reply: Reply | None) -> tuple[AIMessage, Record]:
        kept = reply or ending.reply
        assert kept is not None
        return kept.native, self.settle(ending, reply)

    def _last(self, stream: Streamed[Any]) -> AIMessageChunk:
        ending, pieces = stream.ending, stream.heard
        if stream.answer is None or not isinstance(pieces, Pieces):
            return as_chunk(labelled(*self._said(ending, None)))
        return pieces.end(self.settle(ending, stream.answer))

    def _flow(self) -> Generator[Effect, Any, Ending]:
        models, raising, coin = len(self.cascade.models), self.cascade.raising, read_coin(self.coin)
        if self.asked.passing:
            return bypass(self.asked.to, models, self.asked.passing, raising=raising, allowance=self.allowance)
        start = State.start(
            models,
            self.cascade.k,
            random() if coin is None else coin,
            query_signals=asked_of(self.query, self.policy),
            purchasable=self._measurable(),
        )
        hedging, rounds = self.hedge is not None, partial(self.cascade.rounds, self.policy)
        return route(start, raising=raising, allowance=self.allowance, rounds=rounds, hedging=hedging)

    def _hedged(self, stream: bool) -> Hedge[Any]:
        """What begins the answer while a draft is checked, its runs watched apart from those of the checks."""
        alone, prices, circuits = self.parent.apart(), self.cascade.prices or (), self.cascade.circuits
        if stream:
            ask = partial(self._astream, parent=alone)
            return StreamHedge(self.policy, prices, ask, circuits, meter=self._meter)
        return Hedge(self.policy, prices, partial(self._aanswer, parent=alone), circuits)

    def _answer(self, model: int) -> Reply:
        child, config = self.cascade.models[model], self.parent.config("answer", model)
        return as_reply(as_message(self._asked(model, child, config)), self.cascade.clients[model])

    def _asked(self, model: int, child: Any, config: Any) -> Any:
        return limited(self.cascade.limiter, lambda: invoke(child, self._for(model), config, self.settings))

    async def _aanswer(self, model: int, parent: Parent | None = None) -> Reply:
        parent = parent or self.parent
        child, config = self.cascade.models[model], parent.config("answer", model)
        async with watched(parent.handlers):
            return as_reply(as_message(await self._invoked(model, child, config)), self.cascade.clients[model])

    async def _invoked(self, model: int, child: Any, config: Any) -> Any:
        if self.allowance.until is not None and blocks(child):
            return await await_call_within(lambda: self._asked(model, child, config), self.allowance.asking(model))
        if self.cascade.limiter is None:
            return await ainvoke(child, self._for(model), config, self.settings)
        return await alimited(self.cascade.limiter, lambda: ainvoke(child, self._for(model), config, self.settings))

    def _for(self, model: int) -> list[BaseMessage]:
        """The messages as one model is to see them."""
        return list(for_child(self.messages, self.cascade.models[model], self.cascade.models))

    def _talk(self, child: Child) -> Sequence[BaseMessage] | None:
        """The conversation as `child` would be sent it to answer; None where that says more than its messages do."""
        shaped = self.tools or self.schema is not None or not SHAPES.isdisjoint(self.settings)
        if shaped or bound_tools(child) or any(message.type not in _SAID for message in self.messages):
            return None
        return for_child(self.messages, child, self.cascade.models)

    def _goes_on(self, model: int) -> tuple[Sequence[BaseMessage], ...]:
        """The conversation that a check of the draft of `model` goes on from, if it does."""
        verifier = self.cascade.verifier
        goes_on = isinstance(verifier, TokenVerifier) and verifier.continues
        talk = self._talk(self.cascade.checkers[model].child) if goes_on else None
        return () if talk is None else (talk,)

    def _measurable(self) -> list[str]:
        """The signals that can be bought in this call."""
        return self.cascade.measures.offered(lambda: self._talk(self.cascade.models[0]) is not None)

    def _meter(self, model: int) -> Pieces:
        return Pieces(self.cascade.clients[model])

    def _stream(self, model: int) -> Iterator[Any]:
        child, config = self.cascade.models[model], self.parent.config("answer", model)
        begun = partial(_begun, lambda: stream(child, self._for(model), config, self.settings))
        return iter(limited_pieces(self.cascade.limiter, begun))

    async def _astream(self, model: int, parent: Parent | None = None) -> AsyncIterator[Any]:
        child, config = self.cascade.models[model], (parent or self.parent).config("answer", model)

        async def begun() -> AsyncIterator[Any]:
            return aiter(_abegun(lambda: astream(child, self._for(model), config, self.settings)))

        return await alimited_pieces(self.cascade.limiter, begun)

    def _perform(self, effect: Effect | Gauge) -> Result:
        meta, verifier = self.cascade.meta, self.cascade.verifier
        match effect:
            case Decide(state=state, batch=batch):
                policy = in_rounds(self.policy, batch)
                if not self._traced(state):
                    return policy.decide(state)
                return meta.decide(state, self.parent.config("meta_verifier"), policy)
            case Draft(model=model):
                try:
                    said = self._drafted(model)
                except Exception as error:
                    return self._raised(error)
                return self._judged(said, model)
            case Check(model=model, n=n, reply=draft):
                query, config = self.cascade.shown(self.query, draft.text), self._verifying(model)
                if isinstance(verifier, CustomVerifier):
                    check = partial(verifier.check, query, draft.text, n, config)
                    return replace(limited(self.cascade.limiter, check), truncated=query.truncated)
                checker, talk = self.cascade.checkers[model], self._goes_on(model)
                query = self.query if talk else query
                with limiting_checks(self.cascade.limiter):
                    found, _ = verifier.check(query, draft.text, n, checker, config, *talk)
                return replace(found, model=self.cascade.checked_by[model])
            case Gauge(model=model, name=name, reply=draft):
                config, measures = self._verifying(model), self.cascade.measures
                with limiting_checks(self.cascade.limiter):
                    return measures.measure(name, model, self.query, draft.text, config, self._talk)

    async def _aperform(self, effect: Effect | Gauge) -> Result:
        if isinstance(effect, Decide) and not self._traced(effect.state):  # nobody watches, so nothing is awaited
            return in_rounds(self.policy, effect.batch).decide(effect.state)
        if not self.parent.handlers:  # and no run is left open
            return await self._ado(effect)
        async with watched(self.parent.handlers):
            return await self._ado(effect)

    async def _ado(self, effect: Effect | Gauge) -> Result:
        meta, verifier = self.cascade.meta, self.cascade.verifier
        match effect:
            case Decide(state=state, batch=batch):
                policy = in_rounds(self.policy, batch)
                return await meta.adecide(state, self.parent.config("meta_verifier"), policy)
            case Draft(model=model):
                try:
                    said = await self._adrafted(model)
                except Exception as error:
                    return self._raised(error)
                return self._judged(said, model)
            case Check(model=model, n=n, reply=draft):
                query, config = self.cascade.shown(self.query, draft.text), self._verifying(model)
                if isinstance(verifier, CustomVerifier):
                    check = partial(verifier.acheck, query, draft.text, n, config)
                    return replace(await alimited(self.cascade.limiter, check), truncated=query.truncated)
                checker, talk = self.cascade.checkers[model], self._goes_on(model)
                query = self.query if talk else query
                with limiting_checks(self.cascade.limiter):
                    found, _ = await verifier.acheck(query, draft.text, n, checker, config, *talk)
                return replace(found, model=self.cascade.checked_by[model])
            case Gauge(model=model, name=name, reply=draft):
                config, measures = self._verifying(model), self.cascade.measures
                with limiting_checks(self.cascade.limiter):
                    return await measures.ameasure(name, model, self.query, draft.text, config, self._talk)

    def _raised(self, error: Exception) -> Reply:
        """The draft that a client raised instead of returning. Raises `error` if it is none."""
        if (reply := raised_draft(error, self.schema.name if self.schema else None)) is None:
            raise error
        return reply

    def _drafted(self, model: int) -> Any:
        config, asked = self.parent.config("draft", model), self.cascade.drafters[model]
        return asked.ask(lambda child: self._asked(model, child, config))

    async def _adrafted(self, model: int) -> Any:
        config, asked = self.parent.config("draft", model), self.cascade.drafters[model]
        return await asked.aask(lambda child: self._invoked(model, child, config))

    def _judged(self, output: Any, model: int) -> Reply:
        message = as_message(output)
        said = without_thoughts(message)
        reply = as_reply(said, self.cascade.clients[model])
        if self.schema is not None:
            reply = self.schema.judged(reply, model)
        else:
            tools = self.tools or bound_tools(self.cascade.models[model])
            reply = judged(reply, tools, self.final)
        if reply.passes or reply.problem:
            return reply
        reported = self.cascade.drafters[model].told(tokens_of(message))
        tokens = reported if said is message else ()  # those of thoughts are not the draft's
        signals = draft_signals(self.query, reply.text, self.cascade.signals, tokens)
        warn_missing(self.policy, model, signals)
        return replace(reply, signals=signals)

    def _traced(self, state: State) -> bool:
        """Only decisions on something known are worth a run of their own, and only if anyone is watching."""
        if state.latest is None or not self.parent.handlers:
            return False
        tally = state.tallies[state.latest]
        return tally.drawn + tally.failed > 0 or tally.probability is not None

    @property
    def query(self) -> Query:
        """What is asked, and from which context."""
        return self.asked.query

    def _verifying(self, model: int) -> Any:
        return {**self.parent.config("verify", model), "max_concurrency": self.cascade.verify_concurrency}


def _begun(ask: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """The stream that `ask` gives, its run begun apart from the callbacks around this one."""
    with detached():
        chunks = ask()
        chunk = next(chunks, _END)
    try:
        while chunk is not _END:
            yield chunk
            chunk = next(chunks, _END)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()


async def _abegun(ask: Callable[[], AsyncIterator[Any]]) -> AsyncIterator[Any]:
    """`_begun`, awaited."""
    with detached():
        chunks = ask()
        chunk = await anext(chunks, _END)
    try:
        while chunk is not _END:
            yield chunk
            chunk = await anext(chunks, _END)
    finally:
        if hasattr(chunks, "aclose"):
            await chunks.aclose()


_END = object()
