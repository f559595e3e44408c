"""An OpenTelemetry backend on 127.0.0.1, as Phoenix and Langfuse are: what real exporters post becomes spans."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from typing import Any

from .http import Handler, LoopbackServer


@dataclass(frozen=True)
class Received:
    """One span as it came over the wire; `scope` is the instrumentation that made it."""

    name: str
    scope: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    failed: bool
    attributes: dict[str, Any]


class OTLPCollector(LoopbackServer):
    """The server; `spans` after the exporter was flushed are those received, in the order of their start.

    A span that two exporters post is there once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.paths: set[str] = set()
        self.headers: dict[str, str] = {}
        self._spans: dict[str, Received] = {}
        self._lock = threading.Lock()

    @property
    def spans(self) -> list[Received]:
        with self._lock:
            return sorted(self._spans.values(), key=lambda span: span.began)

    @property
    def roots(self) -> list[Received]:
        """Those without a parent that was received, which is how they are shown."""
        known = {span.id for span in self.spans}
        return [span for span in self.spans if span.parent not in known]

    def beneath(self, span: Received) -> list[str]:
        """The names of those directly under `span`."""
        return [one.name for one in self.spans if one.parent == span.id]

    def drawn(self, span: Received, depth: int = 0) -> str:
        """The tree under `span` as indented lines."""
        lines = [f"{'  ' * depth}{span.name}"]
        return "\n".join([*lines, *(self.drawn(one, depth + 1) for one in self.spans if one.parent == span.id)])

    def clear(self) -> None:
        """Forget everything received."""
        with self._lock:
            self._spans.clear()

    def handle(self, http: Handler, method: str, path: str, body: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        whole = gzip.decompress(body) if http.headers.get("Content-Encoding") == "gzip" else body
        found: list[Received] = []
        if path.endswith("/v1/traces"):
            posted = ExportTraceServiceRequest.FromString(whole)
            for resource in posted.resource_spans:
                for scope in resource.scope_spans:
                    found += [_received(span, scope.scope.name) for span in scope.spans]
        with self._lock:
            self.paths.add(path)
            self.headers.update(http.headers.items())
            self._spans |= {span.id: span for span in found}
        http.send(200, b"")


def _received(span: Any, scope: str) -> Received:
    return Received(
        name=span.name,
        scope=scope,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.code == 2,
        attributes={pair.key: _value(pair.value) for pair in span.attributes},
    )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)
