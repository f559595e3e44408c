"""One routed call: the effects of the routing procedure, performed with LangChain's objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import random
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage

from automix_core.checking.query import Query, read_coin
from automix_core.decision import Draft, Policy, State
from automix_core.routing.collecting import Collectors, collect, collectors
from automix_core.routing.effects import Check, Decide, Effect, Reply, Result
from automix_core.routing.procedure import Ending, arun, bypass, route, run
from automix_core.routing.route import settle, spent

from .cascade import Cascade
from .child.models import Child, as_message, as_reply
from .draft.toolcalls import judged
from .tracing.parent import Parent, detached
from .tracing.tokens import Record
from .tracing.watch import watched
from .verifier.custom_verifier import CustomVerifier

if TYPE_CHECKING:
    from .draft.structured import Structure


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a cascade with `messages`; `settings` (stop, tools, temperature, ...) go to each answering model.

    `passing` is the reason for which the policy is not asked, if any, and `to` the model that then answers.
    """

    cascade: Cascade
    messages: Sequence[BaseMessage]
    query: Query
    parent: Parent
    settings: Mapping[str, Any]
    tools: Sequence[Any] = ()
    schema: Structure | None = None
    coin: Any = None
    passing: str = ""
    to: int = 0
    into: Collectors = field(default_factory=collectors)

    def route(self) -> Ending:
        """Climb the cascade, blocking."""
        with detached():
            return run(self._flow(), self._perform)

    async def aroute(self) -> Ending:
        """Climb the cascade, awaiting."""
        with detached():
            async with watched(self.parent.handlers):
                return await arun(self._flow(), self._aperform)

    def answer(self, ending: Ending) -> tuple[AIMessage, Record]:
        """The kept draft, or the finishing model's answer; a model that fails hands over to the next."""
        while (kept := ending.reply) is None:
            child, config = self._finisher(ending)
            try:
                with detached():
                    reply = as_reply(as_message(child.invoke(self.messages, config, **self.settings)))
            except Exception as error:
                ending = ending.after(error)
            else:
                return reply.native, self.settle(ending, reply)
        return kept.native, self.settle(ending)

    async def aanswer(self, ending: Ending) -> tuple[AIMessage, Record]:
        """`answer`, awaited."""
        while (kept := ending.reply) is None:
            child, config = self._finisher(ending)
            try:
                with detached():
                    async with watched(self.parent.handlers):
                        reply = as_reply(as_message(await child.ainvoke(self.messages, config, **self.settings)))
            except Exception as error:
                ending = ending.after(error)
            else:
                return reply.native, self.settle(ending, reply)
        return kept.native, self.settle(ending)

    def open(self, ending: Ending) -> tuple[Ending, Any, Iterator[Any]]:
        """The finishing model's stream with its first chunk drawn: until then a failure can still hand over."""
        while True:
            child, config = self._finisher(ending)
            try:
                with detached():
                    chunks = iter(child.stream(self.messages, config, **self.settings))
                    return ending, next(chunks, None), chunks
            except Exception as error:
                ending = ending.after(error)

    async def aopen(self, ending: Ending) -> tuple[Ending, Any, AsyncIterator[Any]]:
        """`open`, awaited."""
        while True:
            child, config = self._finisher(ending)
            try:
                with detached():
                    chunks = aiter(child.astream(self.messages, config, **self.settings))
                    return ending, await anext(chunks, None), chunks
            except Exception as error:
                ending = ending.after(error)

    def settle(self, ending: Ending, answer: Reply | None = None) -> Record:
        """The record of the call, whose route is handed to the collectors that were open when it began."""
        closed = settle(
            ending,
            self.query,
            policy=repr(self._policy),
            names=self.cascade.names,
            prices=self.cascade.prices,
            answer=answer,
        )
        collect(closed, self.into)
        return Record.of(closed, spent(ending, answer))

    def _flow(self) -> Generator[Effect, Any, Ending]:
        models, raising, coin = len(self.cascade.models), self.cascade.raising, read_coin(self.coin)
        if self.passing:
            return bypass(self.to, models, self.passing, raising=raising)
        return route(State.start(models, self.cascade.k, random() if coin is None else coin), raising=raising)

    def _finisher(self, ending: Ending) -> tuple[Child, Any]:
        model = ending.action.model
        return self.cascade.models[model], self.parent.config("answer", model)

    def _perform(self, effect: Effect) -> Result:
        meta, verifier = self.cascade.meta, self.cascade.verifier
        match effect:
            case Decide(state=state) if not self._traced(state):
                return self._policy.decide(state)
            case Decide(state=state):
                return meta.decide(state, self.parent.config("meta_verifier"))
            case Draft(model=model):
                child, config = self.cascade.models[model], self.parent.config("draft", model)
                return self._judged(child.invoke(self.messages, config, **self.settings), model)
            case Check(model=model, n=n, reply=draft):
                if isinstance(verifier, CustomVerifier):
                    return verifier.check(self.query, draft.text, n, self._verifying(model))
                checker = self.cascade.checkers[model]
                found, _ = verifier.check(self.query, draft.text, n, checker, self._verifying(model))
                return replace(found, model=self.cascade.checked_by[model])

    async def _aperform(self, effect: Effect) -> Result:
        meta, verifier = self.cascade.meta, self.cascade.verifier
        match effect:
            case Decide(state=state) if not self._traced(state):
                return self._policy.decide(state)
            case Decide(state=state):
                return await meta.adecide(state, self.parent.config("meta_verifier"))
            case Draft(model=model):
                child, config = self.cascade.models[model], self.parent.config("draft", model)
                return self._judged(await child.ainvoke(self.messages, config, **self.settings), model)
            case Check(model=model, n=n, reply=draft):
                if isinstance(verifier, CustomVerifier):
                    return await verifier.acheck(self.query, draft.text, n, self._verifying(model))
                checker = self.cascade.checkers[model]
                found, _ = await verifier.acheck(self.query, draft.text, n, checker, self._verifying(model))
                return replace(found, model=self.cascade.checked_by[model])

    def _judged(self, output: Any, model: int) -> Reply:
        reply = as_reply(as_message(output))
        return judged(reply, self.tools) if self.schema is None else self.schema.judged(reply, model)

    def _traced(self, state: State) -> bool:
        """Only decisions on something known are worth a run of their own, and only if anyone is watching."""
        if state.latest is None or not self.parent.handlers:
            return False
        tally = state.tallies[state.latest]
        return tally.drawn + tally.failed > 0 or tally.probability is not None

    @property
    def _policy(self) -> Policy:
        policy: Policy = self.cascade.meta.policy
        return policy

    def _verifying(self, model: int) -> Any:
        return {**self.parent.config("verify", model), "max_concurrency": self.cascade.verify_concurrency}
