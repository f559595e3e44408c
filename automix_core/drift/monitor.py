"""`DriftMonitor`: an alarm when the traffic is no longer what a policy was fitted on."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from threading import Lock

from ..amounts import is_number, is_seed
from ..errors import ConfigError
from ..routing.route import Route
from ..routing.telemetry import count_alarm
from .ranks import Ranks
from .wealth import Wealth

log = logging.getLogger("automix")

_TILTS = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)
_STAKES = (0.125, 0.25, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Alarm:
    """What has changed: `test` is evidence or score, `calls` how many of that test's numbers had been seen.

    `wealth` is the test's value when it rang; 1 / wealth bounds the chance of such an alarm without a change.
    """

    test: str
    calls: int
    wealth: float

    def __str__(self) -> str:
        what = {
            "evidence": "The evidence of drafts is no longer distributed as it was",
            "score": "Answers score below what the policy was fitted to expect",
        }[self.test]
        return f"{what} (noticed at number {self.calls}; chance without a change at most {1 / self.wealth:.2g})."


class DriftMonitor:
    """Watches routes as they come, without labels, and scores where there are some.

    Two tests, each with half of `alpha`, the chance that a monitor which runs for ever rings although nothing changed:

    - *evidence*: a martingale on the evidence of each call (a route's `evidence`, else its `confidence`). Its p-values
      are conformal and online, ties broken at random, so no sample of the past has to be trusted as the truth.
    - *score*: with `expected`, the mean score the policy was fitted to reach, an e-process against "the mean is
      `expected` - `margin` or more" on the scores of audited calls.

    An alarm is logged once as a warning, handed to `on_alarm`, and stays until `reset`. Threads may share a monitor.
    `seed` fixes how ties are broken. Raises `ConfigError` for settings that can't work.

    Source: Ville's inequality; conformal test martingales (Vovk and others 2003); betting for bounded means
    (Waudby-Smith and Ramdas 2024).
    """

    def __init__(
        self,
        alpha: float = 0.05,
        *,
        expected: float | None = None,
        margin: float = 0.02,
        on_alarm: Callable[[Alarm], object] | None = None,
        seed: int | None = None,
    ) -> None:
        if not is_number(alpha) or not 0 < alpha < 1:
            raise ConfigError(f"DriftMonitor(alpha) must lie between 0 and 1, not {alpha!r}; 0.05 is usual.")
        if expected is not None and not (is_number(expected) and 0 <= expected <= 1):
            raise ConfigError(f"DriftMonitor(expected) must be a mean score from 0 to 1, not {expected!r}.")
        if not is_number(margin) or not 0 <= margin <= 1:
            raise ConfigError(f"DriftMonitor(margin) must be a difference of scores from 0 to 1, not {margin!r}.")
        if not is_seed(seed):
            raise ConfigError(f"DriftMonitor(seed) must be a whole number or None, not {seed!r}.")
        self.alpha, self.expected, self.margin = alpha, expected, margin
        self._on_alarm = on_alarm
        self._random = Random(seed)
        self._lock = Lock()
        self._alarms: dict[str, Alarm] = {}
        self._start()

    def _start(self) -> None:
        self._ranks = Ranks()
        self._tests = {"evidence": Wealth([_tilted(tilt) for tilt in _TILTS])}
        self._seen = {"evidence": 0, "score": 0}
        if self.expected is not None and self.expected > self.margin:
            least = self.expected - self.margin
            self._tests["score"] = Wealth([_short_of(least, stake) for stake in _STAKES])

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What has rung since the last `reset`."""
        return tuple(self._alarms.values())

    @property
    def wealth(self) -> dict[str, float]:
        """The value of each test now; one that reaches 2 / alpha rings."""
        with self._lock:
            return {name: test.value for name, test in self._tests.items()}

    def observe(self, route: Route | float | None) -> Alarm | None:
        """Take in one call's route, or its evidence as a number; the alarm, if it rings now.

        A route without evidence and without a confidence tells nothing and is passed over.
        """
        if isinstance(route, Route):
            route = route.confidence if route.evidence is None else route.evidence
        if route is None or not math.isfinite(route):
            return None
        with self._lock:
            p = self._ranks.p(min(1.0, max(0.0, route)), self._random.random())
            return self._bet("evidence", p)

    def observe_all(self, routes: Iterable[Route]) -> None:
        """Take in the routes that `collect_routes` gathered."""
        for route in routes:
            self.observe(route)

    def observe_score(self, score: float) -> Alarm | None:
        """Take in the score, from 0 to 1, of an answer that was audited; the alarm, if it rings now.

        Raises `ConfigError` for a number outside 0 to 1.
        """
        if not 0 <= score <= 1:
            raise ConfigError(f"A score must be a number from 0 to 1, not {score!r}.")
        with self._lock:
            return self._bet("score", score) if "score" in self._tests else None

    def reset(self) -> None:
        """Begin anew, as after a new policy was fitted."""
        with self._lock:
            self._alarms.clear()
            self._start()

    def _bet(self, name: str, x: float) -> Alarm | None:
        self._seen[name] += 1
        wealth = self._tests[name].bet(x)
        if wealth < 2 / self.alpha or name in self._alarms:
            return None
        alarm = self._alarms[name] = Alarm(name, self._seen[name], wealth)
        count_alarm(name)
        log.warning("%s Fit the policy again on recent outcomes.", alarm)
        if self._on_alarm is not None:
            self._on_alarm(alarm)
        return alarm


def _tilted(tilt: float) -> Callable[[float], float]:
    """A density on [0, 1] that prefers high p-values (tilt above 0) or low ones."""
    return lambda p: 1 + tilt * (p - 0.5)


def _short_of(least: float, stake: float) -> Callable[[float], float]:
    """A bet that scores fall short of `least`: its mean is at most 1 where their mean is `least` or more.

    The stake is a share of the most that can be bet without risking ruin at a score of 1.
    """
    most = 1 / (1 - least) if least < 1 else 1e6
    return lambda score: max(0.0, 1 + stake * most * (least - score))
