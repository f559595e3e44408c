"""Waiting no longer than there is time: for a blocking call, for an awaited one, for the pieces of a stream.

A blocking call can't be stopped from outside. It runs in a daemon thread, which is left behind when the time is up: the
caller goes on, and the process can end. Only so many may be left behind at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, Full, Queue
from typing import Any, TypeVar

from ..errors import ModelError
from .limits import Allowance

T = TypeVar("T")

MOST_LEFT_BEHIND = 64
"""Threads that may still be waiting for their models at once after their calls' time was up."""

_left_behind: set[threading.Thread] = set()
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

    thread = _start(work)
    try:
        good, value = box.get(timeout=max(left, 0))
    except Empty:
        _left_behind.add(thread)
        raise allowance.out_of_time() from None
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


def pieces_within(pieces: Iterator[T], allowance: Allowance) -> Iterator[T]:
    """`pieces` as they come. Raises `TimeLimitError` when the time is up before the next one is there."""
    return pieces if allowance.until is None else _pump(pieces, allowance)


def _pump(pieces: Iterator[T], allowance: Allowance) -> Iterator[T]:
    """All of the stream is read in one thread, one piece ahead of the reader."""
    box: Queue[tuple[Any, Any]] = Queue(1)
    stopped = threading.Event()

    def give(kind: Any, value: Any) -> None:
        while not stopped.is_set():
            with suppress(Full):
                box.put((kind, value), timeout=0.1)
                return

    def work() -> None:
        try:
            for piece in pieces:
                give(None, piece)
                if stopped.is_set():
                    break
            else:
                give(_DONE, None)
        except BaseException as error:
            give(error, None)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()

    thread = _start(work)
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
        if thread.is_alive():
            _left_behind.add(thread)


async def apieces_within(pieces: AsyncIterator[T], allowance: Allowance) -> AsyncIterator[T]:
    """`pieces_within`, awaited."""
    while True:
        try:
            piece = await await_within(lambda: anext(pieces), allowance)
        except StopAsyncIteration:
            return
        yield piece


def _start(work: Callable[[], None]) -> threading.Thread:
    """A daemon thread for `work`, in a copy of this context.

    Raises `ModelError` if too many are left behind: models that don't answer must not eat the process.
    """
    _left_behind.difference_update({thread for thread in tuple(_left_behind) if not thread.is_alive()})
    if len(_left_behind) >= MOST_LEFT_BEHIND:
        raise ModelError(
            f"{len(_left_behind)} calls whose time is up are still waiting for their models; give the models a timeout "
            "of their own, so that these waits end."
        )
    thread = threading.Thread(target=copy_context().run, args=(work,), name="automix-call", daemon=True)
    thread.start()
    return thread
