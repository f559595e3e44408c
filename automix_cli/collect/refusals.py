"""What a run says when a server refuses a part of a request; the rules are those of all sampling, in core."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from automix_core.checking.refusal import Memory

_TOLD = {
    "temperature": "refuses a temperature; it is asked without one",
    "max_tokens": "refuses max_tokens; it is asked without a limit",
    "n": "gives one reply a request; checks are separate requests, which read the prompt again",
    "logprobs": "refuses log-probabilities; its drafts' token signals are missing",
    "system": "has no system role; instructions stand in front of the first user turn",
}
_UNTOLD = "gives no log-probabilities; its drafts' token signals are missing"


class Notes:
    """Says each refusal in a sentence, once a server."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def refused(self, memory: Memory, url: str, names: Iterable[str]) -> None:
        """The server at `url` refuses these settings."""
        for name in sorted(names):
            if memory.first(name):
                self._note(f"{url} {_TOLD[name]}")

    def untold(self, memory: Memory, url: str) -> None:
        """The server gave no log-probabilities though it was asked, and is not asked for them again."""
        memory.forgo({"logprobs"})
        if memory.first("logprobs"):
            self._note(f"{url} {_UNTOLD}")
