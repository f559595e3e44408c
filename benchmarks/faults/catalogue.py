"""The faults: 36 that a request can meet, and two that only a stream can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.loopback import Reply

from .exchange import Exchange

PAGE = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"


@dataclass(frozen=True)
class Fault:
    """A fault by name; `refused`: nothing listens where the request goes; `streamed`: only a stream can have it.

    `slow`: a client whose process was kept waiting may take it for silence.
    """

    name: str
    act: Callable[[Exchange], None]
    refused: bool = False
    streamed: bool = False
    slow: bool = False


def _status(status: int, **headers: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.refuse(status, **headers)


def _altered(change: Callable[[dict[str, Any]], object]) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer(exchange.body(alter=change))


def _half(reason: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer(exchange.body(Reply(exchange.half, finish_reason=reason)))


def _halved(exchange: Exchange) -> bytes:
    """The first half of a body: of a stream, up to the middle of an event."""
    whole = exchange.body()
    return whole[: len(whole) // 2]


def _whole_events(exchange: Exchange) -> bytes:
    return _halved(exchange).rpartition(b"\n\n")[0] + b"\n\n"


def _short(exchange: Exchange) -> None:
    exchange.begin(promised=len(exchange.body()))
    exchange.write(_halved(exchange))


def _stuck(exchange: Exchange) -> None:
    exchange.begin()
    exchange.write(_halved(exchange))
    exchange.hang()


def _dripping(exchange: Exchange) -> None:
    exchange.begin()
    exchange.drip(exchange.body(), pause=0.25)


def _no_http(exchange: Exchange) -> None:
    exchange.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def _elsewhere(exchange: Exchange) -> None:
    exchange.http.send(307, b"", {"Location": exchange.stranger + exchange.request.path})


def _page(exchange: Exchange) -> None:
    exchange.http.send(200, PAGE, {"Content-Type": "text/html"})


def _other_json(exchange: Exchange) -> None:
    exchange.answer(b"data: []\n\ndata: [DONE]\n\n" if exchange.request.streams else b"[]")


def _error_in_200(exchange: Exchange) -> None:
    said = b'{"error": {"message": "overloaded", "type": "server_error", "code": 500}}'
    exchange.answer(b"data: " + said + b"\n\n" if exchange.request.streams else said)


def _other_number(exchange: Exchange) -> None:
    exchange.answer(exchange.body(choices=2 if exchange.request.n == 1 else 1))


def _choices(value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda body: body.update(choices=value)


def _no_content(body: dict[str, Any]) -> None:
    for choice in body["choices"]:
        choice["message" if "message" in choice else "delta"]["content"] = None


def _usage(value: Any) -> Callable[[dict[str, Any]], object]:
    def change(body: dict[str, Any]) -> None:
        if body.get("usage"):
            body["usage"] = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), value)

    return change


def _event_of_error(exchange: Exchange) -> None:
    exchange.answer(_whole_events(exchange) + b'data: {"error": {"message": "overloaded", "code": 500}}\n\n')


FAULTS: tuple[Fault, ...] = (
    # The connection.
    Fault("connection refused", Exchange.hang, refused=True),
    Fault("connection reset", lambda exchange: exchange.http.reset()),
    Fault("closed without a byte", lambda exchange: None),
    Fault("no HTTP", _no_http),
    Fault("silent", Exchange.hang),
    Fault("silent in the body", _stuck),
    Fault("a byte each 0.25 s", _dripping, slow=True),
    Fault("body shorter than promised", _short),
    # The status.
    Fault("400", _status(400)),
    Fault("401", _status(401)),
    Fault("403", _status(403)),
    Fault("422", _status(422)),
    Fault("429", _status(429)),
    Fault("429, Retry-After 1", _status(429, Retry_After="1")),
    Fault("429, Retry-After 3600", _status(429, Retry_After="3600")),
    Fault("500", _status(500)),
    Fault("502", _status(502)),
    Fault("503", _status(503)),
    Fault("redirect to another origin", _elsewhere),
    # The body.
    Fault("an HTML page", _page),
    Fault("empty body", lambda exchange: exchange.answer(b"")),
    Fault("truncated JSON", lambda exchange: exchange.answer(_halved(exchange))),
    Fault("JSON of another shape", _other_json),
    Fault("an error with status 200", _error_in_200),
    Fault("gzip that is none", lambda exchange: exchange.answer(Content_Encoding="gzip")),
    Fault("wrong content type", lambda exchange: exchange.answer(Content_Type="text/plain")),
    # The answer.
    Fault("choices null", _altered(_choices(None))),
    Fault("choices empty", _altered(_choices([]))),
    Fault("content null", _altered(_no_content)),
    Fault("empty text", lambda exchange: exchange.answer(exchange.body(Reply("")))),
    Fault("filtered", _half("content_filter")),
    Fault("cut off", _half("length")),
    Fault("no finish reason", _half("none")),
    Fault("another number of choices", _other_number),
    Fault("usage is text", _altered(_usage("many"))),
    Fault("usage is NaN", _altered(_usage(float("nan")))),
    # Streams alone.
    Fault("stream ends midway", lambda exchange: exchange.answer(_whole_events(exchange)), streamed=True),
    Fault("stream breaks with an error", _event_of_error, streamed=True),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
REDIRECT = "redirect to another origin"
