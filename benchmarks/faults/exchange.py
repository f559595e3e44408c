"""One request to the server that breaks, and what it can do in the place of an answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.loopback import Reply, Request, wire
from tests.loopback.http import Handler

Alter = Callable[[dict[str, Any]], object]
"""Changes one JSON body, whole or a chunk of a stream, in place."""


@dataclass(frozen=True)
class Exchange:
    """A request for `text`; `over` is set when nobody waits for it any more; `stranger` is another origin's root."""

    http: Handler
    request: Request
    text: str
    over: threading.Event
    stranger: str

    @property
    def half(self) -> str:
        """The first half of the text."""
        return self.text[: len(self.text) // 2]

    def body(
        self, reply: Reply | None = None, choices: int | None = None, alter: Alter | None = None, done: bool = True
    ) -> bytes:
        """An answer as bytes: one JSON body, or the events of a stream, each changed by `alter`."""
        said = [reply or Reply(self.text)] * (choices or self.request.n)
        spent = wire.usage(50, 10 * len(said), said)
        if not self.request.streams:
            bodies = [wire.whole(self.request, said, 1, spent)]
        else:
            chunks = [chunk for _, chunk, _ in wire.deltas(self.request, said[:1], 1)]
            for chunk in chunks:
                chunk["choices"] = [{**one, "index": place} for one in chunk["choices"] for place in range(len(said))]
            bodies = [*chunks, wire.closing(self.request, 1, spent)]
        for each in bodies:
            if alter is not None:
                alter(each)
        if not self.request.streams:
            return json.dumps(bodies[0]).encode()
        return b"".join(wire.event(each) for each in bodies) + (wire.event("[DONE]") if done else b"")

    def begin(self, promised: int | None = None, **headers: str) -> None:
        """A status of 200 and the headers of an answer; the body ends with the connection unless more is promised."""
        kind = "text/event-stream" if self.request.streams else "application/json"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if promised is not None:
            given["Content-Length"] = str(promised)
        self.http.begin(200, {"Content-Type": kind, **given})

    def write(self, data: bytes) -> None:
        """Send bytes now."""
        self.http.wfile.write(data)
        self.http.wfile.flush()

    def answer(self, data: bytes | None = None, **headers: str) -> None:
        """A whole answer at once."""
        self.begin(None, **headers)
        self.write(self.body() if data is None else data)

    def refuse(self, status: int, **headers: str) -> None:
        """An error of the provider's."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.send(status, wire.error("the server was told to fail", status), given)

    def hang(self) -> None:
        """Say nothing until the client leaves or nobody waits any more."""
        while not self.over.wait(0.05) and not self.http.client_left():
            pass

    def drip(self, data: bytes, pause: float) -> None:
        """Send `data` a byte at a time."""
        for place in range(len(data)):
            if self.over.wait(pause) or self.http.client_left():
                return
            self.write(data[place : place + 1])


def seconds_since(began: float) -> float:
    """Seconds since `began`, rounded."""
    return round(time.monotonic() - began, 2)
