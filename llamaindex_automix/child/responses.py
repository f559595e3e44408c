"""Child models: what their responses say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse, TextBlock, ThinkingBlock
from llama_index.core.llms.llm import LLM

from automix_core.checking.client import Client
from automix_core.checking.finish import UNDER_WAY, problem
from automix_core.checking.thoughts import spoken
from automix_core.evidence.reported import reported_tokens
from automix_core.evidence.tokens import Token
from automix_core.routing.effects import Reply
from automix_core.usage import Usage, count_of

Response: TypeAlias = ChatResponse | CompletionResponse

INPUT_TOKENS = ("prompt_tokens", "input_tokens", "prompt_token_count", "inputTokens", "prompt_eval_count")
OUTPUT_TOKENS = ("completion_tokens", "output_tokens", "candidates_token_count", "outputTokens", "eval_count")
CACHE_READ_APART = ("cache_read_input_tokens", "cacheReadInputTokens")
CACHE_WRITE_APART = ("cache_creation_input_tokens", "cacheWriteInputTokens")
"""Input that Anthropic's and Bedrock's APIs count beside the input tokens."""
CACHE_READ_WITHIN = ("cached_content_token_count", "prompt_cache_hit_tokens")
CACHE_DETAILS = ("prompt_tokens_details", "input_tokens_details")


def name_of(model: LLM) -> str:
    """The model's name, or that of its class where it tells none."""
    name = model.metadata.model_name
    return name if name and name != "unknown" else type(model).__name__


def in_words(model: LLM) -> str:
    """A model as a repr shows it: its class and name, never its fields, which hold keys."""
    return f"{type(model).__name__}({name_of(model)!r})"


def text_of(response: Response) -> str:
    """The text of a response, reasoning blocks left out."""
    return response.text if isinstance(response, CompletionResponse) else response.message.content or ""


def without_thoughts(response: Response) -> Response:
    """`response` without the thoughts inside its text; its structured reasoning stays, for tool loops."""
    if isinstance(response, CompletionResponse):
        said = spoken([response.text])
        return response if said is None else response.model_copy(update={"text": said[0]})
    blocks = list(response.message.blocks)
    places = [i for i, block in enumerate(blocks) if isinstance(block, TextBlock)]
    said = spoken([getattr(blocks[i], "text", "") for i in places])
    if said is None:
        return response
    for i, text in zip(places, said, strict=True):
        blocks[i] = blocks[i].model_copy(update={"text": text})
    return response.model_copy(update={"message": response.message.model_copy(update={"blocks": blocks})})


def as_reply(response: Response, client: Client | None = None, reason: str | None = None) -> Reply:
    """One model call as the core sees it, by what is known of its client.

    `reason` is why it finished, if an earlier piece of a stream told it.
    """
    row = client or Client()
    text = text_of(response)
    name = _get(response.raw, "model")
    said = text or ("tool call" if calls_tools(response) else "")
    return Reply(
        text=text,
        usage=usage_of(response),
        native=response,
        problem=problem(said, finish_reason(response) or reason, good=row.good, always_given=row.always_ends),
        name=name if isinstance(name, str) and name else None,
    )


def ended_early(error: Exception) -> str | None:
    """The finish reason of an answer in whose place a client raises an error, as GoogleGenAI does; else None.

    What was billed for it is not known then.
    """
    found = _EARLY.search(str(error)) if isinstance(error, RuntimeError) else None
    return found[1] if found else None


def rejected(error: Exception) -> Reply:
    """A draft that a client gives no answer for, as it ended early. Raises `error` if it is any other."""
    if (reason := ended_early(error)) is None:
        raise error
    return Reply("", problem=problem("some text that nobody gets", reason) or "empty")


_EARLY = re.compile(r"terminated early: (?:FinishReason\.)?(\w+)")


def calls_tools(response: Response) -> bool:
    """True if the response holds something else than words and thoughts, such as the call of a tool."""
    if isinstance(response, CompletionResponse):
        return False
    message = response.message
    other = (block for block in message.blocks if not isinstance(block, TextBlock | ThinkingBlock))
    return bool(message.additional_kwargs.get("tool_calls")) or any(True for _ in other)


def usage_of(response: Any) -> Usage | None:
    """The tokens of one response, under any of the names that providers use; None if none were reported."""
    told = getattr(response, "additional_kwargs", None)
    for place in chain(_usages(getattr(response, "raw", None)), (_get(told, "usage"), told)):
        given, made = _number(place, INPUT_TOKENS), _number(place, OUTPUT_TOKENS)
        if given is not None and made is not None:
            read, stored = _number(place, CACHE_READ_APART) or 0, _number(place, CACHE_WRITE_APART) or 0
            thought = _number(place, ("thoughts_token_count",)) or 0
            within = (_number(_get(place, name), ("cached_tokens",)) for name in CACHE_DETAILS)
            cached = read or next((n for n in within if n), 0) or _number(place, CACHE_READ_WITHIN) or 0
            return Usage(given + read + stored, made + thought, cached, cache_write_tokens=stored)
    return None


def _usages(raw: Any) -> Iterator[Any]:
    for part in _parts(raw):
        yield _get(part, "usage")
        yield _get(part, "usage_metadata")
        yield part


def _parts(raw: Any) -> Iterator[Any]:
    """A provider's object, and what it wraps: Mistral's stream events hold `data`, OpenAI's Responses `response`."""
    if raw is not None:
        yield raw
    for name in ("data", "response"):
        if (part := _get(raw, name)) is not None:
            yield part


def finish_reason(response: Any) -> str | None:
    """Why the model stopped, under any of the names that providers use."""
    for raw in _parts(getattr(response, "raw", None)):
        if reason := _get(_get(raw, "incomplete_details"), "reason"):  # OpenAI's Responses API
            return str(reason)
        choices = _get(raw, "choices") or _get(raw, "candidates")
        first = choices[0] if isinstance(choices, list | tuple) and choices else None
        for place in (first, raw):
            for name in ("finish_reason", "stop_reason", "done_reason", "stopReason"):
                reason = _get(place, name)
                if reason is not None:
                    return str(getattr(reason, "name", reason))
        if _get(raw, "object") == "response" and isinstance(status := _get(raw, "status"), str):
            return None if status in UNDER_WAY else status
    return None


def tokens_of(response: Any) -> tuple[Token, ...]:
    """The tokens of a response with their log-probabilities: as its provider's object tells them, which names the
    token that was drawn, else as LlamaIndex's `logprobs` do; empty where there are none."""
    raw = getattr(response, "raw", None)
    choices = _get(raw, "choices")
    first = choices[0] if isinstance(choices, list | tuple) and choices else None
    told = reported_tokens(_get(first, "logprobs")) or reported_tokens(_get(raw, "logprobs_result"))
    return told or reported_tokens(getattr(response, "logprobs", None))


def choices_of(response: Response) -> list[str]:
    """The texts of all choices of one response."""
    choices = _get(response.raw, "choices")
    if not isinstance(choices, list | tuple) or len(choices) < 2:
        return [text_of(response)]
    return [str(_get(_get(choice, "message"), "content") or _get(choice, "text") or "") for choice in choices]


def finish_reasons(response: Response) -> list[str | None]:
    """Why each choice of one response ended, in the order of `choices_of`."""
    choices = _get(response.raw, "choices")
    if not isinstance(choices, list | tuple) or len(choices) < 2:
        return [finish_reason(response)]
    reasons = [_get(choice, "finish_reason") for choice in choices]
    return [None if reason is None else str(getattr(reason, "name", reason)) for reason in reasons]


def _get(place: Any, name: str) -> Any:
    if place is None:
        return None
    if isinstance(place, dict):  # far quicker to tell than a Mapping, of which there are few
        return place.get(name)
    return place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)


def _number(place: Any, names: tuple[str, ...]) -> int | None:
    for name in names:
        if (value := count_of(_get(place, name))) is not None:
            return value
    return None
