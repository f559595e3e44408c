"""Google's generateContent and streamGenerateContent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from tests.loopback import Reply
from tests.loopback import wire as plain

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
    contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels serviceTier
    store model
    """
)
CONFIG = words(
    """
    temperature topP topK candidateCount maxOutputTokens stopSequences seed responseMimeType responseSchema
    responseJsonSchema responseFormat responseLogprobs logprobs presencePenalty frequencyPenalty thinkingConfig
    responseModalities speechConfig mediaResolution audioTimestamp routingConfig imageConfig
    enableEnhancedCivicAnswers
    """
)
ENDINGS: dict[str | None, str | None] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}


class Google(Wire):
    """Strict about fields; a model called `gemini-3...` gives one candidate a request and says so without a name."""

    name = "google"
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "generationConfig.temperature",
        "max_tokens": "generationConfig.maxOutputTokens",
        "n": "generationConfig.candidateCount",
        "seed": "generationConfig.seed",
        "stop": "generationConfig.stopSequences",
        "response_format": "generationConfig.responseMimeType",
        "logprobs": "generationConfig.responseLogprobs",
    }
    gives_n = True

    def read(self, path: str, sent: Json) -> Json | None:
        match = re.search(r"models/([^/:]+):(generateContent|streamGenerateContent)$", path)
        if match is None:
            return None
        config = sent.get("generationConfig") or {}
        calling = (sent.get("toolConfig") or {}).get("functionCallingConfig") or {}
        names = calling.get("allowedFunctionNames") or []
        tools = [each for tool in sent.get("tools") or [] for each in tool.get("functionDeclarations") or []]
        wanted = config.get("responseJsonSchema") or config.get("responseSchema")
        json_only = {"type": "json_object"} if config.get("responseMimeType") == "application/json" else None
        demanded = chosen(names[0]) if len(names) == 1 else "required"
        asked = given(
            model=match[1],
            stream=match[2] == "streamGenerateContent",
            temperature=config.get("temperature"),
            max_tokens=config.get("maxOutputTokens"),
            n=config.get("candidateCount"),
            seed=config.get("seed"),
            stop=config.get("stopSequences"),
            logprobs=config.get("responseLogprobs"),
            cached_content=sent.get("cachedContent"),
            tools=[function(each["name"], _lower(_parameters(each))) for each in tools] or None,
            tool_choice={"ANY": demanded, "NONE": "none", "AUTO": "auto"}.get(str(calling.get("mode"))),
            response_format=schema(_lower(wanted)) if wanted else json_only,
        )
        messages: list[Json] = []
        if sent.get("systemInstruction"):
            messages.append({"role": "system", "content": _text(sent["systemInstruction"])})
        for content in sent.get("contents", []):
            messages += _read(content)
        return {**asked, "messages": messages}

    def lookup(self, method: str, path: str) -> Json | None:
        match = re.search(r"models/([^/:]+)$", path)
        if method != "GET" or match is None:
            return None
        limits = {"inputTokenLimit": 1_000_000, "outputTokenLimit": 65_536}
        methods = ["generateContent", "countTokens"]
        return {"name": f"models/{match[1]}", "supportedGenerationMethods": methods, **limits}

    def refusal(self, request: Asked) -> Refusal | None:
        config = request.sent.get("generationConfig") or {}
        for sent, known, where in ((request.sent, FIELDS, ""), (config, CONFIG, " at 'generation_config'")):
            field = unknown(sent, known)
            if field:
                return Refusal(f'Invalid JSON payload received. Unknown name "{field}"{where}: Cannot find field.')
        if request.sent.get("cachedContent") and any(request.sent.get(name) for name in ("systemInstruction", "tools")):
            return Refusal(
                "CachedContent can not be used with GenerateContent request setting system_instruction, tools or "
                "tool_config."
            )
        if request.n > 1 and request.model.startswith("gemini-3"):
            return Refusal("Multiple candidates is not enabled for this model")
        if request.n > 8:
            return Refusal(f"candidateCount must be between 1 and 8, got {request.n}")
        if config.get("responseLogprobs") and request.model.startswith("gemini-3"):
            return Refusal("Logprobs is not enabled for this model.")
        return None

    def thoughts(self, request: Asked) -> bool:
        return any(part.get("thought") for content in request.sent.get("contents", []) for part in content["parts"])

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        kinds = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
        return json.dumps(
            {"error": {"code": status, "message": message, "status": kinds.get(status, "UNKNOWN")}}
        ).encode()

    def whole(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Json:
        body = _frame(request, number, spent)
        if replies[0].no_choices:
            return {**body, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        shown = _thoughts_shown(request)
        body["candidates"] = [
            _candidate(index, _parts(reply, shown), ENDINGS.get(reply.ending, reply.ending)) | _likely(request, reply)
            for index, reply in enumerate(replies)
        ]
        return body

    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        reply = replies[0]
        frame = _frame(request, number, spent)

        def chunk(parts: list[Json], is_text: bool = False, ending: str | None = None) -> Part:
            return Part(sse({**frame, "candidates": [_candidate(0, parts, ending)]}), is_text)

        if reply.no_choices:
            yield Part(sse({**frame, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}))
            return
        if reply.reasoning and _thoughts_shown(request):
            yield chunk([{"text": reply.reasoning, "thought": True}])
        for piece in reply.cut():
            yield chunk([{"text": piece}], True)
        calls = [{"functionCall": {"name": name, "args": arguments(call)}} for name, call in reply.calls]
        if calls:
            yield chunk(calls, True)
        yield chunk([{"text": ""}], ending=ENDINGS.get(reply.ending, reply.ending))


def _thoughts_shown(request: Asked) -> bool:
    config = (request.sent.get("generationConfig") or {}).get("thinkingConfig") or {}
    return bool(config.get("includeThoughts") or config.get("include_thoughts"))  # it takes either spelling


def _parts(reply: Reply, thoughts: bool) -> list[Json]:
    parts: list[Json] = []
    if reply.reasoning and thoughts:
        parts.append({"text": reply.reasoning, "thought": True})
    if reply.text:
        parts.append({"text": reply.text})
    return parts + [{"functionCall": {"name": name, "args": arguments(call)}} for name, call in reply.calls]


def _candidate(index: int, parts: list[Json], ending: str | None) -> Json:
    body: Json = {"index": index, "content": {"role": "model", "parts": parts}}
    if not parts:
        body["content"] = {"role": "model"}
    if ending:
        body["finishReason"] = ending
    return body


def _likely(request: Asked, reply: Reply) -> Json:
    found = plain.logprobs(request, reply, reply.text)
    if not found:
        return {}

    def named(entry: Json) -> Json:
        return {"token": entry["token"], "logProbability": entry["logprob"]}

    entries = found["content"]
    tops = [{"candidates": [named(each) for each in entry["top_logprobs"]]} for entry in entries]
    return {"logprobsResult": {"chosenCandidates": [named(entry) for entry in entries], "topCandidates": tops}}


def _frame(request: Asked, number: int, spent: Spent) -> Json:
    body: Json = {"modelVersion": request.model, "responseId": f"response-{number}"}
    if spent.reported:
        counted: Json = {
            "promptTokenCount": spent.input,
            "candidatesTokenCount": spent.output - spent.thoughts,  # thoughts are counted apart
            "totalTokenCount": spent.total,
        }
        if spent.thoughts:
            counted["thoughtsTokenCount"] = spent.thoughts
        if spent.cached:
            counted["cachedContentTokenCount"] = spent.cached
        body["usageMetadata"] = counted
    return body


def _parameters(declared: Json) -> Any:
    return declared.get("parametersJsonSchema") or declared.get("parameters")


def _lower(schema: Any) -> Any:
    """Google's schemas write types in capitals; a JSON schema has them small."""
    if isinstance(schema, list):
        return [_lower(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else _lower(value)
        for key, value in schema.items()
    }


def _text(content: Json) -> str:
    return " ".join(part.get("text", "") for part in content.get("parts", []) if not part.get("thought"))


def _read(content: Json) -> list[Json]:
    results = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
    if results:
        return [{"role": "tool", "content": json.dumps(result.get("response"))} for result in results]
    role = "assistant" if content.get("role") == "model" else "user"
    return [{"role": role, "content": _text(content)}]
