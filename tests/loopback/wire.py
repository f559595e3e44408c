"""The OpenAI wire format: one JSON body, or the events of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .reply import Reply, tokens
from .request import Request

Json = dict[str, Any]


def output_tokens(reply: Reply) -> int:
    """What one choice is billed as: the words of its text, reasoning and tool arguments, at least one."""
    if reply.output_tokens is not None:
        return reply.output_tokens
    words = tokens(reply.text) + tokens(reply.refusal or "") + tokens(reply.reasoning or "")
    return max(1, words + sum(1 + tokens(_arguments(arguments)) for _, arguments in reply.calls))


def usage(input_tokens: int, counted: int, replies: list[Reply]) -> Json:
    """The usage block."""
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": counted,
        "total_tokens": input_tokens + counted,
        "prompt_tokens_details": {
            "cached_tokens": sum(reply.cached_tokens for reply in replies[:1]),
            "audio_tokens": sum(reply.audio_tokens for reply in replies[:1]),
        },
        "completion_tokens_details": {
            "reasoning_tokens": sum(reply.reasoning_tokens for reply in replies),
            "audio_tokens": sum(reply.audio_tokens for reply in replies),
        },
    }


def whole(request: Request, replies: list[Reply], number: int, spent: Json | None) -> Json:
    """The body of an answer that is not streamed."""
    body: Json = _frame(request, number, "chat.completion")
    if request.path.endswith("/chat/completions"):
        body["choices"] = [_choice(request, index, reply, number) for index, reply in enumerate(replies)]
    else:
        body["object"] = "text_completion"
        body["choices"] = [
            {"index": index, "text": reply.text, "finish_reason": reply.ending, "logprobs": None}
            for index, reply in enumerate(replies)
        ]
    if replies[0].no_choices:
        body["choices"] = []
    if spent is not None:
        body["usage"] = spent
    return body


def deltas(request: Request, replies: list[Reply], number: int) -> Iterator[tuple[int, Json, bool]]:
    """The chunks of a stream as (choice, chunk, whether it carries a piece of text)."""
    chat = request.path.endswith("/chat/completions")

    def chunk(index: int, delta: Json, ending: str | None = None, likely: Json | None = None) -> Json:
        body = _frame(request, number, "chat.completion.chunk" if chat else "text_completion")
        choice: Json = {"index": index, "finish_reason": ending, "logprobs": likely}
        if chat:
            choice["delta"] = delta
        else:
            choice["text"] = delta.get("content", "")
        return {**body, "choices": [choice]}

    for index, reply in enumerate(replies):
        yield index, chunk(index, {"role": "assistant", "content": ""}), False
        if reply.reasoning:
            yield index, chunk(index, {"reasoning_content": reply.reasoning}), False
        for piece in reply.cut():
            yield index, chunk(index, {"content": piece}, likely=logprobs(request, reply, piece)), True
        if reply.refusal:
            yield index, chunk(index, {"refusal": reply.refusal}), True
        for place, (name, arguments) in enumerate(reply.calls):
            written = _arguments(arguments)
            half = len(written) // 2
            call = {"index": place, "id": f"call_{number}_{index}_{place}", "type": "function"}
            first = {**call, "function": {"name": name, "arguments": ""}}
            yield index, chunk(index, {"tool_calls": [first]}), False
            for part in (written[:half], written[half:]):
                more = {"index": place, "function": {"arguments": part}}
                yield index, chunk(index, {"tool_calls": [more]}), True
        yield index, chunk(index, {}, reply.ending), False


def event(body: Json | str) -> bytes:
    """One server-sent event."""
    return f"data: {body if isinstance(body, str) else json.dumps(body)}\n\n".encode()


def closing(request: Request, number: int, spent: Json) -> Json:
    """The chunk after the last, which carries the usage."""
    return {**_frame(request, number, "chat.completion.chunk"), "choices": [], "usage": spent}


def error(message: str, status: int, **fields: Any) -> bytes:
    """An error body."""
    kind = "rate_limit_error" if status == 429 else "invalid_request_error" if status < 500 else "server_error"
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None, **fields}}).encode()


def _frame(request: Request, number: int, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{number}",
        "object": kind,
        "created": 1,
        "model": request.model,
        "system_fingerprint": "loopback",
    }


def _choice(request: Request, index: int, reply: Reply, number: int) -> Json:
    message: Json = {"role": "assistant", "content": reply.text if reply.text or not reply.calls else None}
    if reply.refusal:
        message["refusal"] = reply.refusal
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{index}_{place}",
                "type": "function",
                "function": {"name": name, "arguments": _arguments(arguments)},
            }
            for place, (name, arguments) in enumerate(reply.calls)
        ]
    likely = logprobs(request, reply, reply.text)
    return {"index": index, "message": message, "finish_reason": reply.ending, "logprobs": likely}


def _arguments(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def logprobs(request: Request, reply: Reply, text: str) -> Json | None:
    """The log-probabilities of a text's words in OpenAI's form, if they were asked for."""
    if not request.body.get("logprobs"):
        return None
    table = dict(reply.logprobs or {})
    entries = []
    for word in text.split():
        likeliest = [{"token": token, "logprob": value, "bytes": None} for token, value in table.items()]
        entries.append({"token": word, "logprob": table.get(word, -0.05), "bytes": None, "top_logprobs": likeliest})
    return {"content": entries, "refusal": None}
