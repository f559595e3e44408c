"""Mistral's chat completions: OpenAI's in form, strict about every field, with names and blocks of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from tests.loopback import Reply
from tests.loopback import wire as plain

from .format import Asked, Json, Part, Refusal, Spent, unknown, words
from .openai import OpenAILike, _kinds

FIELDS = words(
    """
    model messages temperature top_p max_tokens stream stop random_seed metadata response_format tools
    tool_choice presence_penalty frequency_penalty n prediction parallel_tool_calls prompt_mode reasoning_effort
    guardrails safe_prompt prompt_cache_key
    """
)
BLOCKS = {"text", "image_url", "document_url", "reference", "file", "thinking", "input_audio"}
MESSAGE = words(
    """
    role content tool_calls prefix tool_call_id name
    """
)


class Mistral(OpenAILike):
    """The server of Mistral; the usage comes with a stream's last chunk, unasked."""

    name = "mistral"
    names: ClassVar[Mapping[str, str]] = {"seed": "random_seed"}
    gives_n = True

    def read(self, path: str, sent: Json) -> Json | None:
        if not path.endswith("/chat/completions"):
            return None
        body = {key: value for key, value in sent.items() if value is not None and key != "random_seed"}
        if sent.get("random_seed") is not None:
            body["seed"] = sent["random_seed"]
        if body.get("tool_choice") == "any":
            body["tool_choice"] = "required"
        body["messages"] = [_without_thoughts(message) for message in sent.get("messages", [])]
        return body

    def refusal(self, request: Asked) -> Refusal | None:
        field = unknown(request.sent, FIELDS)
        if field:
            return Refusal("Extra inputs are not permitted", 422, field)
        messages = request.sent.get("messages", [])
        for message in messages:
            field = unknown(message, MESSAGE)
            if field and message[field] is not None:
                return Refusal("Extra inputs are not permitted", 422, f"messages.{field}")
            for block in message.get("content") if isinstance(message.get("content"), list) else []:
                if block.get("type") not in BLOCKS:
                    return Refusal(
                        f"Input tag '{block.get('type')}' does not match any of the expected tags", 422, "content"
                    )
                if "signature" in block or (block["type"] == "thinking" and not isinstance(block["thinking"], list)):
                    return Refusal("Extra inputs are not permitted", 422, "content.signature")
        last = messages[-1] if messages else {}
        if last.get("role") not in ("user", "tool") and not last.get("prefix"):
            said = "Expected last role User or Tool (or Assistant with prefix True) for serving but got"
            return Refusal(f"{said} {last.get('role')}")
        return None

    def thoughts(self, request: Asked) -> bool:
        messages = request.sent.get("messages", [])
        return any(kind == "thinking" for message in messages for kind in _kinds(message))

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        if status == 422:
            said = {"type": "extra_forbidden", "loc": ["body", setting], "msg": message, "input": None}
            return json.dumps(
                {"object": "error", "message": {"detail": [said]}, "type": "invalid_request_error"}
            ).encode()
        kind = "rate_limited" if status == 429 else "invalid_request_error"
        return json.dumps(
            {"object": "error", "message": message, "type": kind, "param": setting, "code": None}
        ).encode()

    def whole(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Json:
        body = super().whole(request, replies, number, spent)
        for choice in body["choices"]:
            choice.pop("logprobs", None)
            choice["message"]["content"] = choice["message"].get("content") or ""  # beside tool calls too
            self._think(choice["message"])
        return body

    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        usage = self._usage(spent, replies)
        for _, chunk, is_text in plain.deltas(request, replies, number):
            (choice,) = chunk["choices"]
            choice.pop("logprobs", None)
            self._think(choice["delta"])
            if choice["finish_reason"] and usage is not None:
                chunk["usage"] = usage
            yield Part(plain.event(chunk), is_text)
        yield Part(plain.event("[DONE]"))

    def _usage(self, spent: Spent, replies: list[Reply]) -> Json | None:
        if not spent.reported:
            return None
        return {"prompt_tokens": spent.input, "completion_tokens": spent.output, "total_tokens": spent.total}

    def _think(self, message: Json) -> None:
        """Thoughts are blocks before the text here."""
        thoughts = message.pop("reasoning_content", None)
        if thoughts:
            blocks: list[Json] = [{"type": "thinking", "thinking": [{"type": "text", "text": thoughts}]}]
            if message.get("content"):
                blocks.append({"type": "text", "text": message["content"]})
            message["content"] = blocks


def _without_thoughts(message: Json) -> Json:
    content: Any = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [block for block in content if block.get("type") != "thinking"]}
