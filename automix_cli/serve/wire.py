"""OpenAI's chat completions on the wire: what is asked, what is answered, and how errors look."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from automix_core.checking.finish import problem as problem_of

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

_PASSED = (
    *("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "logit_bias", "response_format", "user"),
    *("reasoning_effort", "parallel_tool_calls", "service_tier", "metadata"),
)
"""Settings that go to the models as they are."""
_ENDED = {"cut off": "length", "filtered": "content_filter"}
"""OpenAI's words for what can be wrong with an answer's end."""


class StreamOptions(BaseModel):
    """What a stream tells beside the answer."""

    include_usage: bool = False


class ChatBody(BaseModel):
    """A request for a chat completion: OpenAI's own fields, and three of AutoMix's.

    `automix_context` is what was retrieved, a text or a list of texts, `automix_question` the question if the last
    message is not it, `automix_coin` a number in [0, 1) for mixtures. OpenAI's other settings go to the models.
    """

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[dict[str, Any]] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    automix_context: str | list[str] | None = None
    automix_question: str | None = None
    automix_coin: float | None = Field(default=None, ge=0, lt=1)

    def settings(self) -> dict[str, Any]:
        """What the cascade is called with beside the messages."""
        found: dict[str, Any] = {name: value for name, value in (self.model_extra or {}).items() if name in _PASSED}
        found = {name: value for name, value in found.items() if value is not None}
        if (most := self.max_completion_tokens or self.max_tokens) is not None:
            found["max_tokens"] = most
        if self.stop is not None:
            found["stop"] = [self.stop] if isinstance(self.stop, str) else self.stop
        if self.tools:
            found["tools"] = self.tools
            if self.tool_choice is not None:
                found["tool_choice"] = self.tool_choice
        for name in ("automix_context", "automix_question", "automix_coin"):
            if (value := getattr(self, name)) is not None:
                found[name] = value
        return found


def completion(identity: str, model: str, message: AIMessage) -> dict[str, Any]:
    """A whole answer. The route stands in the field `automix`."""
    said: dict[str, Any] = {"role": "assistant", "content": text_of(message), "refusal": None}
    if calls := tool_calls(message):
        said |= {"tool_calls": calls, "content": said["content"] or None}
    choice = {"index": 0, "message": said, "finish_reason": finish_reason(message), "logprobs": None}
    return {
        **_head(identity, "chat.completion", model),
        "choices": [choice],
        "usage": usage(message.usage_metadata),
        "automix": message.response_metadata.get("automix"),
    }


def piece(
    identity: str, model: str, delta: Mapping[str, Any], finish: str | None = None, **more: Any
) -> dict[str, Any]:
    """One piece of a stream."""
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish, "logprobs": None}
    return {**_head(identity, "chat.completion.chunk", model), "choices": [choice], **more}


def closing(identity: str, model: str, spent: Mapping[str, Any] | None) -> dict[str, Any]:
    """The piece behind the last one, with the usage, for clients that asked for it."""
    return {**_head(identity, "chat.completion.chunk", model), "choices": [], "usage": usage(spent)}


def _head(identity: str, kind: str, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{identity}", "object": kind, "created": int(time.time()), "model": model}


def text_of(message: AIMessage) -> str:
    """The text of a message, without blocks that are none."""
    return str(message.text)


def tool_calls(message: AIMessage) -> list[dict[str, Any]]:
    """A message's tool calls, as OpenAI writes them; those whose arguments are no JSON as the model wrote them."""
    from json import dumps

    found = [(call["id"], call["name"], dumps(call["args"], ensure_ascii=False)) for call in message.tool_calls]
    found += [(call["id"], call["name"] or "", call["args"] or "") for call in message.invalid_tool_calls]
    return [
        {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}
        for identity, name, arguments in found
    ]


def call_pieces(chunks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Pieces of tool calls in a stream."""
    found = []
    for chunk in chunks:
        named = {key: chunk[of] for key, of in (("name", "name"), ("arguments", "args")) if chunk.get(of)}
        known = {"id": chunk["id"], "type": "function"} if chunk.get("id") else {}
        found.append({"index": chunk.get("index") or 0, **known, "function": named})
    return found


def finish_reason(message: AIMessage) -> str:
    """Why the answer ended, in OpenAI's words."""
    if message.tool_calls or message.invalid_tool_calls:
        return "tool_calls"
    said = message.response_metadata.get("finish_reason")
    return _ENDED.get(problem_of(message.text or "-", None if said is None else str(said)), "stop")


def usage(spent: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """All the tokens of the call, checks included; null where a provider reported none."""
    if spent is None:
        return None
    cached = (spent.get("input_token_details") or {}).get("cache_read")
    found: dict[str, Any] = {
        "prompt_tokens": spent["input_tokens"],
        "completion_tokens": spent["output_tokens"],
        "total_tokens": spent["total_tokens"],
    }
    return found if cached is None else {**found, "prompt_tokens_details": {"cached_tokens": cached}}


def problem(message: str, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """An error in OpenAI's own form."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
