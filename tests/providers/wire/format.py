"""What every wire format has to say: how a request is read, what is refused, how an answer is written."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.loopback import Reply, Request

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked(Request):
    """One request: `body` in OpenAI's terms whatever the provider, `sent` as it stood on the wire.

    `body` has `max_tokens` for every provider's output limit, and only what the request set.
    """

    provider: str = ""
    sent: Json = field(default_factory=dict)
    has_thoughts: bool = False
    """Whether an earlier answer's reasoning was handed back."""

    def at(self, place: str) -> Any:
        """What stood on the wire at a dotted place, as `options.num_predict`; None where nothing did."""
        found: Any = self.sent
        for step in place.split("."):
            if not isinstance(found, dict):
                return None
            found = found.get(step)
        return found


@dataclass(frozen=True)
class Spent:
    """The tokens of one answered request; `output` has the thoughts in it, `input` the cached part."""

    input: int
    output: int
    thoughts: int = 0
    cached: int = 0
    reported: bool = True

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True)
class Refusal:
    """A request the provider does not take: status, message, and the setting it names."""

    message: str
    status: int = 400
    setting: str | None = None


@dataclass(frozen=True)
class Part:
    """Some bytes of a streamed answer; `is_text` where a user would see a piece of the answer arrive."""

    data: bytes
    is_text: bool = False


class Wire(ABC):
    """One provider's format, spoken under `/<name>` of the server."""

    name: str
    names: ClassVar[Mapping[str, str]] = {}
    """A setting in OpenAI's terms, and the dotted place where this provider wants it."""
    stream_type = "text/event-stream"
    gives_n = False

    @abstractmethod
    def read(self, path: str, sent: Json) -> Json | None:
        """The body in OpenAI's terms; None where the path is no question."""

    @abstractmethod
    def whole(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Json:
        """The body of an answer that is not streamed."""

    @abstractmethod
    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        """A streamed answer."""

    def place(self, request: Asked, setting: str) -> str:
        """Where a setting in OpenAI's terms stood on this request's wire."""
        return self.names.get(setting, setting)

    def refusal(self, request: Asked) -> Refusal | None:
        """What the provider would refuse of this request."""
        return None

    def thoughts(self, request: Asked) -> bool:
        """Whether this request carries reasoning of an earlier answer."""
        return False

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        """An error body."""
        return json.dumps({"error": {"message": message}}).encode()

    def error_headers(self, status: int) -> dict[str, str]:
        return {}

    def lookup(self, method: str, path: str) -> Json | None:
        """The answer to a question about models."""
        return None


def given(**settings: Any) -> Json:
    """Those that are not None."""
    return {name: value for name, value in settings.items() if value is not None}


def function(name: str, parameters: Any, description: str = "") -> Json:
    """A tool in OpenAI's terms."""
    about = {"name": name, "description": description, "parameters": parameters or {"type": "object"}}
    return {"type": "function", "function": about}


def chosen(name: str) -> Json:
    """The demand to call that tool, in OpenAI's terms."""
    return {"type": "function", "function": {"name": name}}


def schema(wanted: Any, name: str = "answer") -> Json:
    """The demand for JSON of a schema, in OpenAI's terms."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": wanted}}


def arguments(call: Any) -> Json:
    """A scripted call's arguments as an object."""
    return json.loads(call) if isinstance(call, str) else dict(call)


def sse(body: Json, event: str | None = None) -> bytes:
    """One server-sent event."""
    return (f"event: {event}\n" if event else "").encode() + f"data: {json.dumps(body)}\n\n".encode()


def unknown(sent: Mapping[str, Any], known: frozenset[str]) -> str | None:
    """The first field that the provider does not know."""
    return next((name for name in sent if name not in known), None)


def words(text: str) -> frozenset[str]:
    """The words of a text, as names of fields."""
    return frozenset(text.split())
