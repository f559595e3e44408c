"""How much is taken in: the size of a body, the requests of a key in a minute, and how many are worked on at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from time import monotonic

from automix_cli.serve.keys import Keys

_MINUTE = 60.0
_PATIENCE = 1.0
"""Seconds to wait for another worker's look at the clock: one that was killed meanwhile never ends it."""


class Minute:
    """When each caller's last `most` requests were taken in; worker processes that are handed it share it."""

    def __init__(self, callers: int, most: int) -> None:
        context = get_context("spawn")
        self._most = most
        self._taken = context.Array("d", callers * most)
        self._next = context.Array("i", callers, lock=False)

    def wait(self, caller: int, now: float) -> float:
        """Take a request in, or say after how many seconds it may come again; 0 if it was taken."""
        held = self._taken.get_lock().acquire(timeout=_PATIENCE)
        try:
            place = caller * self._most + self._next[caller]
            first: float = self._taken[place]
            if first and first > now - _MINUTE:
                return first + _MINUTE - now
            self._taken[place] = now
            self._next[caller] = (self._next[caller] + 1) % self._most
            return 0.0
        finally:
            if held:
                self._taken.get_lock().release()


@dataclass(slots=True)
class Traffic:
    """The limits of a server, and what this process is working on. For one event loop: nothing here waits for long."""

    keys: Keys
    most_bytes: int
    per_minute: int | None
    at_once: int
    clock: Callable[[], float] = monotonic
    working: int = 0
    closing: bool = False
    _minute: Minute | None = field(init=False)

    def __post_init__(self) -> None:
        self._minute = None if self.per_minute is None else Minute(max(1, len(self.keys)), self.per_minute)

    def wait(self, caller: int) -> int | None:
        """Take a request of `caller` in, or say after how many seconds it may come again."""
        if self.working >= self.at_once:
            return 1
        if self._minute is None or not (seconds := self._minute.wait(caller, self.clock())):
            return None
        return max(1, round(seconds + 0.5))
