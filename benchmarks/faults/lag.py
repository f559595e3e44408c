"""When this process was kept waiting by others: what is timed meanwhile says nothing about what is tested."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK = 0.05
MOST = 0.5
"""Seconds that a thread may oversleep before its neighbours' clocks are not trusted."""


class Lag:
    """Notes each time that a thread of this process overslept by more than `MOST` seconds."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []
        self._over = threading.Event()

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._over.wait(TICK):
            now = time.monotonic()
            if now - before > TICK + MOST:
                self._late.append((before, now))
            before = now

    def between(self, began: float, ended: float) -> bool:
        """Whether it overslept between these moments."""
        return any(late < ended and woken > began for late, woken in list(self._late))

    @contextmanager
    def watched(self) -> Iterator[Lag]:
        """Watch for the time of a block."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()
