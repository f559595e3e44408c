"""Amazon Bedrock's Converse and ConverseStream."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import ClassVar

from tests.loopback import Reply

from .format import Asked, Json, Part, Refusal, Spent, Wire, arguments, chosen, function, given, schema, unknown, words

FIELDS = words(
    """
    messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables
    additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig
    """
)
ENDINGS: dict[str | None, str | None] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}
ERRORS = {
    400: "ValidationException",
    404: "ResourceNotFoundException",
    422: "ValidationException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


class Bedrock(Wire):
    """Strict about fields; streams are binary events."""

    name = "bedrock"
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "inferenceConfig.temperature",
        "max_tokens": "inferenceConfig.maxTokens",
        "stop": "inferenceConfig.stopSequences",
    }
    stream_type = "application/vnd.amazon.eventstream"

    def read(self, path: str, sent: Json) -> Json | None:
        match = re.search(r"/model/(.+)/(converse|converse-stream)$", path)
        if match is None:
            return None
        config = sent.get("inferenceConfig") or {}
        tooling = sent.get("toolConfig") or {}
        choice = tooling.get("toolChoice") or {}
        tools = [tool["toolSpec"] for tool in tooling.get("tools") or [] if "toolSpec" in tool]
        forced = "required" if "any" in choice else None
        wanted = _wanted(sent)
        asked = given(
            model=match[1],
            stream=match[2] == "converse-stream",
            temperature=config.get("temperature"),
            max_tokens=config.get("maxTokens"),
            stop=config.get("stopSequences") or None,
            tools=[function(tool["name"], tool["inputSchema"]["json"]) for tool in tools] or None,
            tool_choice=chosen(choice["tool"]["name"]) if "tool" in choice else forced,
            response_format=schema(wanted) if wanted else None,
        )
        messages: list[Json] = []
        if sent.get("system"):
            messages.append({"role": "system", "content": _text(sent["system"])})
        for message in sent.get("messages", []):
            messages += _read(message)
        return {**asked, "messages": messages}

    def refusal(self, request: Asked) -> Refusal | None:
        field = unknown(request.sent, FIELDS)
        if field:
            return Refusal(f"1 validation error detected: {field} is not permitted")
        for message in request.sent.get("messages", []):
            for block in message["content"]:
                if block.get("text") == "":
                    return Refusal("The text field in the ContentBlock object is blank.")
                signed = ((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("signature")
                if "reasoningContent" in block and not str(signed).startswith("sig-"):
                    return Refusal("Invalid `signature` in `thinking` block")
        return None

    def thoughts(self, request: Asked) -> bool:
        messages = request.sent.get("messages", [])
        return any("reasoningContent" in block for message in messages for block in message["content"])

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        return json.dumps({"message": message}).encode()

    def error_headers(self, status: int) -> dict[str, str]:
        return {"x-amzn-ErrorType": ERRORS.get(status, "InternalServerException")}

    def whole(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Json:
        reply = replies[0]
        body: Json = {
            "output": {"message": {"role": "assistant", "content": _content(reply, number)}},
            "stopReason": ENDINGS.get(reply.ending, reply.ending),
            "metrics": {"latencyMs": 1},
        }
        if spent.reported:
            body["usage"] = _usage(spent)
        return body

    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        reply = replies[0]
        yield Part(event("messageStart", {"role": "assistant"}))
        for index, block in enumerate(_content(reply, number)):
            at = {"contentBlockIndex": index}
            if "toolUse" in block:
                use = block["toolUse"]
                start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
                yield Part(event("contentBlockStart", {"start": start, **at}))
                delta: Json = {"toolUse": {"input": json.dumps(use["input"])}}
                yield Part(event("contentBlockDelta", {"delta": delta, **at}), True)
            elif "reasoningContent" in block:
                thought = block["reasoningContent"]["reasoningText"]
                for delta in ({"text": thought["text"]}, {"signature": thought["signature"]}):
                    yield Part(event("contentBlockDelta", {"delta": {"reasoningContent": delta}, **at}))
            else:
                for piece in reply.cut():
                    yield Part(event("contentBlockDelta", {"delta": {"text": piece}, **at}), True)
            yield Part(event("contentBlockStop", at))
        yield Part(event("messageStop", {"stopReason": ENDINGS.get(reply.ending, reply.ending)}))
        closing: Json = {"metrics": {"latencyMs": 1}}
        if spent.reported:
            closing["usage"] = _usage(spent)
        yield Part(event("metadata", closing))


def event(kind: str, body: Json) -> bytes:
    """One message of the event stream: lengths, headers, payload, each with its checksum."""
    fields = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in fields.items()
    )
    payload = json.dumps(body).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _content(reply: Reply, number: int) -> list[Json]:
    blocks: list[Json] = []
    if reply.reasoning:
        thought = {"text": reply.reasoning, "signature": f"sig-{number}"}
        blocks.append({"reasoningContent": {"reasoningText": thought}})
    if reply.text:
        blocks.append({"text": reply.text})
    for place, (name, call) in enumerate(reply.calls):
        use = {"toolUseId": f"tooluse_{number}_{place}", "name": name, "input": arguments(call)}
        blocks.append({"toolUse": use})
    return blocks


def _usage(spent: Spent) -> Json:
    return {
        "inputTokens": spent.input - spent.cached,
        "outputTokens": spent.output,
        "totalTokens": spent.total,
        "cacheReadInputTokens": spent.cached,
        "cacheWriteInputTokens": 0,
    }


def _wanted(sent: Json) -> Json | None:
    wanted = ((sent.get("outputConfig") or {}).get("textFormat") or {}).get("structure") or {}
    written = (wanted.get("jsonSchema") or {}).get("schema")
    found: Json | None = json.loads(written) if isinstance(written, str) else written
    return found


def _text(blocks: list[Json]) -> str:
    return " ".join(block["text"] for block in blocks if "text" in block)


def _read(message: Json) -> list[Json]:
    results = [block["toolResult"] for block in message["content"] if "toolResult" in block]
    if results:
        return [{"role": "tool", "content": _text(result["content"])} for result in results]
    return [{"role": message["role"], "content": _text(message["content"])}]
