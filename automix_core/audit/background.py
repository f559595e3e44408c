"""Work that is done after the caller has the answer: bounded, limited, counted, and never in anybody's way."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

log = logging.getLogger("automix")

Job = Callable[[], float | None]
"""One piece of work; returns what it cost in USD, None where that is not known."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much work was `done`, `failed`, `dropped` (no room or no budget) or `abandoned` at exit, and its cost."""

    done: int = 0
    failed: int = 0
    dropped: int = 0
    abandoned: int = 0
    cost: float = 0.0
    cost_unknown: int = 0


class Background:
    """Threads that work off a short queue.

    `offer` never blocks: with `most` jobs waiting, or the day's `budget` (USD, UTC days) spent, the job is dropped and
    counted. At most `rate` jobs begin a second. On exit what waits is worked off for `drain` seconds at most, then
    given up; the threads are daemons, so they hold no process. A fork begins with no work and threads of its own.
    """

    def __init__(
        self,
        *,
        most: int = 256,
        workers: int = 2,
        rate: float | None = None,
        budget: float | None = None,
        drain: float = 5.0,
    ) -> None:
        self._most, self._workers, self._rate, self._budget, self._drain = most, workers, rate, budget, drain
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._jobs: deque[Job] = deque()
        self._wake = threading.Condition()
        self._running = 0
        self._threads = 0
        self._closed = False
        self._counts = Counts()
        self._next_start = 0.0
        self._day, self._spent = -1, 0.0

    @property
    def counts(self) -> Counts:
        """What was done so far."""
        return self._counts

    def offer(self, job: Job) -> bool:
        """Take `job` on if there is room; False if it was dropped. Never raises, never waits."""
        if self._pid != os.getpid():
            self._begin()
        with self._wake:
            if self._closed or len(self._jobs) >= self._most or self._is_spent():
                self._counts = replace(self._counts, dropped=self._counts.dropped + 1)
                return False
            self._jobs.append(job)
            if self._threads < self._workers and self._threads <= self._running + len(self._jobs) - 1:
                try:
                    threading.Thread(target=self._work, name="automix-audit", daemon=True).start()
                    self._threads += 1
                except RuntimeError:  # the interpreter is ending
                    self._jobs.pop()
                    self._counts = replace(self._counts, dropped=self._counts.dropped + 1)
                    return False
            self._wake.notify()
        return True

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all work that was taken on is done; False if `timeout` seconds were not enough."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._jobs and not self._running, timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Take on no more, wait as `flush` does, and give up what then still waits."""
        with self._wake:
            self._closed = True
        whole = self.flush(self._drain if timeout is None else timeout)
        with self._wake:
            left = len(self._jobs) + self._running
            self._jobs.clear()
            self._counts = replace(self._counts, abandoned=self._counts.abandoned + left)
            self._wake.notify_all()
        if left:
            log.warning("%d audits were given up when the process ended.", left)
        return whole

    def _is_spent(self) -> bool:
        """Whether the day's budget is used up."""
        if self._budget is None:
            return False
        today = int(time.time() // 86400)
        if today != self._day:
            self._day, self._spent = today, 0.0
        return self._spent >= self._budget

    def _work(self) -> None:
        while True:
            with self._wake:
                if not self._wake.wait_for(lambda: self._jobs or self._closed, timeout=30.0) or not self._jobs:
                    self._threads -= 1
                    return
                job = self._jobs.popleft()
                self._running += 1
                pause = self._pause()
            cost: float | None = 0.0
            failed = False
            try:
                if pause:
                    time.sleep(pause)
                cost = job()
            except Exception as error:
                failed = True
                log.warning("An audit failed with %s; the call it was about is not affected.", type(error).__name__)
            with self._wake:
                self._running -= 1
                self._spent += cost or 0.0
                counts = self._counts
                self._counts = replace(
                    counts,
                    done=counts.done + (not failed),
                    failed=counts.failed + failed,
                    cost=counts.cost + (cost or 0.0),
                    cost_unknown=counts.cost_unknown + (cost is None),
                )
                self._wake.notify_all()

    def _pause(self) -> float:
        """Seconds until the next job may begin, so that no more than `rate` begin a second."""
        if self._rate is None:
            return 0.0
        now = time.monotonic()
        start = max(now, self._next_start)
        self._next_start = start + 1 / self._rate
        return start - now


_all: weakref.WeakSet[Background] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for background in list(_all):
        if background._pid == os.getpid():
            background.close()
