"""What the server answers to one request, faults included."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


def tokens(text: str) -> int:
    """The server's tokens: words."""
    return len(text.split())


def pieces(text: str) -> list[str]:
    """How the server cuts a text into streamed tokens: a word with the space after it."""
    return re.findall(r"\S+\s*|\s+", text)


class Gate:
    """Lets one streamed piece through at a time: piece i + 1 leaves only after `open()` was called i + 1 times.

    A client that calls `open()` when piece i arrived proves that piece i reached it before piece i + 1 was sent. One
    that holds pieces back starves the server, which then gives up and sets `starved`.
    """

    def __init__(self, patience: float = 5.0) -> None:
        self.patience = patience
        self.sent = 0
        self.starved = False
        self._free = threading.Semaphore(0)

    def open(self) -> None:
        """Let one more piece through."""
        self._free.release()

    def wait(self, left: Callable[[], bool]) -> bool:
        """Wait for the next `open()`; False if the client left or nobody opened in time."""
        step = 0.02
        for _ in range(int(self.patience / step)):
            if self._free.acquire(timeout=step):
                return True
            if left():
                return False
        self.starved = True
        return False


@dataclass(frozen=True)
class Reply:
    """One answer, or one fault.

    `calls` are tool calls, name and arguments (a dict, or a string sent as it stands). `input_tokens` and
    `output_tokens` replace the counted ones. Faults: `status` other than 200 with `error` and `headers`; `body` sent
    in place of JSON; `reset` before a byte, or `cut_after` streamed pieces; `delay` seconds before the answer;
    `pause` seconds between pieces.
    """

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any] | str], ...] = ()
    finish_reason: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    pieces: tuple[str, ...] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    usage: bool = True
    logprobs: Mapping[str, float] | None = None
    status: int = 200
    error: str = "the server was told to fail"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    no_choices: bool = False
    reset: bool = False
    cut_after: int | None = None
    delay: float = 0.0
    pause: float = 0.0
    gate: Gate | None = None

    @property
    def ending(self) -> str | None:
        """The finish reason sent; "none" sends null, as no whole answer has it."""
        return None if self.finish_reason == "none" else self.finish_reason or ("tool_calls" if self.calls else "stop")

    @property
    def faulty(self) -> bool:
        """Whether no answer is sent at all."""
        return self.status != 200 or self.body is not None or self.reset

    def cut(self) -> list[str]:
        """The text as streamed pieces."""
        return list(self.pieces) if self.pieces is not None else pieces(self.text)

    def stopped(self, stop: list[str]) -> Reply:
        """This reply ended before the first stop sequence, as a provider does."""
        places = [place for place in (self.text.find(word) for word in stop if word) if place >= 0]
        if not places:
            return self
        return replace(self, text=self.text[: min(places)], pieces=None, finish_reason="stop")
