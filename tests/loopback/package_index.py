"""A package index on 127.0.0.1: it serves a folder of wheels, counts what it sends, and breaks off when told to."""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

_BLOCK = 16 << 10


class PackageIndex:
    """Serves the wheels of a folder as `<url>/<project>/` and files; for the time of a `with` block."""

    def __init__(self, folder: Path, *, certificate: tuple[Path, Path] | None = None) -> None:
        self.folder = folder
        self.requests: list[str] = []
        """The path of every request."""
        self.sent: Counter[str] = Counter()
        """Bytes sent of each wheel, by the wheel's name."""
        self.ranges: list[tuple[str, int]] = []
        """The wheel and first byte of every request for a part of one."""
        self.busy = threading.Event()
        """Set as soon as a response is being held."""
        self._drops: dict[str, list[int]] = {}
        self._gates: dict[str, threading.Event] = {}
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.index = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._http.server_port

    @property
    def url(self) -> str:
        """What pip takes as its index."""
        return f"http://127.0.0.1:{self.port}/simple"

    def drop(self, project: str, after: int, times: int = 1) -> None:
        """Close the connection after that many bytes of the project's wheel, the next `times` times."""
        self._drops[project] = [after] * times

    def hold(self, project: str) -> threading.Event:
        """Send half of the project's wheel, then wait for the event."""
        return self._gates.setdefault(project, threading.Event())

    def __enter__(self) -> Self:
        """Serve."""
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        for gate in self._gates.values():
            gate.set()
        self._http.shutdown()
        self._http.server_close()

    def _page(self, project: str) -> bytes | None:
        """The links to a project's wheels, with their checksums."""
        wheels = sorted(self.folder.glob(f"{project.replace('-', '_')}-*.whl"))
        links = [
            f'<a href="/files/{wheel.name}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}">{wheel.name}</a>'
            for wheel in wheels
        ]
        return "\n".join(["<!DOCTYPE html><html><body>", *links, "</body></html>"]).encode() if links else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    index: PackageIndex

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        index = self.server.index
        index.requests.append(self.path)
        kind, name = self.path.strip("/").split("/")[:2]
        page = index._page(name) if kind == "simple" else None
        file = index.folder / name
        if page is not None:
            self._send(page, "text/html")
        elif kind == "files" and file.is_file():
            self._send_wheel(file)
        else:
            self.send_error(404)

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_wheel(self, file: Path) -> None:
        index, content = self.server.index, file.read_bytes()
        project = file.name.partition("-")[0].replace("_", "-")
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        if asked:
            index.ranges.append((project, first))
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content) - first))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        drops, gate = index._drops.get(project, []), index._gates.get(project)
        end = min(first + drops.pop(), len(content)) if drops else len(content)
        while first < end:
            block = content[first : min(end, first + _BLOCK)]
            if gate is not None and first + len(block) > len(content) // 2:
                index.busy.set()
                gate.wait(60)
            self.wfile.write(block)
            index.sent[project] += len(block)
            first += len(block)
