"""`collect_routes`: every route made inside a block, whichever host made it.

The open blocks travel in a context variable, so tasks, and threads that copy their context (both hosts' own), find
them. A thread started by plain `threading` or an executor copies nothing; if it started after the one open block of
the process did, its routes are taken to belong to that block.
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
    """One open block: its routes, and the threads that ran before it opened."""

    routes: list[Route] = field(default_factory=list)
    before: frozenset[int | None] = frozenset()


_inherited: ContextVar[tuple[Collector, ...]] = ContextVar("automix_collectors", default=())
_open: list[Collector] = []


@contextmanager
def collect_routes() -> Iterator[list[Route]]:
    """Gather a `Route` for every call within: batches, threads and streams included.

    Blocks nest: the inner and the outer one both get the route. Concurrent blocks in different tasks or threads don't
    see each other's.
    """
    collector = Collector(before=frozenset(thread.ident for thread in threading.enumerate()))
    token = _inherited.set((*_inherited.get(), collector))
    _open.append(collector)
    try:
        yield collector.routes
    finally:
        _open.remove(collector)
        _inherited.reset(token)


def collectors() -> tuple[Collector, ...]:
    """The blocks that a call starting now belongs to; take them at its start, as a stream may end elsewhere."""
    inherited = _inherited.get()
    if inherited or not _open:
        return inherited
    opened = tuple(_open)
    started_inside = threading.get_ident() not in opened[0].before
    return opened if len(opened) == 1 and started_inside else ()


def collect(route: Route, into: tuple[Collector, ...]) -> None:
    """Add `route` to the blocks `into`."""
    for collector in into:
        collector.routes.append(route)
