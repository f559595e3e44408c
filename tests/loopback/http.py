"""A threaded HTTP server on a port that the system picks; quiet, and gone when its block ends."""

from __future__ import annotations

import select
import socket
import struct
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


def listen() -> socket.socket:
    """A listening socket on 127.0.0.1, on a port that the system picks."""
    return socket.create_server(("127.0.0.1", 0), backlog=_Server.request_queue_size)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024  # a hundred callers connect at once

    def __init__(self, owner: LoopbackServer, listener: socket.socket | None) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=listener is None)
        if listener is not None:
            self.socket.close()
            self.socket = listener.dup()
            self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.owner.errors.append(traceback.format_exc())


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the owner and closes the connection after it.

    A kept connection would belong to the event loop that opened it: langchain-openai shares one async client per base
    URL, and pytest-asyncio runs a loop per test.
    """

    protocol_version = "HTTP/1.1"
    server: _Server
    connection: socket.socket

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _serve(self) -> None:
        self.close_connection = True
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        try:
            self.server.owner.handle(self, self.command, self.path, body)
        except (BrokenPipeError, ConnectionResetError):
            self.server.owner.hung_up(self)

    do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """A whole response at once."""
        self.begin(status, {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(body))})
        self.wfile.write(body)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Status line and headers; the body follows until the connection closes."""
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def reset(self) -> None:
        """End the connection with a TCP reset, as a crashed provider does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def client_left(self) -> bool:
        """Whether the client closed its side; nothing more is ever expected from it."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable:
            return False
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True


class LoopbackServer:
    """Base of the servers here: `with Server() as server: server.url`.

    Servers that follow each other on one `listener` have one address; a new address costs each OpenAI client 60 ms of
    reading certificates.
    """

    def __init__(self, listener: socket.socket | None = None) -> None:
        self.listener = listener
        self.errors: list[str] = []
        self._http: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._http = _Server(self, self.listener)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._http is not None
        assert self._thread is not None
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    @property
    def root(self) -> str:
        """`http://127.0.0.1:<port>`."""
        assert self._http is not None, "the server runs inside its with block only"
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def handle(self, http: Handler, method: str, path: str, body: bytes) -> None:
        """Answer one request."""
        raise NotImplementedError

    def hung_up(self, http: Handler) -> None:
        """The client closed the connection before the answer was out."""
