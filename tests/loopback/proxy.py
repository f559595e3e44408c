"""An HTTP proxy on 127.0.0.1: it forwards requests and tunnels, counts bytes, and can be as slow as a poor line."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

_BLOCK = 16 << 10


class Proxy:
    """Forwards for the time of a `with` block; `names` are hosts that only it knows, with their real addresses."""

    def __init__(
        self,
        names: Mapping[str, tuple[str, int]] | None = None,
        *,
        rate: float | None = None,
        upstream: str | None = None,
    ) -> None:
        self.rate = rate
        """Bytes a second towards the client, of all connections together; None is as fast as it goes."""
        self.asked: list[str] = []
        """The first line of every request: a method, a URL or host, a version."""
        self.received = 0
        """Bytes that came back for the client."""
        self._names = dict(names or {})
        self._upstream = upstream
        self._line = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Tunnel)
        self._server.proxy = self

    @property
    def url(self) -> str:
        """What HTTP_PROXY and HTTPS_PROXY take."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Forward."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to that host, or to the proxy behind this one."""
        if self._upstream:
            behind = urlsplit(self._upstream)
            return socket.create_connection((behind.hostname or "", behind.port or 80), 60)
        return socket.create_connection(self._names.get(host, (host, port)), 60)

    def pass_on(self, origin: socket.socket, client: socket.socket) -> None:
        """Copy what the origin sends to the client, counted and at the line's rate, until it ends."""
        with suppress(OSError):
            while block := origin.recv(_BLOCK):
                if self.rate:
                    with self._line:
                        time.sleep(len(block) / self.rate)
                client.sendall(block)
                self.received += len(block)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    @property
    def tunnels_on(self) -> bool:
        """Whether another proxy is behind this one, which reads requests as they are."""
        return self._upstream is not None


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: an origin that can't be reached is the client's affair."""


class _Tunnel(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Forward one request, or a tunnel's bytes both ways."""
        client, proxy = self.request, self.server.proxy
        head = b""
        while b"\r\n\r\n" not in head:
            block = client.recv(_BLOCK)
            if not block:
                return
            head += block
        first, _, rest = head.partition(b"\r\n")
        line = first.decode("latin-1")
        proxy.asked.append(line)
        method, target, version = line.split()
        tunnel = method == "CONNECT"
        parts = urlsplit(f"//{target}" if tunnel else target)
        try:
            origin = proxy.connect(parts.hostname or "", parts.port or (443 if tunnel else 80))
        except OSError:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        with origin:
            if proxy.tunnels_on:
                origin.sendall(head)
            elif tunnel:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = parts._replace(scheme="", netloc="").geturl() or "/"
                headers = re.sub(rb"(?im)^(?:proxy-)?connection:.*\r\n", b"", rest)
                origin.sendall(f"{method} {path} {version}\r\nConnection: close\r\n".encode() + headers)
            back = threading.Thread(target=proxy.pass_on, args=(origin, client), daemon=True)
            back.start()
            with suppress(OSError):
                while block := client.recv(_BLOCK):
                    origin.sendall(block)
                origin.shutdown(socket.SHUT_WR)
            back.join()
