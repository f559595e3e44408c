"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.loopback import Reply
from tests.loopback import wire as plain

from .format import Asked, Json, Part, Refusal, Spent, chosen, function, given, schema, sse, unknown, words

FIELDS = words(
    """
    model input instructions background context_management conversation include max_output_tokens max_tool_calls
    metadata moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options
    prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options temperature text
    tool_choice tools top_logprobs top_p truncation user
    """
)
LEAST = 16  # the smallest output limit taken


def read(sent: Json) -> Json:
    """The body in the terms of chat completions."""
    given_input: Any = sent.get("input") or []
    items = [{"role": "user", "content": given_input}] if isinstance(given_input, str) else given_input
    messages = [message for item in items for message in _messages(item)]
    if sent.get("instructions"):
        messages = [{"role": "system", "content": sent["instructions"]}, *messages]
    wanted = (sent.get("text") or {}).get("format") or {}
    choice = sent.get("tool_choice")
    tools = [tool for tool in sent.get("tools") or [] if tool.get("type") == "function"]
    asked = given(
        model=sent.get("model"),
        stream=sent.get("stream"),
        temperature=sent.get("temperature"),
        max_tokens=sent.get("max_output_tokens"),
        n=sent.get("n"),
        logprobs=sent.get("top_logprobs"),
        tools=[function(tool["name"], tool.get("parameters")) for tool in tools] or None,
        tool_choice=chosen(choice["name"]) if isinstance(choice, dict) and "name" in choice else choice,
        response_format=schema(wanted["schema"]) if wanted.get("type") == "json_schema" else None,
    )
    if wanted.get("type") == "json_object":
        asked["response_format"] = {"type": "json_object"}
    return {**asked, "messages": messages}


def refusal(request: Asked) -> Refusal | None:
    sent = request.sent
    field = unknown(sent, FIELDS)
    if field:
        return Refusal(f"Unknown parameter: '{field}'.", 400, field)
    limit = sent.get("max_output_tokens")
    if limit is not None and limit < LEAST:
        said = f"Expected a value >= {LEAST}, but got {limit} instead."
        return Refusal(f"Invalid 'max_output_tokens': integer below minimum value. {said}", 400, "max_output_tokens")
    reasons = request.model.startswith(("o1", "o3", "o4", "gpt-5"))
    if reasons and sent.get("temperature") not in (None, 1):
        return Refusal("Unsupported parameter: 'temperature' is not supported with this model.", 400, "temperature")
    given_input: Any = sent.get("input")
    for place, item in enumerate(given_input if isinstance(given_input, list) else []):
        content = item.get("content")
        for block in content if isinstance(content, list) else []:
            if not str(block.get("type")).startswith(
                ("input_", "output_", "refusal", "reasoning_text", "summary_text")
            ):
                said = f"Invalid value: '{block.get('type')}'. Supported values are: 'input_text', 'output_text'."
                return Refusal(said, 400, f"input[{place}].content")
    return None


def whole(request: Asked, reply: Reply, number: int, spent: Spent) -> Json:
    cut = reply.finish_reason in ("length", "content_filter")
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(reply.finish_reason or "")
    body = _frame(request, number, "incomplete" if cut else "completed")
    body["incomplete_details"] = {"reason": reason} if cut else None
    body["output"] = _output(reply, number)
    body["usage"] = _usage(spent)
    return body


def parts(request: Asked, reply: Reply, number: int, spent: Spent) -> Iterator[Part]:
    order = iter(range(1_000_000))

    def event(kind: str, is_text: bool = False, **fields: Any) -> Part:
        return Part(sse({"type": kind, "sequence_number": next(order), **fields}, kind), is_text)

    started = _frame(request, number, "in_progress")
    yield event("response.created", response=started)
    yield event("response.in_progress", response=started)
    for place, item in enumerate(_output(reply, number)):
        at: Json = {"item_id": item["id"], "output_index": place}
        if item["type"] == "message":
            yield event("response.output_item.added", output_index=place, item={**item, "content": []})
            content = item["content"][0]
            at["content_index"] = 0
            empty = {**content, "text": ""} if content["type"] == "output_text" else {**content, "refusal": ""}
            yield event("response.content_part.added", part=empty, **at)
            if content["type"] == "output_text":
                for piece in reply.cut():
                    yield event("response.output_text.delta", True, delta=piece, logprobs=[], **at)
                yield event("response.output_text.done", text=reply.text, logprobs=[], **at)
            else:
                yield event("response.refusal.delta", True, delta=content["refusal"], **at)
                yield event("response.refusal.done", refusal=content["refusal"], **at)
            yield event("response.content_part.done", part=content, **at)
        elif item["type"] == "function_call":
            yield event("response.output_item.added", output_index=place, item={**item, "arguments": ""})
            yield event("response.function_call_arguments.delta", True, delta=item["arguments"], **at)
            yield event("response.function_call_arguments.done", arguments=item["arguments"], name=item["name"], **at)
        else:
            yield event("response.output_item.added", output_index=place, item={**item, "summary": []})
            for index, each in enumerate(item["summary"]):
                at["summary_index"] = index
                yield event("response.reasoning_summary_part.added", part={**each, "text": ""}, **at)
                yield event("response.reasoning_summary_text.delta", delta=each["text"], **at)
                yield event("response.reasoning_summary_text.done", text=each["text"], **at)
                yield event("response.reasoning_summary_part.done", part=each, **at)
        yield event("response.output_item.done", output_index=place, item=item)
    done = whole(request, reply, number, spent)
    yield event(f"response.{done['status']}", response=done)


def _output(reply: Reply, number: int) -> list[Json]:
    items: list[Json] = []
    if reply.reasoning:
        summary = [{"type": "summary_text", "text": reply.reasoning}]
        items.append({"type": "reasoning", "id": f"rs_{number}", "summary": summary})
    if reply.refusal:
        said: Json | None = {"type": "refusal", "refusal": reply.refusal}
    elif reply.text:
        said = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
    else:
        said = None
    if said is not None:
        status = "incomplete" if reply.finish_reason == "length" else "completed"
        message = {"type": "message", "id": f"msg_{number}", "status": status, "role": "assistant", "content": [said]}
        items.append(message)
    for place, (name, call) in enumerate(reply.calls):
        about = {"id": f"fc_{number}_{place}", "call_id": f"call_{number}_{place}", "status": "completed"}
        items.append({"type": "function_call", "name": name, "arguments": plain._arguments(call), **about})
    return items


def _frame(request: Asked, number: int, status: str) -> Json:
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": request.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": request.sent.get("temperature"),
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "max_output_tokens": request.sent.get("max_output_tokens"),
        "usage": None,
    }


def _usage(spent: Spent) -> Json | None:
    if not spent.reported:
        return None
    return {
        "input_tokens": spent.input,
        "input_tokens_details": {"cached_tokens": spent.cached, "cache_write_tokens": 0},
        "output_tokens": spent.output,
        "output_tokens_details": {"reasoning_tokens": spent.thoughts},
        "total_tokens": spent.total,
    }


def _messages(item: Json) -> Iterator[Json]:
    kind = item.get("type", "message")
    if kind == "function_call_output":
        yield {"role": "tool", "content": str(item.get("output"))}
    elif kind == "message":
        yield {"role": item["role"], "content": item.get("content")}
