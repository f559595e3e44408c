"""An answer begun while the draft before it is still being checked: time bought with money.

A `Hedge` lives as long as one awaited call. The procedure says when an answer may begin ahead (`Ahead`), the hedge
whether it does; whoever finishes the call takes it, or it is cancelled, which ends its request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from ..decision import Finish, Policy, State, Tally
from ..errors import ConfigError
from ..usage import Usage
from .breaker import Circuit
from .effects import Dropped, Failure, Reply
from .ending import Ending, warn, with_hedge
from .meter import Meter
from .price import Price

T = TypeVar("T")

LETTING_GO = 0.25
"""Seconds that a client has to close the connection of a cancelled request; it takes a few milliseconds."""


@runtime_checkable
class Hurried(Protocol):
    """A policy that knows what time is worth; any other begins every answer ahead that it is let."""

    def pays_ahead(self, model: int, price: float) -> bool:
        """Whether to begin the answer, of `price` in USD, while the draft of `model` is checked."""
        ...


def check_hedge(hedge: bool, prices: Sequence[Price | None] | None) -> None:
    """Raise `ConfigError` if answers are to begin ahead and a price is missing: some of them are paid for in vain."""
    if hedge and (not prices or None in prices):
        raise ConfigError(
            "hedge needs the price of every model, as an answer begun ahead may be paid for in vain; write "
            "prices=[Price(input, output), ...], in USD per million tokens, Price(0, 0) for a free one."
        )


def finisher(policy: Policy, state: State) -> int | None:
    """The model that answers if the checks to come reject the latest draft; None if no way they fall lets one.

    A model that would only draft is none: its answer would be checked in its turn.
    """
    m = state.latest
    if m is None:
        return None
    left = state.available[m]
    for correct in range(left + 1):
        tally = state.tallies[m] + Tally(correct, left - correct)
        over = replace(
            state,
            tallies=tuple(tally if i == m else t for i, t in enumerate(state.tallies)),
            available=tuple(0 if i == m else n for i, n in enumerate(state.available)),
            purchasable=tuple(() for _ in state.purchasable),
        )
        action = policy.decide(over).action
        if isinstance(action, Finish):
            return action.model
    return None


def _hurried(policy: Any) -> Hurried | None:
    """What of `policy` knows what time is worth: itself, or the policy within it."""
    while policy is not None and not isinstance(policy, Hurried):
        policy = getattr(policy, "policy", None)
    return policy


class Hedge(Generic[T]):
    """The finishing call of one question, `ask(model)`, as a task that may begin before it is known to be needed."""

    def __init__(
        self,
        policy: Policy,
        prices: Sequence[Price | None],
        ask: Callable[[int], Awaitable[T]],
        circuits: Sequence[Circuit | None] = (),
    ) -> None:
        self._policy, self._prices, self._circuits, self._ask = policy, prices, circuits, ask
        self._task: asyncio.Task[Any] | None = None
        self._model, self._taken = -1, False
        self._began = self._ended = 0.0

    async def begin(self, state: State, draft: Reply) -> int | None:
        """Begin the answer that may be needed after the checks of `draft`; returns its model, None if it doesn't pay.

        A policy that fails here is left to fail where it decides.
        """
        checked = state.latest
        try:
            model = finisher(self._policy, state)
        except Exception:
            return None
        if model is None or checked is None or self._left_alone(model):
            return None
        if (hurried := _hurried(self._policy)) is not None:
            price = self._prices[model]
            if price is None or draft.usage is None or not hurried.pays_ahead(checked, price.of(draft.usage)):
                return None
        self._model, self._began = model, monotonic()
        self._task = asyncio.create_task(self._timed(model), name="automix-hedge")
        self._task.add_done_callback(_look)
        await asyncio.sleep(0)  # a check that never waits would else end before the request is sent
        return model

    async def take(self, model: int) -> T:
        """The answer of `model`: the one under way, or one asked for now."""
        if self._task is None or model != self._model or self._taken:
            return await self._ask(model)
        self._taken = True
        return await self._got(self._task)

    def since(self, model: int) -> float:
        """When the call of `model` began: now, if it is not under way."""
        return self._began if self._task is not None and model == self._model and not self._taken else monotonic()

    async def after(self, ending: Ending) -> Ending:
        """The ending with what became of the answer, which is cancelled unless it is the one that is needed now."""
        return ending if ending.action == Finish(self._model) else await self.dropped(ending)

    async def dropped(self, ending: Ending) -> Ending:
        """The ending with what became of the answer, which nobody needs any more; it is cancelled."""
        if self._task is None or self._taken:
            return ending
        self._taken = True
        if not self._task.done() or self._task.cancelled():
            guess = self._guess(ending)
            await self.close()
            return replace(ending, ahead=None, steps=with_hedge(ending.steps, guess))
        seconds, error = self._ended - self._began, self._task.exception()
        if error is None:
            dropped = Dropped(self._usage(self._task), seconds=seconds)
            return replace(ending, ahead=None, steps=with_hedge(ending.steps, dropped))
        warn("answer", self._model, error)
        failed = with_hedge(ending.steps, Failure(error, seconds=seconds))
        return replace(ending, ahead=None, steps=failed, errors=(*ending.errors, type(error).__name__))

    async def close(self) -> None:
        """Cancel what is still under way, as the call has ended, and see its connection closed."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=LETTING_GO)

    async def _timed(self, model: int) -> Any:
        try:
            return await self._run(model)
        finally:
            self._ended = monotonic()

    async def _run(self, model: int) -> Any:
        return await self._ask(model)

    async def _got(self, task: asyncio.Task[Any]) -> T:
        found: T = await task
        return found

    def _usage(self, task: asyncio.Task[Any]) -> Usage | None:
        reply: Reply = task.result()
        return reply.usage

    def _guess(self, ending: Ending) -> Dropped:
        """What a cancelled request is taken to have used, as no provider says: as much as the draft, read and written.

        The model may have got less far; it can't be billed for much more.
        """
        draft = ending.last_draft
        return Dropped(None if draft is None else draft.usage, estimated=True, seconds=monotonic() - self._began)

    def _left_alone(self, model: int) -> bool:
        circuit = self._circuits[model] if self._circuits else None
        return circuit is not None and circuit.is_open


def _look(task: asyncio.Task[Any]) -> None:
    """Look at how `task` ended: what nobody needs is no unhandled error."""
    if not task.cancelled():
        task.exception()


_END = object()


class StreamHedge(Hedge[AsyncIterator[Any]]):
    """A hedge whose answer is a stream: one task opens it, reads it and closes it, and pieces wait for their reader.

    `meter` listens to a stream that nobody needed, for its tokens.
    """

    def __init__(
        self,
        policy: Policy,
        prices: Sequence[Price | None],
        ask: Callable[[int], Awaitable[AsyncIterator[Any]]],
        circuits: Sequence[Circuit | None] = (),
        *,
        meter: Callable[[int], Meter],
    ) -> None:
        super().__init__(policy, prices, ask, circuits)
        self._meter = meter
        self._pieces: list[Any] = []
        self._waiting: asyncio.Queue[Any] = asyncio.Queue()

    async def _run(self, model: int) -> None:
        try:
            pieces = await self._ask(model)
            try:
                async for piece in pieces:
                    if not self._taken:
                        self._pieces.append(piece)
                    self._waiting.put_nowait(piece)
            finally:
                if hasattr(pieces, "aclose"):
                    await pieces.aclose()
        finally:
            self._waiting.put_nowait(_END)

    async def _got(self, task: asyncio.Task[Any]) -> AsyncIterator[Any]:
        self._pieces.clear()
        return self._read(task)

    async def _read(self, task: asyncio.Task[Any]) -> AsyncGenerator[Any, None]:
        try:
            while (piece := await self._waiting.get()) is not _END:
                yield piece
            await task  # raises what ended it
        finally:
            await self.close()

    def _usage(self, task: asyncio.Task[Any]) -> Usage | None:
        meter = self._meter(self._model)
        for piece in self._pieces:
            meter.add(piece)
        return meter.reply().usage
