"""The ingest side of LangSmith on 127.0.0.1, for the real client: what it posts becomes run trees."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from langsmith import Client

from .http import Handler, LoopbackServer


@dataclass
class Node:
    """One run with its children in the order of their start."""

    fields: dict[str, Any]
    children: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.fields["name"])

    @property
    def kind(self) -> str:
        """`llm`, `chain`, `prompt`, `parser`, `tool` or `retriever`."""
        return str(self.fields["run_type"])

    @property
    def finished(self) -> bool:
        return self.fields.get("end_time") is not None

    @property
    def error(self) -> str | None:
        return self.fields.get("error")

    @property
    def tags(self) -> list[str]:
        return self.fields.get("tags") or []

    @property
    def metadata(self) -> dict[str, Any]:
        return (self.fields.get("extra") or {}).get("metadata") or {}

    @property
    def inputs(self) -> Any:
        return self.fields.get("inputs")

    @property
    def outputs(self) -> Any:
        return self.fields.get("outputs")

    @property
    def usage(self) -> tuple[int, int] | None:
        """Input and output tokens that LangSmith counts for this run alone."""
        usage = self.metadata.get("usage_metadata")
        return None if usage is None else (usage["input_tokens"], usage["output_tokens"])

    def walk(self) -> Iterator[Node]:
        """This run and all beneath it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, name: str) -> list[Node]:
        """The runs of that name, here or beneath."""
        return [node for node in self.walk() if node.name == name]

    def drawn(self, depth: int = 0) -> str:
        """The tree as indented lines."""
        state = "" if self.finished else " UNFINISHED"
        lines = [f"{'  ' * depth}{self.name} ({self.kind}){state}"]
        return "\n".join([*lines, *(child.drawn(depth + 1) for child in self.children)])


class LangSmithCollector(LoopbackServer):
    """The server; `roots()` after the client flushed gives the traces."""

    def __init__(self, status: int = 202) -> None:
        super().__init__()
        self.status = status
        self.posts = 0
        self._runs: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def client(self, **settings: Any) -> Client:
        """A real LangSmith client that posts here."""
        return Client(api_url=self.root, api_key="loopback", **settings)

    def roots(self) -> list[Node]:
        """Every trace received. A run whose parent never arrived counts as a root, as it is shown."""
        with self._lock:
            runs = {run: dict(fields) for run, fields in self._runs.items()}
        nodes = {run: Node(fields) for run, fields in runs.items()}
        order = sorted(nodes.values(), key=lambda node: str(node.fields.get("dotted_order") or ""))
        roots: list[Node] = []
        for node in order:
            parent = nodes.get(str(node.fields.get("parent_run_id")))
            (roots if parent is None else parent.children).append(node)
        return roots

    def nodes(self) -> list[Node]:
        """All runs of all traces."""
        return [node for root in self.roots() for node in root.walk()]

    def clear(self) -> None:
        """Forget everything received."""
        with self._lock:
            self._runs.clear()
            self.posts = 0

    def handle(self, http: Handler, method: str, path: str, body: bytes) -> None:
        if method == "GET":
            limits = {"use_multipart_endpoint": True, "size_limit": 100, "size_limit_bytes": 20_971_520}
            info = {
                "version": "0.10.0",
                "batch_ingest_config": {**limits, "scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 1},
                "instance_flags": {"zstd_compression_enabled": False},
            }
            http.send(200, json.dumps(info).encode())
            return
        with self._lock:
            self.posts += 1
            if self.status < 300 and path.endswith("/multipart"):
                self._ingest(str(http.headers["Content-Type"]), body)
        http.send(self.status, b"{}")

    def _ingest(self, content_type: str, body: bytes) -> None:
        message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        for part in message.get_payload():
            assert not isinstance(part, str)
            disposition = part.get_param("name", header="content-disposition")
            operation, run, *rest = str(disposition).split(".")
            if operation not in ("post", "patch"):
                continue
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            value = json.loads(payload)
            fields = self._runs.setdefault(run, {})
            if rest:
                fields[rest[0]] = value
            else:
                fields.update({key: each for key, each in value.items() if each is not None})
