"""OpenTelemetry's counters of calls, money and alarms, for a process that has set up OpenTelemetry's metrics itself.

Nothing is imported here and nothing leaves the process by itself: without `opentelemetry.sdk.metrics` in the process
there is nobody to count for. The names carry their unit; each point says the policy's version, so that two versions
that run side by side can be told apart.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .route import Route, keeps_a_draft

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, UpDownCounter

_SDK = "opentelemetry.sdk.metrics"


class Meters(NamedTuple):
    """The instruments, as OpenTelemetry names them."""

    calls: Counter
    cost: Counter
    saved: UpDownCounter
    evidence: Histogram
    seconds: Histogram
    alarms: Counter


@lru_cache(maxsize=1)
def _meters() -> Meters:
    from opentelemetry import metrics

    meter = metrics.get_meter("automix")
    shares = [n / 10 for n in range(1, 10)]
    return Meters(
        meter.create_counter("automix.calls", "{call}", "Calls by action, who answered and whether a draft was kept."),
        meter.create_counter("automix.cost", "USD", "What calls cost, where all prices and tokens are known."),
        meter.create_up_down_counter("automix.saved", "USD", "Saved against the last model alone; may fall."),
        meter.create_histogram(
            "automix.evidence",
            "1",
            "A policy's probability that the draft is right.",
            explicit_bucket_boundaries_advisory=shares,
        ),
        meter.create_histogram("automix.duration", "s", "How long calls took."),
        meter.create_counter("automix.alarms", "{alarm}", "Alarms of drift monitors."),
    )


def count(route: Route) -> None:
    """Count a finished call. Its money and evidence are left out where they are unknown."""
    if _SDK not in sys.modules:
        return
    meters, version = _meters(), {"automix.policy_version": route.policy_version or "none"}
    kept = keeps_a_draft(route.model, route.steps, len(route.usage["by_model"]))
    who: dict[str, Any] = {"automix.model": route.model, "automix.action": route.action, "automix.kept": kept}
    meters.calls.add(1, version | who)
    if route.seconds is not None:
        meters.seconds.record(route.seconds, version | {"automix.action": route.action})
    if route.evidence is not None:
        meters.evidence.record(route.evidence, version)
    if (cost := route.cost["total"]) is not None:
        meters.cost.add(cost, version)
    if (saved := route.cost["saved"]) is not None:
        meters.saved.add(saved, version)


def count_alarm(test: str) -> None:
    """Count an alarm of a drift monitor, by which of its tests rang."""
    if _SDK in sys.modules:
        _meters().alarms.add(1, {"automix.test": test})
