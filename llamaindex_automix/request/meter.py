"""What a stream amounted to, found while it passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from automix_core.routing.effects import Reply
from automix_core.usage import Usage

from ..child.responses import usage_of
from .request import Request


@dataclass(slots=True)
class Meter:
    """The last piece of a stream, and the tokens it reported; providers report them in any piece, most in the last."""

    last: Any = None
    usage: Usage | None = None

    def add(self, piece: Any) -> None:
        """One more piece."""
        self.last = piece
        self.usage = usage_of(piece) or self.usage

    def reply(self, request: Request[Any]) -> Reply:
        """The whole stream as the core sees an answer."""
        if self.last is None:
            return Reply("")
        said = request.reply(self.last)
        return Reply(said.text, said.usage or self.usage, said.native, name=said.name)

    def text(self, request: Request[Any]) -> str:
        """What was said so far."""
        return "" if self.last is None else request.reply(self.last).text
