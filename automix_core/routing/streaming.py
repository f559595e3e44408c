"""The finishing model's stream: live, and an error where it is empty or broken.

Until the first word was shown, a failure hands over as `Ending.after` says; after it nothing can be taken back, so the
error is the caller's. A stream that is abandoned leaves its books on the error that closed it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

from ..checking.finish import UNFINISHED
from ..errors import ModelError
from .effects import Failure, Reply
from .ending import Ending
from .hedge import StreamHedge
from .meter import Meter
from .step import Step
from .waiting import apieces_within, pieces_within

T = TypeVar("T")


@dataclass(slots=True)
class Streamed(Generic[T]):
    """One stream and what came of it: read `ending` and `answer` when the pieces are at their end, or `stopped` if they
    were not read to it.

    `answer` is None where a draft was kept after all, because time or money ran out before the first word or the last
    model failed; then nothing was shown.
    """

    ending: Ending
    meter: Callable[[int], Meter]
    answer: Reply | None = None
    stopped: Ending | None = None
    heard: Meter | None = None
    hedge: StreamHedge | None = None

    def pieces(self, ask: Callable[[int], Iterator[T]]) -> Generator[T, None, None]:
        """The pieces of the model that `ask` asks."""
        while not self._kept():
            model = self.ending.action.model
            allowance = self.ending.allowance.asking(model)
            shown, held, meter, began = False, list[T](), self._listen(), monotonic()
            try:
                with allowance.attempt(model), closing(pieces_within(partial(ask, model), allowance)) as pieces:
                    for piece in pieces:
                        told = meter.add(piece)
                        if not shown and not told:
                            held.append(piece)
                            continue
                        shown = True
                        yield from held
                        held.clear()
                        yield piece
                    self._end(meter, shown, monotonic() - began)
            except Exception as error:
                self._broke(error, shown, monotonic() - began)
            except BaseException as interruption:
                self.stopped = self.ending.interrupted(interruption, monotonic() - began)
                raise
            else:
                yield from held
                return

    async def apieces(self, ask: Callable[[int], Awaitable[AsyncIterator[T]]]) -> AsyncGenerator[T, None]:
        """`pieces`, awaited. A stream that `hedge` has under way is taken in place of asking."""
        hedge = self.hedge
        try:
            while not self._kept():
                allowance, model = self.ending.allowance, self.ending.action.model
                shown, held, meter = False, list[T](), self._listen()
                began = monotonic() if hedge is None else hedge.since(model)
                asked = partial(ask if hedge is None else hedge.take, model)
                try:
                    with allowance.attempt(model):
                        async with aclosing(apieces_within(asked, allowance)) as pieces:
                            async for piece in pieces:
                                told = meter.add(piece)
                                if not shown and not told:
                                    held.append(piece)
                                    continue
                                shown = True
                                for earlier in held:
                                    yield earlier
                                held.clear()
                                yield piece
                        self._end(meter, shown, monotonic() - began)
                except Exception as error:
                    self._broke(error, shown, monotonic() - began)
                except BaseException as interruption:
                    self.stopped = self.ending.interrupted(interruption, monotonic() - began)
                    raise
                else:
                    for earlier in held:
                        yield earlier
                    return
            if hedge is not None:
                self.ending = await hedge.after(self.ending)
        finally:
            if hedge is not None:
                await hedge.close()

    def _kept(self) -> bool:
        self.ending = self.ending.begin()
        return self.ending.reply is not None

    def _listen(self) -> Meter:
        self.heard = self.meter(self.ending.action.model)
        return self.heard

    def _end(self, meter: Meter, shown: bool, seconds: float) -> None:
        """Examine the whole. Raises `ModelError` for a stream that was empty or ended before the model was done."""
        answer, model = meter.reply(), self.ending.action.model
        if not shown and answer.problem == "empty":
            raise ModelError(f"The stream of model {model} ended without a word.")
        if answer.problem == UNFINISHED:
            raise ModelError(f"The stream of model {model} broke off: it ended without a finish reason.")
        self.answer = replace(answer, seconds=seconds)

    def _broke(self, error: Exception, shown: bool, seconds: float) -> None:
        """Hand over, or raise `error` where words of this answer were shown already."""
        if not shown:
            self.ending = self.ending.after(error, seconds)
            return
        left = Step("finish", self.ending.action.model, result=Failure(error, left=True, seconds=seconds))
        raise self.ending.failed(error, (*self.ending.steps, left))
