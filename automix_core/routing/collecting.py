"""`collect_routes`: every route made inside a block, whichever framework made it.

The open blocks travel in a context variable and in nothing else. Tasks have it, and so do the threads that LangChain
and LlamaIndex start, as both copy the context; a thread of one's own does once it is started with
`contextvars.copy_context().run`. So no call of another request ever lands on this one's bill.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from .route import Route

Collectors: TypeAlias = tuple[list[Route], ...]
"""The open blocks, the outermost first."""

_open: ContextVar[Collectors] = ContextVar("automix_collectors", default=())


@contextmanager
def collect_routes() -> Iterator[list[Route]]:
    """Gather a `Route` for every call within: batches, the frameworks' threads, and streams, also those read later.

    Blocks nest: the inner and the outer one both get the route. A thread that you start yourself belongs to the block
    if it copies the context: `threading.Thread(target=contextvars.copy_context().run, args=(work,))`.
    """
    routes: list[Route] = []
    _open.set((*_open.get(), routes))
    try:
        yield routes
    finally:  # no reset of a token: an async generator's block may be closed from another context
        _open.set(tuple(block for block in _open.get() if block is not routes))


def collectors() -> Collectors:
    """The blocks that a call starting now belongs to; take them at its start, as a stream may end elsewhere."""
    return _open.get()


@contextmanager
def collecting(into: Collectors) -> Iterator[None]:
    """Let calls that start inside belong to `into`: for a stream that is begun elsewhere than it was asked for."""
    token = _open.set(into)
    try:
        yield
    finally:
        _open.reset(token)


def collect(route: Route, into: Collectors) -> None:
    """Add `route` to the blocks `into`."""
    for routes in into:
        routes.append(route)
