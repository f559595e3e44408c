"""Child models: what is inside their wrappers, and how their messages become replies.

A child is any Runnable from messages to a message: a chat model, one with bound arguments, fallbacks, retries or
configurable fields, a text completion model, another AutoMix, or a chain that ends in a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.runnables import (
    Runnable,
    RunnableBinding,
    RunnableConfig,
    RunnableSerializable,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.config import merge_configs

from automix_core.checking.client import Client
from automix_core.checking.finish import UNDER_WAY, problem
from automix_core.checking.thoughts import spoken
from automix_core.evidence.reported import reported_tokens
from automix_core.evidence.tokens import Token
from automix_core.routing.effects import Reply
from automix_core.usage import Usage, count_of

Child: TypeAlias = Runnable[Any, Any]


def unwrap(child: Child) -> tuple[Child, dict[str, Any], RunnableConfig]:
    """The model inside bindings, with the bindings' arguments and config.

    Retries, fallbacks and configurable models are not opened: a request that went around them would lose them.
    """
    kwargs: dict[str, Any] = {}
    config: RunnableConfig = {}
    while isinstance(child, RunnableBinding):
        kwargs = {**child.kwargs, **kwargs}
        config = merge_configs(child.config, config)
        child = child.bound
    return child, kwargs, config


def core_model(child: Child) -> Child:
    """The model at the bottom of all wrappers that `isinstance` can see through."""
    while True:
        if isinstance(child, RunnableBindingBase):
            child = child.bound
        elif isinstance(child, RunnableWithFallbacks):
            child = child.runnable
        elif default := inner_default(child):
            child = default
        else:
            return child


def inner_default(child: Child) -> Child | None:
    """What a configurable Runnable (`configurable_fields`, `configurable_alternatives`) runs unless told otherwise.

    Known by its field: importing its class would cost every user time for the few who wrap a model so.
    """
    default = getattr(child, "default", None) if not isinstance(child, BaseLanguageModel) else None
    return default if isinstance(default, Runnable) else None


Arguments: TypeAlias = Callable[[Mapping[str, Any]], dict[str, Any]]


def bound_tools(child: Child) -> Sequence[Any]:
    """The tools that a user bound to the model itself, before it became one of a cascade."""
    while not isinstance(child, BaseLanguageModel):
        if isinstance(child, RunnableBindingBase):
            if tools := child.kwargs.get("tools"):
                found: Sequence[Any] = tools
                return found
            child = child.bound
        elif isinstance(child, RunnableWithFallbacks):
            child = child.runnable
        else:
            return ()
    return ()


def blocks(child: Child) -> bool:
    """True if awaiting the model means a thread of the loop's pool, which no time limit can end."""
    model = core_model(child)
    if isinstance(model, BaseChatModel):
        return type(model)._agenerate is BaseChatModel._agenerate
    from langchain_core.language_models import LLM  # slow to load, and most models chat

    return isinstance(model, LLM) and type(model)._acall is LLM._acall


def rewrap(child: Child, change: Callable[[Child], Child], bound: Arguments = dict, tries: int | None = None) -> Child:
    """`child` with `change` applied to the models inside its wrappers, and `bound` to the arguments bound to them.

    `tries` is how often a `with_retry()` then tries; None leaves it.
    """
    again = partial(rewrap, change=change, bound=bound, tries=tries)
    if isinstance(child, RunnableBinding):
        return child.model_copy(update={"bound": again(child.bound), "kwargs": bound(child.kwargs)})
    if isinstance(child, RunnableBindingBase):
        most = {"max_attempt_number": tries} if tries and hasattr(child, "max_attempt_number") else {}
        return child.model_copy(update={"bound": again(child.bound), **most})
    if isinstance(child, RunnableWithFallbacks):
        fallbacks = [again(other) for other in child.fallbacks]
        return child.model_copy(update={"runnable": again(child.runnable), "fallbacks": fallbacks})
    if (default := inner_default(child)) and isinstance(child, RunnableSerializable):
        update: dict[str, Any] = {"default": again(default)}
        if alternatives := getattr(child, "alternatives", None):
            update["alternatives"] = {
                key: again(other) if isinstance(other, Runnable) else other for key, other in alternatives.items()
            }
        return child.model_copy(update=update)
    return change(child)


def name_of(child: Child) -> str:
    """The configured name of the model inside `child`, or of its class where it has none."""
    model = core_model(child)
    for field in ("model_name", "model", "model_id", "deployment_name"):
        value = getattr(model, field, None)
        if isinstance(value, str) and value:
            return value
    return type(model).__name__


def in_words(child: Child) -> str:
    """A model as a repr shows it: its class and name, never its fields, which hold keys."""
    return f"{type(core_model(child)).__name__}({name_of(child)!r})"


def as_message(output: Any) -> AIMessage:
    """A child's output as a message of its own: text models return strings, streaming ones chunks."""
    if isinstance(output, AIMessageChunk):
        output = message_chunk_to_message(output)
    if isinstance(output, AIMessage):
        return output
    if isinstance(output, BaseMessage):
        return AIMessage(content=output.content, response_metadata=output.response_metadata)
    return AIMessage(content=str(output))


def usage_of(message: AIMessage) -> Usage | None:
    """The tokens of one message; None if the provider reported none, zero if a response cache served it."""
    reported = message.usage_metadata
    if reported is None:
        return None
    if "total_cost" in reported:  # langchain-core's mark of a cache hit, which bills nothing
        return Usage()
    read, written = count_of(reported["input_tokens"]), count_of(reported["output_tokens"])
    if read is None or written is None:
        return None
    details: dict[str, int] = {}
    for side in ("input", "output"):
        parts: Any = reported.get(f"{side}_token_details") or {}
        details |= {f"{side}.{name}": tokens for name, told in parts.items() if (tokens := count_of(told)) is not None}
    stored = sum(details.get(f"input.{name}", 0) for name in CACHE_WRITES)
    return Usage(read, written, details.get("input.cache_read", 0), details, stored)


CACHE_WRITES = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
"""Under these names LangChain's clients tell what was written into a prompt cache, each token under one of them."""


def finish_reason(message: AIMessage) -> str | None:
    """Why the model stopped, under the names that providers use."""
    metadata = message.response_metadata
    incomplete = metadata.get("incomplete_details")  # OpenAI's Responses API
    if isinstance(incomplete, dict) and isinstance(reason := incomplete.get("reason"), str):
        return reason
    for field in ("finish_reason", "stop_reason", "stopReason", "done_reason", "status"):
        if isinstance(value := metadata.get(field), str):
            return None if value in UNDER_WAY else value
    return None


def tokens_of(message: AIMessage) -> tuple[Token, ...]:
    """The tokens of a message with their log-probabilities; empty where its client reported none."""
    metadata = message.response_metadata
    return reported_tokens(metadata.get("logprobs") or metadata.get("logprobs_result"))


def without_thoughts(message: AIMessage) -> AIMessage:
    """`message` without the thoughts inside its text; its structured reasoning stays, for tool loops."""
    if isinstance(message.content, str):
        said = spoken([message.content])
        return message if said is None else message.model_copy(update={"content": said[0]})
    places = [i for i, part in enumerate(message.content) if isinstance(_said(part), str)]
    said = spoken([_said(message.content[i]) or "" for i in places])
    if said is None:
        return message
    content: list[Any] = list(message.content)
    for i, text in zip(places, said, strict=True):
        content[i] = text if isinstance(content[i], str) else {**content[i], "text": text}
    return message.model_copy(update={"content": content})


def _said(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    text = part.get("text") if part.get("type", "text") in ("text", "output_text") else None
    return text if isinstance(text, str) else None


def as_reply(message: AIMessage, client: Client | None = None) -> Reply:
    """One model call as the core sees it, by what is known of its client. A message of tool calls is not empty."""
    text, reason = message.text, finish_reason(message)
    said, row = text or ("tool call" if message.tool_calls else ""), client or Client()
    why = problem(said, reason, good=row.good, always_given=row.always_ends)
    name = message.response_metadata.get("model_name")
    return Reply(text, usage_of(message), message, why, name if isinstance(name, str) and name else None)
