"""OpenAI's chat completions and Responses, and the dialects of those who speak alike, each with its own refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from tests.loopback import Reply
from tests.loopback import wire as plain

from . import responses
from .format import Asked, Json, Part, Refusal, Spent, Wire, unknown, words

FIELDS = words(
    """
    model messages audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
    max_tokens metadata modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key
    prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed
    service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user
    verbosity web_search_options
    """
)
BLOCKS = {"text", "image_url", "input_audio", "file", "refusal"}


class OpenAILike(Wire):
    """A lenient server, as vLLM and its kin: what it does not know it ignores, and it gives n choices."""

    name = "openai-like"
    names: ClassVar[Mapping[str, str]] = {
        "max_tokens": "max_tokens",
        "response_format": "response_format",
        "seed": "seed",
        "stop": "stop",
    }
    gives_n = True
    thoughts_in = "reasoning_content"
    """Where an answer's reasoning stands."""
    usage_always = False
    """Whether a stream ends with the usage unasked."""

    def read(self, path: str, sent: Json) -> Json | None:
        if path.endswith("/responses"):
            return responses.read(sent)
        if not path.endswith("/completions"):
            return None
        limit = sent.get("max_completion_tokens", sent.get("max_tokens"))
        return sent if limit is None else {**sent, "max_tokens": limit}

    def place(self, request: Asked, setting: str) -> str:
        limits = ("max_output_tokens", "max_completion_tokens")
        found = next((name for name in limits if name in request.sent), None)
        return found if setting == "max_tokens" and found else super().place(request, setting)

    def lookup(self, method: str, path: str) -> Json | None:
        return {"object": "list", "data": []} if method == "GET" and path.endswith("/models") else None

    def whole(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Json:
        if request.path.endswith("/responses"):
            return responses.whole(request, replies[0], number, spent)
        body = plain.whole(request, replies, number, self._usage(spent, replies))
        for choice in body["choices"]:
            self._rename(choice.get("message") or {})
        return body

    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        if request.path.endswith("/responses"):
            yield from responses.parts(request, replies[0], number, spent)
            return
        for _, chunk, is_text in plain.deltas(request, replies, number):
            self._rename(chunk["choices"][0].get("delta") or {})
            yield Part(plain.event(chunk), is_text)
        usage = self._usage(spent, replies)
        asked_for = (request.sent.get("stream_options") or {}).get("include_usage")
        if usage is not None and (asked_for or self.usage_always):
            yield Part(plain.event(plain.closing(request, number, usage)))
        yield Part(plain.event("[DONE]"))

    def thoughts(self, request: Asked) -> bool:
        return any(
            message.get("reasoning_content")
            or message.get("reasoning")
            or message.get("type") == "reasoning"
            or any(kind not in BLOCKS and kind not in ("input_text", "output_text") for kind in _kinds(message))
            for message in request.sent.get("messages") or request.sent.get("input") or []
            if isinstance(message, dict) and message.get("role") in (None, "assistant")
        )

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        return plain.error(message, status, param=setting)

    def _usage(self, spent: Spent, replies: list[Reply]) -> Json | None:
        if not spent.reported:
            return None
        usage = plain.usage(spent.input, spent.output, replies)
        usage["completion_tokens_details"]["reasoning_tokens"] = spent.thoughts
        return usage

    def _rename(self, message: Json) -> None:
        if "reasoning_content" in message and self.thoughts_in != "reasoning_content":
            message[self.thoughts_in] = message.pop("reasoning_content")


class OpenAI(OpenAILike):
    """OpenAI itself: strict about fields, block types and settings; a model called `o4-...` or `gpt-5...` reasons."""

    name = "openai"

    def whole(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Json:
        body = super().whole(request, replies, number, spent)
        if not request.path.endswith("/responses"):
            for choice in body["choices"]:
                choice.get("message", {}).pop("reasoning_content", None)  # its chat completions show no thoughts
        return body

    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        for part in super().parts(request, replies, number, spent):
            if b'"reasoning_content"' not in part.data:
                yield part

    def refusal(self, request: Asked) -> Refusal | None:
        sent = request.sent
        if request.path.endswith("/responses"):
            return responses.refusal(request)
        field = unknown(sent, FIELDS)
        if field:
            return Refusal(f"Unrecognized request argument supplied: {field}", 400, None)
        if sent.get("max_tokens") is not None and sent.get("max_completion_tokens") is not None:
            both = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
            return Refusal(both, 400, "max_tokens")
        for message in sent.get("messages", []):
            for kind in _kinds(message):
                if kind not in BLOCKS:
                    return Refusal(
                        f"Invalid value: '{kind}'. Supported values are: 'text', 'image_url'.", 400, "messages"
                    )
        return reasons(request)


def reasons(request: Asked) -> Refusal | None:
    """What OpenAI's reasoning models refuse."""
    sent = request.sent
    if not request.model.startswith(("o1", "o3", "o4", "gpt-5")):
        return None
    if sent.get("max_tokens") is not None:
        other = "Use 'max_completion_tokens' instead."
        message = f"Unsupported parameter: 'max_tokens' is not supported with this model. {other}"
        return Refusal(message, 400, "max_tokens")
    if sent.get("temperature") not in (None, 1):
        message = (
            "Unsupported value: 'temperature' does not support this value. Only the default (1) value is supported."
        )
        return Refusal(message, 400, "temperature")
    for name in ("top_p", "logprobs", "presence_penalty", "frequency_penalty", "stop"):
        if sent.get(name) is not None:
            return Refusal(f"Unsupported parameter: '{name}' is not supported with this model.", 400, name)
    return None


class Azure(OpenAI):
    """OpenAI's models behind Azure's paths."""

    name = "azure"


class DeepSeek(OpenAILike):
    """DeepSeek: one choice a request, said in a 400; its reasoning stands beside the text."""

    name = "deepseek"
    gives_n = False

    def refusal(self, request: Asked) -> Refusal | None:
        if request.n > 1:
            return Refusal("Invalid n value (currently only n = 1 is supported)")
        return None

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        said = {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_request_error"}
        return json.dumps({"error": said}).encode()


class Groq(OpenAILike):
    """Groq: strict about fields, no n, no log-probabilities; the usage stands in `x_groq` of a stream's last chunk."""

    name = "groq"
    gives_n = False
    thoughts_in = "reasoning"
    known = FIELDS | words(
        """
    citation_options compound_custom disable_tool_validation documents exclude_domains include_domains
    include_reasoning reasoning_format search_settings
    """
    )

    def refusal(self, request: Asked) -> Refusal | None:
        field = unknown(request.sent, self.known)
        if field:
            return Refusal(f"property '{field}' is unsupported, did you mean 'user'?")
        if request.n > 1:
            return Refusal(f"'n' : number must be at most 1 but got {request.n}", 400, "n")
        if request.sent.get("logprobs"):
            return Refusal("`logprobs` is not supported with this model", 400, "logprobs")
        for place, message in enumerate(request.sent.get("messages", [])):
            for field in ("reasoning_content", "thinking", "signature"):
                if field in message:
                    said = f"'messages.{place}' : for 'role:{message['role']}' the following must be satisfied"
                    return Refusal(f"{said}[property '{field}' is unsupported]")
        return None

    def parts(self, request: Asked, replies: list[Reply], number: int, spent: Spent) -> Iterator[Part]:
        usage = self._usage(spent, replies)
        for _, chunk, is_text in plain.deltas(request, replies, number):
            self._rename(chunk["choices"][0]["delta"])
            if chunk["choices"][0]["finish_reason"] and usage is not None:
                chunk["x_groq"] = {"id": f"req_{number}", "usage": usage}
            yield Part(plain.event(chunk), is_text)
        if usage is not None and (request.sent.get("stream_options") or {}).get("include_usage"):
            yield Part(plain.event(plain.closing(request, number, usage)))
        yield Part(plain.event("[DONE]"))


class OpenRouter(OpenAILike):
    """OpenRouter: unknown fields are ignored, n too; the usage comes unasked, with the cost."""

    name = "openrouter"
    gives_n = False
    thoughts_in = "reasoning"
    usage_always = True

    def error(self, message: str, status: int, setting: str | None = None) -> bytes:
        return json.dumps({"error": {"message": message, "code": status, "metadata": {}}}).encode()


def _kinds(message: Json) -> Iterator[str]:
    content: Any = message.get("content")
    for block in content if isinstance(content, list) else []:
        yield str(block.get("type")) if isinstance(block, dict) else "text"
