"""`collect_routes`: every route made inside a block, whichever host made it.

The open blocks travel in a context variable, so tasks, and threads that copy their context (both hosts' own), find
them. A thread started by plain `threading` or an executor copies nothing: its routes are taken to belong to the blocks
that were open when it started, as long as all open blocks of the process stand inside one another.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from .route import Route


@dataclass(frozen=True, slots=True, eq=False)
class Collector:
    """One open block: its routes, the blocks around it, and the threads that ran before it opened."""

    around: tuple[Collector, ...] = ()
    before: frozenset[threading.Thread] = frozenset()
    routes: list[Route] = field(default_factory=list)


_inherited: ContextVar[tuple[Collector, ...]] = ContextVar("automix_collectors", default=())
_open: list[Collector] = []


@contextmanager
def collect_routes() -> Iterator[list[Route]]:
    """Gather a `Route` for every call within: batches, threads and streams included.

    Blocks nest: the inner and the outer one both get the route. Concurrent blocks in different tasks or threads don't
    see each other's.
    """
    collector = Collector(_inherited.get(), frozenset(threading.enumerate()))
    _inherited.set((*collector.around, collector))
    _open.append(collector)
    try:
        yield collector.routes
    finally:  # no reset of a token: an async generator's block may be closed from another context
        _open.remove(collector)
        _inherited.set(tuple(block for block in _inherited.get() if block is not collector))


def collectors() -> tuple[Collector, ...]:
    """The blocks that a call starting now belongs to; take them at its start, as a stream may end elsewhere."""
    inherited, opened = _inherited.get(), tuple(_open)
    if inherited or not opened:
        return inherited
    innermost, thread = opened[-1], threading.current_thread()
    if not {*innermost.around, innermost}.issuperset(opened):
        return ()  # blocks side by side: whose thread this is can't be known
    return tuple(block for block in opened if thread not in block.before)


def collect(route: Route, into: tuple[Collector, ...]) -> None:
    """Add `route` to the blocks `into`."""
    for collector in into:
        collector.routes.append(route)
