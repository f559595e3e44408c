"""A limit on inner requests: how many are under way at once, in threads, tasks and event loops alike.

A request is what a model is asked once: a draft, a check, an answer, a stream until it is closed. What asks for a slot
while it holds one is no request but a cascade within a cascade, or a chain with one: it hands its own back first, so
that none waits for itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

from ..errors import ConfigError, ModelError

T = TypeVar("T")

given_up: ContextVar[threading.Event | None] = ContextVar("automix_given_up", default=None)
"""Set when nobody waits any longer for what is done in this context: what was not begun is not to begin."""


class Limiter:
    """At most `most` requests at a time, whoever asks first goes first; one may be shared by many cascades.

    It counts within one process. Raises `ConfigError` unless `most` is a whole number from 1 on.

    >>> Limiter(8)
    Limiter(8)
    """

    def __init__(self, most: int) -> None:
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise ConfigError(f"limiter must allow 1 request at a time or more, not {most!r}; None is no limit.")
        self.most = most
        self._free, self._lock = most, threading.Lock()
        self._waiting: deque[_Waiter] = deque()

    def __repr__(self) -> str:
        return f"Limiter({self.most})"

    def __copy__(self) -> Limiter:
        return self

    def __deepcopy__(self, _: Any) -> Limiter:
        return self

    def __reduce__(self) -> tuple[type[Limiter], tuple[int]]:
        return Limiter, (self.most,)

    def acquire(self) -> None:
        """Wait for a slot, blocking."""
        there = threading.Event()
        if (waiter := self._queue(there.set)) is None:
            return
        try:
            there.wait()
        except BaseException:
            self._leave(waiter)
            raise

    async def aacquire(self) -> None:
        """`acquire`, awaited. A wait that is cancelled takes no slot."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def come() -> None:
            loop.call_soon_threadsafe(_done, future)

        if (waiter := self._queue(come)) is None:
            return
        try:
            await future
        except BaseException:
            self._leave(waiter)
            raise

    def release(self) -> None:
        """Give a slot back: to whoever waits longest, if anyone does."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._free += 1
                    return
                waiter = self._waiting.popleft()
                waiter.called = True
            try:
                waiter.call()
            except RuntimeError:  # its loop is closed: nobody waits there any more
                continue
            return

    def _queue(self, call: Callable[[], Any]) -> _Waiter | None:
        """A place in the queue, or None where a slot was free."""
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            waiter = _Waiter(call)
            self._waiting.append(waiter)
            return waiter

    def _leave(self, waiter: _Waiter) -> None:
        with self._lock:
            if not waiter.called:
                self._waiting.remove(waiter)
                return
        self.release()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@dataclass(eq=False, slots=True)
class _Waiter:
    call: Callable[[], Any]
    called: bool = False


@runtime_checkable
class RateLimiter(Protocol):
    """What lets requests begin at some rate, as LangChain's `BaseRateLimiter` does; it is told of no end."""

    def acquire(self, *, blocking: bool = True) -> bool:
        """Wait until one more may begin."""
        ...

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """`acquire`, awaited."""
        ...


Limit = Limiter | RateLimiter


def as_limiter(given: Any) -> Limit | None:
    """What a user gave: nothing, a number of requests at a time, a `Limiter`, or a rate limiter.

    Raises `ConfigError` for anything else.
    """
    if given is None or isinstance(given, Limiter):
        return given
    if isinstance(given, int | float):
        return Limiter(given)  # type: ignore[arg-type] # it says what is wrong with 0, 2.5 and True
    if isinstance(given, RateLimiter):
        return given
    raise ConfigError(
        f"limiter must be a number of requests at a time, a Limiter(n) that cascades share, or a rate limiter with "
        f"acquire and aacquire, not {type(given).__name__}."
    )


@dataclass(eq=False, slots=True)
class _Slot:
    """One request under way."""

    limiter: Limit
    held: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def free(self) -> None:
        """Give it back, once."""
        with self.lock:
            held, self.held = self.held, False
        if held and isinstance(self.limiter, Limiter):
            self.limiter.release()

    @contextmanager
    def around(self) -> Iterator[None]:
        """What is done here is done by this request."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


_current: ContextVar[_Slot | None] = ContextVar("automix_slot", default=None)
_checks: ContextVar[Limit | None] = ContextVar("automix_limiter", default=None)


def _lend(limiter: Limit) -> None:
    outer = _current.get()
    if outer is not None and outer.limiter is limiter:
        outer.free()


@contextmanager
def _slot(limiter: Limit) -> Iterator[_Slot]:
    _lend(limiter)
    limiter.acquire()
    slot = _Slot(limiter)
    try:
        gone = given_up.get()
        if gone is not None and gone.is_set():
            raise ModelError("Nobody waits for this request any more; it was not sent.")
        yield slot
    finally:
        slot.free()


@asynccontextmanager
async def _aslot(limiter: Limit) -> AsyncIterator[_Slot]:
    _lend(limiter)
    await limiter.aacquire()
    slot = _Slot(limiter)
    try:
        yield slot
    finally:
        slot.free()


def limited(limiter: Limit | None, call: Callable[[], T]) -> T:
    """What `call`, one request, returns or raises, when there is a slot for it."""
    if limiter is None:
        return call()
    with _slot(limiter) as slot, slot.around():
        return call()


async def alimited(limiter: Limit | None, call: Callable[[], Awaitable[T]]) -> T:
    """`limited`, awaited."""
    if limiter is None:
        return await call()
    async with _aslot(limiter) as slot:
        with slot.around():
            return await call()


def limited_pieces(limiter: Limit | None, ask: Callable[[], Iterator[T]]) -> Iterator[T]:
    """The pieces of a stream, which is under way from its first piece until it is closed."""
    return ask() if limiter is None else _pieces(limiter, ask)


def _pieces(limiter: Limit, ask: Callable[[], Iterator[T]]) -> Generator[T, None, None]:
    with _slot(limiter) as slot:
        with slot.around():
            pieces = ask()
        try:
            while True:
                with slot.around():
                    piece: Any = next(pieces, _END)
                if piece is _END:
                    return
                yield piece
        finally:
            if hasattr(pieces, "close"):
                pieces.close()


async def alimited_pieces(limiter: Limit | None, ask: Callable[[], Awaitable[AsyncIterator[T]]]) -> AsyncIterator[T]:
    """`limited_pieces`, awaited."""
    return await ask() if limiter is None else _apieces(limiter, ask)


async def _apieces(limiter: Limit, ask: Callable[[], Awaitable[AsyncIterator[T]]]) -> AsyncGenerator[T, None]:
    async with _aslot(limiter) as slot:
        with slot.around():
            pieces = await ask()
        try:
            while True:
                with slot.around():
                    piece: Any = await anext(pieces, _END)
                if piece is _END:
                    return
                yield piece
        finally:
            if hasattr(pieces, "aclose"):
                await pieces.aclose()


@contextmanager
def limiting_checks(limiter: Limit | None) -> Iterator[None]:
    """Requests for verdicts that are gathered here are limited by `limiter`."""
    token = _checks.set(limiter)
    try:
        yield
    finally:
        _checks.reset(token)


def check_limiter() -> Limit | None:
    """What limits the requests for verdicts that are gathered here."""
    return _checks.get()


_END = object()
