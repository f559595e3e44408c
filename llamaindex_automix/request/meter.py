"""What a stream amounted to, found while it passes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse

from automix_core.checking.client import Client
from automix_core.routing.effects import Reply
from automix_core.usage import Usage

from ..child.responses import calls_tools, finish_reason, usage_of
from .request import Request


@dataclass(slots=True)
class Meter:
    """The last piece of a stream, the tokens that it reported and why it finished; any piece may tell either."""

    request: Request[Any]
    client: Client
    last: Any = None
    usage: Usage | None = None
    reason: str | None = None

    def add(self, piece: Any) -> bool:
        """One more piece; True if there is anything in it for the reader."""
        self.last = piece
        self.usage = usage_of(piece) or self.usage
        self.reason = finish_reason(piece) or self.reason
        if not isinstance(piece, ChatResponse | CompletionResponse):
            return True
        return bool(piece.delta) or "thinking_delta" in piece.additional_kwargs or calls_tools(piece)

    def reply(self) -> Reply:
        """The whole stream as the core sees an answer."""
        if self.last is None:
            return Reply("", problem="empty")
        row = self.client if self.client.streams_end else replace(self.client, always_ends=False)
        return self.request.streamed(self.last, row, self.reason, self.usage)

    @property
    def text(self) -> str:
        """What was said so far."""
        return "" if self.last is None else self.reply().text
