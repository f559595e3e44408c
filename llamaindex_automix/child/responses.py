"""Child models: what their responses say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse
from llama_index.core.llms.llm import LLM

from automix_core.checking.results import problem
from automix_core.routing.effects import Reply
from automix_core.usage import Usage

Response: TypeAlias = ChatResponse | CompletionResponse

INPUT_TOKENS = ("prompt_tokens", "input_tokens", "prompt_token_count", "inputTokens", "prompt_eval_count")
OUTPUT_TOKENS = ("completion_tokens", "output_tokens", "candidates_token_count", "outputTokens", "eval_count")
APART_FROM_INPUT = ("cache_read_input_tokens", "cache_creation_input_tokens")
"""Input that Anthropic's API counts beside `input_tokens`."""


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


def as_reply(response: Response) -> Reply:
    """One model call as the core sees it."""
    text = text_of(response)
    name = _get(response.raw, "model")
    return Reply(
        text=text,
        usage=usage_of(response),
        native=response,
        problem=problem(text, finish_reason(response)),
        name=name if isinstance(name, str) and name else None,
    )


def usage_of(response: Any) -> Usage | None:
    """The tokens of one response, under any of the names that providers use; None if none were reported."""
    raw = getattr(response, "raw", None)
    for place in (_get(raw, "usage"), _get(raw, "usage_metadata"), raw, getattr(response, "additional_kwargs", None)):
        if place is None:
            continue
        given, made = _number(place, INPUT_TOKENS), _number(place, OUTPUT_TOKENS)
        if given is not None and made is not None:
            apart = [_number(place, (name,)) or 0 for name in APART_FROM_INPUT]
            thought = _number(place, ("thoughts_token_count",)) or 0
            cached = _number(_get(place, "prompt_tokens_details"), ("cached_tokens",)) or apart[0]
            return Usage(given + sum(apart), made + thought, cached)
    return None


def finish_reason(response: Any) -> str | None:
    """Why the model stopped, under any of the names that providers use."""
    raw = getattr(response, "raw", None)
    choices = _get(raw, "choices") or _get(raw, "candidates")
    first = choices[0] if isinstance(choices, list | tuple) and choices else None
    for place in (first, raw):
        for name in ("finish_reason", "stop_reason", "done_reason", "stopReason"):
            reason = _get(place, name)
            if reason is not None:
                return str(getattr(reason, "name", reason))
    return None


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
        value = _get(place, name)
        if type(value) is int:
            return value
    return None
