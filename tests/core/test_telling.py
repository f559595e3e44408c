"""Who is told that a call is over: collectors, the log, OpenTelemetry's meters."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from automix_core.checking.query import Query
from automix_core.decision import Accept
from automix_core.drift.monitor import DriftMonitor
from automix_core.routing import telemetry
from automix_core.routing.effects import Reply
from automix_core.routing.ending import Ending
from automix_core.routing.price import Price
from automix_core.routing.route import Route, settle
from automix_core.routing.step import Step
from automix_core.routing.telling import facts, tell
from automix_core.usage import Usage


def told(name: str = "small", version: str | None = "v1", evidence: float | None = 0.75) -> Route:
    steps = (Step("draft", 0, result=Reply("a secret text", Usage(1000, 10))), Step("accept", 0))
    route = settle(
        Ending(Accept(0), "why", steps, models=2),
        Query("A secret question?"),
        policy="p",
        names=[name, "large"],
        prices=[Price(1, 2), Price(10, 20)],
        seconds=0.5,
        policy_version=version,
    )
    return replace(route, evidence=evidence)


def test_what_dashboards_chart_leaves_out_what_is_unknown() -> None:
    route = told()
    assert facts(route) == {
        "automix_action": route.action,
        "automix_cost_usd": route.cost["total"],
        "automix_saved_usd": route.cost["saved"],
        "automix_evidence": 0.75,
    }
    assert set(facts(told(evidence=None))) == {"automix_action", "automix_cost_usd", "automix_saved_usd"}


def test_one_line_a_call_at_info_and_none_above(caplog: pytest.LogCaptureFixture) -> None:
    gathered: list[Route] = []
    with caplog.at_level(logging.WARNING, logger="automix"):
        tell(told(), (gathered,))
    assert len(gathered) == 1
    assert not caplog.records
    with caplog.at_level(logging.INFO, logger="automix"):
        tell(route := told(), ())
    (record,) = caplog.records
    line = record.getMessage()
    assert line.startswith(f"automix_id={route.id} automix_model=small automix_action=direct automix_cost_usd=0.00102 ")
    assert record.__dict__["automix_seconds"] == 0.5
    assert record.__dict__["automix_evidence"] == 0.75
    assert "secret" not in line


def test_a_name_with_spaces_or_line_ends_stays_one_field(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="automix"):
        tell(told("small\nautomix_action=accept one"), ())
    assert r"automix_model='small\nautomix_action=accept one' " in caplog.records[0].getMessage()


class Instrument:
    """One of OpenTelemetry's, as far as it is used here."""

    def __init__(self) -> None:
        self.points: list[tuple[float, dict[str, Any]]] = []

    def add(self, amount: float, attributes: dict[str, Any]) -> None:
        self.points.append((amount, attributes))

    record = add


def test_without_an_sdk_nothing_is_counted_or_imported() -> None:
    code = (
        "import sys, tests.core.test_telling as t; t.tell(t.told(), ()); t.telemetry.count_alarm('score');"
        "sys.exit('opentelemetry.metrics' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_calls_money_and_evidence_are_counted_by_policy_version(monkeypatch: pytest.MonkeyPatch) -> None:
    found = telemetry.Meters(*(Instrument() for _ in telemetry.Meters._fields))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.metrics", sys)
    monkeypatch.setattr(telemetry, "_meters", lambda: found)
    tell(told(), ())
    tell(told(version=None, evidence=None), ())
    points: Any = found
    who = {"automix.model": 0, "automix.action": "direct", "automix.kept": True}
    assert points.calls.points == [
        (1, {"automix.policy_version": "v1", **who}),
        (1, {"automix.policy_version": "none", **who}),
    ]
    assert points.evidence.points == [(0.75, {"automix.policy_version": "v1"})]
    assert [amount for amount, _ in points.cost.points] == pytest.approx([0.00102, 0.00102])
    assert [amount for amount, _ in points.saved.points] == pytest.approx([0.00918, 0.00918])
    assert [amount for amount, _ in points.seconds.points] == [0.5, 0.5]
    monitor = DriftMonitor(alpha=0.5, expected=0.9, seed=1)
    for _ in range(50):
        monitor.observe_score(0.0)
    assert points.alarms.points == [(1, {"automix.test": "score"})]


def test_the_real_sdk_reads_them() -> None:
    pytest.importorskip("opentelemetry.sdk.metrics", reason="the extra otel is not installed here")
    code = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
import tests.core.test_telling as t
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
t.tell(t.told(), ())
t.telemetry.count_alarm("evidence")
found = [m for r in reader.get_metrics_data().resource_metrics for s in r.scope_metrics for m in s.metrics]
print(sorted((m.name, m.unit, len(m.data.data_points)) for m in found))
"""
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == (
        "[('automix.alarms', '{alarm}', 1), ('automix.calls', '{call}', 1), ('automix.cost', 'USD', 1), "
        "('automix.duration', 's', 1), ('automix.evidence', '1', 1), ('automix.saved', 'USD', 1)]"
    ), ran.stderr
