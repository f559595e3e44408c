"""What listens to a stream."""

from __future__ import annotations

from typing import Any, Protocol

from .effects import Reply


class Meter(Protocol):
    """Finds while it passes what a stream amounts to."""

    def add(self, piece: Any) -> bool:
        """One more piece; True if it shows anything to the reader."""

    def reply(self) -> Reply:
        """The whole stream as the core sees an answer."""
