"""What the server counts, in Prometheus' text form; no text of a call and no key is in it."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


class Metrics:
    """Counters of one server, in a registry of their own; with `shared`, those of all its workers are told.

    Workers share what they count through files in a folder that prometheus_client must know before it is imported.
    """

    def __init__(self, shared: str | None = None) -> None:
        self._registry, self._shared = CollectorRegistry(), shared
        own: dict[str, Any] = {"registry": self._registry}
        self._calls = Counter("automix_calls", "Calls that were answered.", ("cascade", "action", "model"), **own)
        self._failures = Counter("automix_failures", "Calls that ended with an error.", ("cascade", "error"), **own)
        self._refusals = Counter("automix_refusals", "Requests that were not taken in, by status.", ("status",), **own)
        self._cost = Counter("automix_cost_usd", "What calls cost, where that is known.", ("cascade",), **own)
        self._saved = Gauge(
            "automix_saved_usd",
            "Saved against the last model alone; may fall.",
            ("cascade",),
            multiprocess_mode="sum",
            **own,
        )
        self._seconds = Histogram("automix_seconds", "How long calls took.", ("cascade", "action"), **own)

    def answered(self, cascade: str, message: Any) -> None:
        """Count a call by its route."""
        route = message.response_metadata.get("automix")
        if route is None:
            return
        self._calls.labels(cascade, route["action"], str(route["model"])).inc()
        if (cost := route["cost"]["total"]) is not None:
            self._cost.labels(cascade).inc(cost)
        if (saved := route["cost"]["saved"]) is not None:
            self._saved.labels(cascade).inc(saved)
        if (seconds := route["seconds"]) is not None:
            self._seconds.labels(cascade, route["action"]).observe(seconds)

    def failed(self, cascade: str, error: Exception) -> None:
        """Count a call that ended with `error`."""
        self._failures.labels(cascade, type(error).__name__).inc()

    def refused(self, status: int) -> None:
        """Count a request that was not answered."""
        self._refusals.labels(str(status)).inc()

    def text(self) -> str:
        """All of it, as Prometheus reads it."""
        if self._shared is None:
            return generate_latest(self._registry).decode()
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, path=self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(everybody).decode()
