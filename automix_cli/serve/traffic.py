"""How much is taken in: the size of a body, the requests of a key in a minute, and how many are worked on at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from automix_cli.serve.keys import Keys

_MINUTE = 60.0


@dataclass(slots=True)
class Traffic:
    """The limits of one server, and what it is working on. For one event loop: nothing here waits."""

    keys: Keys
    most_bytes: int
    per_minute: int | None
    at_once: int
    clock: Callable[[], float] = monotonic
    working: int = 0
    closing: bool = False
    _recent: dict[str, deque[float]] = field(default_factory=dict)

    def wait(self, caller: str) -> int | None:
        """Take a request of `caller` in, or say after how many seconds it may come again."""
        if self.working >= self.at_once:
            return 1
        if self.per_minute is None:
            return None
        now, recent = self.clock(), self._recent.setdefault(caller, deque())
        while recent and recent[0] <= now - _MINUTE:
            recent.popleft()
        if len(recent) >= self.per_minute:
            return max(1, round(recent[0] + _MINUTE - now + 0.5))
        recent.append(now)
        return None
