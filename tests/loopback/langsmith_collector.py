"""LangSmith on 127.0.0.1, for the real client: what it posts becomes run trees, datasets and feedback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from langsmith import Client

from .http import Handler, LoopbackServer

NOW = "2026-11-26T00:00:00+00:00"
INFO = {
    "version": "0.10.0",
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 1,
    },
    "instance_flags": {"zstd_compression_enabled": False, "dataset_examples_multipart_enabled": True},
}


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
        self.datasets: list[dict[str, Any]] = []
        self.examples: list[dict[str, Any]] = []
        self.feedback: list[dict[str, Any]] = []
        self.experiment: dict[str, Any] = {}
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
        place, _, query = path.partition("?")
        asked = parse_qs(query)
        if method == "GET":
            found: Any
            with self._lock:
                if place.endswith("/info"):
                    found = INFO
                elif place.endswith("/datasets"):
                    found = [one for one in self.datasets if one["name"] in asked.get("name", [one["name"]])]
                elif place.endswith("/examples"):
                    found = [one for one in self.examples if one["dataset_id"] in asked["dataset"]]
                elif place.endswith("/feedback"):
                    found = [
                        one for one in self.feedback if one["run_id"] in asked["run"] and one["key"] in asked["key"]
                    ]
                else:
                    found = INFO
                if "offset" in asked:
                    found = found[int(asked["offset"][0]) :]
            http.send(200, json.dumps(found).encode())
            return
        made: Any = {}
        with self._lock:
            if place.endswith("/examples"):
                made = self._examples(place.split("/")[-2], str(http.headers["Content-Type"]), body)
            elif place.endswith("/datasets"):
                given = json.loads(body)
                made = {"id": str(uuid4()), "name": given["name"], "created_at": NOW}
                self.datasets.append(made)
            elif "/sessions" in place:  # an experiment is begun, or ends
                self.experiment |= {name: value for name, value in json.loads(body).items() if value is not None}
                made = {"id": str(uuid4()), "reference_dataset_id": None, "start_time": NOW} | self.experiment
                made |= {"tenant_id": str(uuid4())}
            elif place.endswith("/feedback"):
                made = {"trace_id": None, **json.loads(body), "created_at": NOW, "modified_at": NOW}
                self.feedback.append(made)
            else:
                self.posts += 1
                if self.status < 300 and path.endswith("/multipart"):
                    self._ingest(str(http.headers["Content-Type"]), body)
        http.send(self.status, json.dumps(made).encode())

    def add_example(self, dataset: str, **fields: Any) -> None:
        """Put an example into the dataset of that name, which is made if it is not there."""
        with self._lock:
            known = {one["name"]: one["id"] for one in self.datasets}
            if dataset not in known:
                known[dataset] = str(uuid4())
                self.datasets.append({"id": known[dataset], "name": dataset, "created_at": NOW})
            self.examples.append({"id": str(uuid4()), "dataset_id": known[dataset], "created_at": NOW, **fields})

    def _examples(self, dataset: str, content_type: str, body: bytes) -> dict[str, Any]:
        made: dict[str, dict[str, Any]] = {}
        for name, value in _parts(content_type, body):
            example, *rest = name.split(".")
            fields = made.setdefault(example, {"id": example, "dataset_id": dataset, "created_at": NOW})
            if rest:
                fields[rest[0]] = value
            else:
                fields["metadata"] = value.get("metadata")
        self.examples.extend(made.values())
        return {"count": len(made), "example_ids": list(made)}

    def _ingest(self, content_type: str, body: bytes) -> None:
        for name, value in _parts(content_type, body):
            operation, run, *rest = name.split(".")
            if operation not in ("post", "patch"):
                continue
            fields = self._runs.setdefault(run, {})
            if rest:
                fields[rest[0]] = value
            else:
                fields.update({key: each for key, each in value.items() if each is not None})


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, Any]]:
    """The parts of a multipart body: their names, and what their JSON says; what is no JSON is left out."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    for part in message.get_payload():
        assert not isinstance(part, str)
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        if part.get_content_type() == "application/json":
            yield str(part.get_param("name", header="content-disposition")), json.loads(payload)
