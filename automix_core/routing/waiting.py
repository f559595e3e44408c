"""Waiting no longer than there is time: for a blocking call, for an awaited one, for the pieces of a stream.

A blocking call can't be stopped from outside. It runs in a daemon thread, which is left behind when the time is up: the
caller goes on, and the process can end. Only so many may be left behind at once with any one model.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import closing, suppress
from contextvars import copy_context
from queue import Empty, Full, Queue
from typing import Any, TypeVar

from ..checking.limiter import given_up
from ..errors import ModelError
from .limits import Allowance

T = TypeVar("T")

MOST_LEFT_BEHIND = 64
"""Threads that may still be waiting for one model at once after their calls' time was up."""

_left_behind: dict[int | None, set[threading.Thread]] = {}
"""By whom they wait for: an id stays its model's while a thread has the model."""
_lock = threading.Lock()
_DONE = object()


def call_within(call: Callable[[], T], allowance: Allowance) -> T:
    """What `call` returns or raises. Raises `TimeLimitError` when the time is up before it does."""
    left = allowance.seconds_left()
    if left is None:
        return call()
    box: Queue[tuple[bool, Any]] = Queue(1)

    def work() -> None:
        try:
            box.put((True, call()))
        except BaseException as error:
            box.put((False, error))

    thread, gone = _start(work, allowance.owner)
    try:
        good, value = box.get(timeout=max(left, 0))
    except BaseException as error:
        gone.set()
        _leave(thread, allowance.owner)
        if isinstance(error, Empty):
            raise allowance.out_of_time() from None
        raise
    if not good:
        raise value
    result: T = value
    return result


async def await_within(call: Callable[[], Awaitable[T]], allowance: Allowance) -> T:
    """`call_within`, awaited: what is begun is cancelled when the time is up."""
    left = allowance.seconds_left()
    if left is None:
        return await call()
    try:
        async with asyncio.timeout(left) as scope:
            return await call()
    except TimeoutError:
        if scope.expired():
            raise allowance.out_of_time() from None
        raise


async def await_call_within(call: Callable[[], T], allowance: Allowance) -> T:
    """A blocking `call`, awaited: for clients that would hold up the loop, or whose threads keep a process alive."""
    loop, left = asyncio.get_running_loop(), allowance.seconds_left()
    future: asyncio.Future[T] = loop.create_future()

    def give(result: Any, error: BaseException | None) -> None:
        if not future.done():
            future.set_result(result) if error is None else future.set_exception(error)

    def work() -> None:
        try:
            found: tuple[Any, BaseException | None] = (call(), None)
        except StopIteration as error:  # no future can bear it
            found = (None, RuntimeError(f"The call raised {error!r}."))
        except BaseException as error:
            found = (None, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(give, *found)

    thread, gone = _start(work, allowance.owner)
    try:
        async with asyncio.timeout(left) as scope:
            return await future
    except BaseException as error:
        if not future.done() or future.cancelled():
            gone.set()
            _leave(thread, allowance.owner)
        if isinstance(error, TimeoutError) and scope.expired():
            raise allowance.out_of_time() from None
        raise


def pieces_within(ask: Callable[[], Iterator[T]], allowance: Allowance) -> Generator[T, None, None]:
    """The pieces that `ask` gives, as they come; their source is closed at the end.

    Raises `TimeLimitError` when the time is up before the next one is there. Where there is a limit, all of the stream
    is read in one thread, one piece ahead of the reader.
    """
    if allowance.until is None:
        yield from _closed(ask())
        return
    box: Queue[tuple[Any, Any]] = Queue(1)
    stopped = threading.Event()

    def give(kind: Any, value: Any) -> None:
        while not stopped.is_set():
            with suppress(Full):
                box.put((kind, value), timeout=0.1)
                return

    def work() -> None:
        try:
            with closing(_closed(ask())) as pieces:
                for piece in pieces:
                    give(None, piece)
                    if stopped.is_set():
                        return
            give(_DONE, None)
        except BaseException as error:
            give(error, None)

    thread, gone = _start(work, allowance.owner)
    try:
        while True:
            left = allowance.seconds_left()
            try:
                kind, piece = box.get(timeout=max(left or 0, 0))
            except Empty:
                raise allowance.out_of_time() from None
            if kind is _DONE:
                return
            if kind is not None:
                raise kind
            yield piece
    finally:
        stopped.set()
        gone.set()
        if thread.is_alive():
            _leave(thread, allowance.owner)


def _closed(pieces: Iterator[T]) -> Generator[T, None, None]:
    """`pieces`, closed at the end if they can be."""
    try:
        yield from pieces
    finally:
        if hasattr(pieces, "close"):
            pieces.close()


async def apieces_within(
    ask: Callable[[], Awaitable[AsyncIterator[T]]], allowance: Allowance
) -> AsyncGenerator[T, None]:
    """`pieces_within`, awaited."""
    pieces = await await_within(ask, allowance)
    try:
        while True:
            try:
                piece = await await_within(lambda: anext(pieces), allowance)
            except StopAsyncIteration:
                return
            yield piece
    finally:
        if hasattr(pieces, "aclose"):
            await pieces.aclose()


def _start(work: Callable[[], None], owner: int | None) -> tuple[threading.Thread, threading.Event]:
    """A daemon thread for `work`, in a copy of this context, and what tells it that nobody waits any more.

    Raises `ModelError` if too many are left behind with the same model: one that doesn't answer must not eat the
    process. Other models are asked all the same.
    """
    if (many := _waiting(owner)) >= MOST_LEFT_BEHIND:
        raise ModelError(
            f"{many} calls whose time is up are still waiting for this model; give the models a timeout of their own, "
            "so that these waits end."
        )
    context, gone = copy_context(), threading.Event()
    context.run(given_up.set, gone)
    thread = threading.Thread(target=context.run, args=(work,), name="automix-call", daemon=True)
    thread.start()
    return thread, gone


def _waiting(owner: int | None) -> int:
    """How many threads still wait for `owner`."""
    with _lock:
        alive = {thread for thread in _left_behind.get(owner, ()) if thread.is_alive()}
        if alive:
            _left_behind[owner] = alive
        else:
            _left_behind.pop(owner, None)
        return len(alive)


def _leave(thread: threading.Thread, owner: int | None) -> None:
    with _lock:
        _left_behind.setdefault(owner, set()).add(thread)
