"""Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from tests.loopback import Reply

from .format import (
    Asked,
    Json,
    Part,
    Refusal,
    Spent,
    Wire,
    arguments,
    chosen,
    function,
    given,
    schema,
    sse,
    unknown,
    words,
)

FIELDS = words(
    """
    model messages max_tokens cache_control container context_management inference_geo mcp_servers metadata
    output_config output_format service_tier speed stop_sequences stream system temperature thinking tool_choice
    tools top_k top_p betas
    """
)
BLOCKS = words(
    """
    text image document search_result thinking redacted_thinking tool_use tool_result server_tool_use
    web_search_tool_result container_upload
    """
)
ENDINGS: dict[str | None, str | None] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


class Anthropic(Wire):
    """Strict about fields, blocks, and what thinking demands."""

    name = "anthropic"
    names: ClassVar[Mapping[str, str]] = {"stop": "stop_sequences", "response_format": "output_config"}

    def read(self, path: str, sent: Json) -> Json | None:
        if not path.endswith("/v1/messages"):
            return None
        messages = [{"role": "system", "content": sent["system"]}] if sent.get("system") else []
        for message in sent.get("messages", []):
            messages += _read(message)
        wanted = (sent.get("output_config") or {}).get("format") or sent.get("output_format") or {}
        choice = sent.get("tool_choice") or {}
        tools = [function(tool["name"], tool.get("input_schema")) for tool in sent.get("tools") or []]
        demanded = {"any": "required", "none": "none", "auto": "auto"}.get(str(choice.get("type")))
        asked = given(
            model=sent.get("model"),
            stream=sent.get("stream"),
            temperature=sent.get("temperature"),
            max_tokens=sent.get("max_tokens"),
            stop=sent.get("stop_sequences"),
            tools=tools or None,
            tool_choice=chosen(choice["name"]) if choice.get("type") == "tool" else demanded,
            response_format=schema(wanted["schema"]) if wanted.get("schema") else None,
        )
        return {**asked, "messages": messages}

    def refusal(self, request: Asked) -> Refusal | None:
        sent = request.sent
        field = unknown(sent, FIELDS)
        if field:
            return Refusal(f"{field}: Extra inputs are not permitted", 400, field)
        if sent.get("max_tokens") is None:
            return Refusal("max_tokens: Field required")
        if not 0 <= (sent.get("temperature") or 0) <= 1:
            return Refusal("temperature: range: 0..1")
        thinking = sent.get("thinking") or {}
        if thinking.get("type") == "enabled":
            budget = thinking["budget_tokens"]
            where = "Please consult the documentation on extended thinking."
            if sent["max_tokens"] <= budget:
                return Refusal(f"`max_tokens` must be greater than `thinking.budget_tokens`. {where}")
            if budget < 1024:
                said = "Input should be greater than or equal to 1024"
                return Refusal(f"thinking.enabled.budget_tokens: {said}")
        if thinking.get("type") in ("enabled", "adaptive"):
            if sent.get("temperature") not in (None, 1):
                return Refusal("`temperature` may only be set to 1 when thinking is enabled.")
            if (sent.get("tool_choice") or {}).get("type") in ("any", "tool"):
                return Refusal("Thinking may not be enabled when tool_choice forces tool use.")
        for place, message in enumerate(sent.get("messages", [])):
            wrong = _wrong(message)
            if wrong:
                return Refusal(f"messages.{place}.content{wrong}")
        return None

    def thoughts(self, request: Asked) -> bool:
        return any(
            block.get("type") in ("thinking", "redacted_thinking")
            for message in request.sent.get("messages", [])
            for block in _blocks(message.get("content"))
        )

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        kinds = {429: "rate_limit_error", 404: "not_found_error", 503: "overloaded_error", 529: "overloaded_error"}
        kind = kinds.get(status, "invalid_request_error" if status < 500 else "api_error")
        return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()

    def whole(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Json:
        reply = replies[0]
        body = _frame(request, number)
        body["content"] = _content(reply, number, thoughts_shown(request))
        body["stop_reason"] = ENDINGS.get(reply.ending, reply.ending)
        body["usage"] = _usage(spent)
        return body

    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        reply = replies[0]

        def event(kind: str, is_text: bool = False, **fields: Any) -> Part:
            return Part(sse({"type": kind, **fields}, kind), is_text)

        yield event(
            "message_start", message={**_frame(request, number), "usage": {**_usage(spent), "output_tokens": 1}}
        )
        yield event("ping")
        for index, block in enumerate(_content(reply, number, thoughts_shown(request))):
            kind = block["type"]
            empty: Json = {
                "thinking": {"type": "thinking", "thinking": "", "signature": ""},
                "text": {"type": "text", "text": ""},
                "tool_use": {**block, "input": {}},
            }[kind]
            yield event("content_block_start", index=index, content_block=empty)
            if kind == "text":
                for piece in reply.cut():
                    yield event("content_block_delta", True, index=index, delta={"type": "text_delta", "text": piece})
            elif kind == "thinking":
                for delta in (
                    {"type": "thinking_delta", "thinking": block["thinking"]},
                    {"type": "signature_delta", "signature": block["signature"]},
                ):
                    yield event("content_block_delta", index=index, delta=delta)
            else:
                written = json.dumps(block["input"])
                for half in (written[: len(written) // 2], written[len(written) // 2 :]):
                    delta = {"type": "input_json_delta", "partial_json": half}
                    yield event("content_block_delta", True, index=index, delta=delta)
            yield event("content_block_stop", index=index)
        ending = {"stop_reason": ENDINGS.get(reply.ending, reply.ending), "stop_sequence": None}
        yield event("message_delta", delta=ending, usage=_usage(spent))
        yield event("message_stop")


def thoughts_shown(request: Asked) -> bool:
    """Whether the request has thinking switched on, without which no thoughts are shown."""
    return (request.sent.get("thinking") or {}).get("type") in ("enabled", "adaptive")


def _content(reply: Reply, number: int, thinking: bool) -> list[Json]:
    blocks: list[Json] = []
    if reply.reasoning and thinking:
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": f"sig-{number}"})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    for place, (name, call) in enumerate(reply.calls):
        blocks.append({"type": "tool_use", "id": f"toolu_{number}_{place}", "name": name, "input": arguments(call)})
    return blocks


def _frame(request: Asked, number: int) -> Json:
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(spent: Spent) -> Json:
    return {
        "input_tokens": spent.input - spent.cached,  # what was read from the cache is counted apart
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": spent.cached,
        "output_tokens": spent.output,
    }


def _blocks(content: Any) -> list[Json]:
    return content if isinstance(content, list) else []


def _read(message: Json) -> list[Json]:
    results = [block for block in _blocks(message["content"]) if block.get("type") == "tool_result"]
    if results:
        return [{"role": "tool", "content": block.get("content")} for block in results]
    return [{"role": message["role"], "content": message["content"]}]


def _wrong(message: Json) -> str | None:
    """What is wrong with a message's blocks, after `messages.N.content`."""
    for place, block in enumerate(_blocks(message.get("content"))):
        kind = block.get("type")
        if kind not in BLOCKS:
            tags = ", ".join(f"'{tag}'" for tag in sorted(BLOCKS))
            return f".{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        if kind == "thinking" and not str(block.get("signature", "")).startswith("sig-"):
            return f".{place}: Invalid `signature` in `thinking` block"
        if kind == "text" and not block.get("text"):
            return f".{place}: text content blocks must be non-empty"
    if message.get("content") in ("", []):
        return ": text content must be non-empty"
    return None
