"""When a server is asked again: after the time that it names, else after twice as long each time."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses of servers that may answer the same request later."""
ATTEMPTS = 5
"""How often a request may fail before it has failed for good, where the server names no time."""
LONGEST = 600.0
"""Seconds that a server may ask for; with more the run ends, and the same command goes on later."""
PATIENCE = 3600.0
"""Seconds that one request waits in all for a server that goes on asking for time."""
_SHORT, _MOST_SHORT = 1.0, 30
_spread = random.Random()


class BusyError(Exception):
    """A request that failed but may be sent again. `asked` is the pause that the server named, in seconds."""

    def __init__(self, problem: str, asked: float | None = None, *, weight: int = 1) -> None:
        super().__init__(problem)
        self.asked, self.weight = asked, weight


class Course:
    """How one request fares. A server that names a time is waited for, however often, within `PATIENCE`."""

    def __init__(self) -> None:
        self.failed = self.short = 0
        self.waited = 0.0

    def note(self, again: BusyError) -> None:
        """Count a failure."""
        if again.asked is None:
            self.failed += again.weight
        elif again.asked < _SHORT:
            self.short += 1
        else:
            self.waited += again.asked

    def over(self, again: BusyError) -> bool:
        """Whether it has failed for good."""
        beyond = self.waited > PATIENCE or (again.asked or 0.0) > LONGEST
        return beyond or self.failed >= ATTEMPTS or self.short >= _MOST_SHORT

    def pause(self, again: BusyError) -> float:
        """Seconds until the next try, spread so that callers don't return together."""
        if again.asked is None:
            return 0.5 * 2.0 ** (self.failed - 1) * _spread.uniform(0.5, 1.5)
        if again.asked < _SHORT:
            return max(again.asked, 0.0 if self.short == 1 else min(_SHORT, 0.05 * 2.0**self.short))
        return again.asked * _spread.uniform(1.0, 1.1)

    def retrying(self) -> AsyncRetrying:
        """The tries of one request; `BusyError` that is raised within one begins the next."""

        def failure(state: RetryCallState) -> BusyError:
            error = state.outcome.exception() if state.outcome else None
            return error if isinstance(error, BusyError) else BusyError("")

        return AsyncRetrying(
            retry=retry_if_exception_type(BusyError),
            stop=lambda state: self.over(failure(state)),
            wait=lambda state: self.pause(failure(state)),
            reraise=True,
        )


def asked_pause(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds that a reply asks to be left alone for: a number, a date, or OpenAI's milliseconds; None without.

    A date is taken against the server's own clock where it tells it. What is no time, or past, is 0.
    """
    if (text := headers.get("retry-after-ms")) is not None and (milliseconds := _number(text)) is not None:
        return milliseconds / 1000
    if (text := headers.get("retry-after")) is None:
        return None
    if (seconds := _number(text)) is not None:
        return seconds
    until = _date(text)
    if until is None:
        return 0.0
    since = now or _date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number > 0 else 0.0  # so is what is not a number


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
