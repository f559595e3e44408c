"""One request as the server understood it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .reply import tokens


@dataclass(frozen=True)
class Request:
    """A parsed request; `headers` have lower-case names, and `path` starts after the base URL."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        if "prompt" in self.body:  # the older completions call
            return [{"role": "user", "content": self.body["prompt"]}]
        return list(self.body.get("messages", []))

    @property
    def n(self) -> int:
        return int(self.body.get("n") or 1)

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def stop(self) -> list[str]:
        stop = self.body.get("stop") or []
        return [stop] if isinstance(stop, str) else list(stop)

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The functions offered."""
        return [tool["function"] for tool in self.body.get("tools") or [] if tool.get("type") == "function"]

    @property
    def demands_call(self) -> bool:
        """Whether some tool must be called."""
        chosen = self.body.get("tool_choice")
        return chosen == "required" or isinstance(chosen, dict)

    @property
    def demands_structure(self) -> bool:
        """Whether prose is no answer: a forced tool call or JSON."""
        wanted = self.body.get("response_format") or {}
        return self.demands_call or wanted.get("type") in ("json_schema", "json_object")

    @property
    def text(self) -> str:
        """All messages, one a line."""
        return "\n".join(_text(message) for message in self.messages)

    @property
    def question(self) -> str:
        """The last user message."""
        return next((_text(message) for message in reversed(self.messages) if message["role"] == "user"), "")

    @property
    def asks_for_verdict(self) -> bool:
        """Whether this is a verification: its worked examples contain both verdicts."""
        text = self.text.lower()
        return self.asks_for_word or ("verdict: correct" in text and "verdict: incorrect" in text)

    @property
    def asks_for_word(self) -> bool:
        """Whether this is a verification in one word."""
        return any(
            f"reply with one word: {words}" in self.text.lower() for words in ("correct or incorrect", "yes or no")
        )

    @property
    def input_tokens(self) -> int:
        """What the prompt is billed as: the words of its messages and tools."""
        return tokens(self.text) + sum(tokens(json.dumps(tool)) for tool in self.tools)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in content)
