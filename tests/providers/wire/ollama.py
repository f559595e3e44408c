"""Ollama's `/api/chat`: settings under `options`, streams of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from tests.loopback import Reply
from tests.loopback import wire as plain

from .format import Asked, Json, Part, Refusal, Spent, Wire, arguments, function, given, schema


class Ollama(Wire):
    """Lenient, like the real one: an option it does not know is ignored; foreign roles and contents are refused."""

    name = "ollama"
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "options.temperature",
        "max_tokens": "options.num_predict",
        "seed": "options.seed",
        "stop": "options.stop",
        "response_format": "format",
    }
    stream_type = "application/x-ndjson"

    def read(self, path: str, sent: Json) -> Json | None:
        if path != "/api/chat":
            return None
        options = sent.get("options") or {}
        limit = options.get("num_predict")
        wanted = sent.get("format")
        asked = given(
            model=sent.get("model"),
            stream=sent.get("stream", True),
            temperature=options.get("temperature"),
            max_tokens=limit if limit is None or limit > 0 else None,  # -1 is no limit
            seed=options.get("seed"),
            stop=options.get("stop") or None,
            logprobs=sent.get("logprobs"),
            tools=[function(**tool["function"]) for tool in sent.get("tools") or []] or None,
            response_format=schema(wanted) if isinstance(wanted, dict) else {"type": "json_object"} if wanted else None,
        )
        return {**asked, "messages": [_read(message) for message in sent.get("messages", [])]}

    def lookup(self, method: str, path: str) -> Json | None:
        if path == "/api/tags":
            return {"models": []}
        if path == "/api/show":
            return {"details": {}, "model_info": {"general.architecture": "x", "x.context_length": 32768}}
        return None

    def refusal(self, request: Asked) -> Refusal | None:
        for message in request.sent.get("messages", []):
            if not isinstance(message.get("content", ""), str):
                return Refusal(
                    "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
                )
        return None

    def thoughts(self, request: Asked) -> bool:
        return any(message.get("thinking") for message in request.sent.get("messages", []))

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        return json.dumps({"error": message}).encode()

    def whole(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Json:
        reply = replies[0]
        message: Json = {"role": "assistant", "content": reply.text}
        if reply.reasoning:
            message["thinking"] = reply.reasoning
        if reply.calls:
            message["tool_calls"] = _calls(reply)
        return {**_frame(request), "message": message, **_likely(request, reply), **_ending(reply, spent)}

    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        reply = replies[0]

        def line(message: Json, is_text: bool = False, **fields: Any) -> Part:
            said = {"role": "assistant", "content": "", **message}
            body = {**_frame(request), "message": said, "done": False, **fields}
            return Part(json.dumps(body).encode() + b"\n", is_text)

        if reply.reasoning:
            yield line({"thinking": reply.reasoning})
        for piece in reply.cut():
            yield line({"content": piece}, True, **_likely(request, reply, piece))
        if reply.calls:
            yield line({"tool_calls": _calls(reply)}, True)
        yield line({}, **_ending(reply, spent))


def _likely(request: Asked, reply: Reply, text: str | None = None) -> Json:
    found = plain.logprobs(request, reply, reply.text if text is None else text)
    return {"logprobs": found["content"]} if found else {}


def _frame(request: Asked) -> Json:
    return {"model": request.model, "created_at": "2026-01-01T00:00:00.000000Z"}


def _calls(reply: Reply) -> list[Json]:
    return [{"function": {"name": name, "arguments": arguments(call)}} for name, call in reply.calls]


def _ending(reply: Reply, spent: Spent) -> Json:
    reason = "stop" if reply.ending == "tool_calls" else reply.ending
    end: Json = {"done": True, "done_reason": reason, "total_duration": 1, "load_duration": 1}
    if spent.reported:
        end |= {"prompt_eval_count": spent.input, "prompt_eval_duration": 1}
        end |= {"eval_count": spent.output, "eval_duration": 1}
    return end


def _read(message: Json) -> Json:
    return {"role": message["role"], "content": message.get("content") or ""}
