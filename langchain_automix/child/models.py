"""Child models: what is inside their wrappers, how they are sampled, and how their messages become replies.

A child is any Runnable from messages to a message: a chat model, one with bound arguments, fallbacks, retries or
configurable fields, a text completion model, another AutoMix, or a chain that ends in a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias
from uuid import uuid4

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

from automix_core.checking.results import problem
from automix_core.routing.effects import Reply
from automix_core.usage import Usage

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
        elif default := _default(child):
            child = default
        else:
            return child


def _default(child: Child) -> Child | None:
    """What a configurable Runnable (`configurable_fields`, `configurable_alternatives`) runs unless told otherwise.

    Known by its field: importing its class would cost every user time for the few who wrap a model so.
    """
    default = getattr(child, "default", None) if not isinstance(child, BaseLanguageModel) else None
    return default if isinstance(default, Runnable) else None


def gives_n(child: Child) -> bool:
    """True if one request can return several choices: the model has an `n` field of its own (ChatOpenAI does).

    OpenAI's Responses API has no `n`.
    """
    model, _, _ = unwrap(child)
    own = isinstance(model, BaseChatModel) and "n" in type(model).model_fields
    return own and not getattr(model, "use_responses_api", None)


def takes_settings(child: Child) -> bool:
    """True if temperature and the like can be passed with a call; a plain function would choke on them."""
    model = core_model(child)
    return isinstance(model, BaseLanguageModel) or hasattr(model, "_model_params")


def rewrap(child: Child, change: Callable[[Child], Child], drop: frozenset[str] = frozenset()) -> Child:
    """`child` with `change` applied to the models inside its wrappers, and bound arguments in `drop` left out."""
    again = partial(rewrap, change=change, drop=drop)
    if isinstance(child, RunnableBinding):
        kwargs = {key: value for key, value in child.kwargs.items() if key not in drop}
        return child.model_copy(update={"bound": again(child.bound), "kwargs": kwargs})
    if isinstance(child, RunnableBindingBase):
        return child.model_copy(update={"bound": again(child.bound)})
    if isinstance(child, RunnableWithFallbacks):
        fallbacks = [again(other) for other in child.fallbacks]
        return child.model_copy(update={"runnable": again(child.runnable), "fallbacks": fallbacks})
    if (default := _default(child)) and isinstance(child, RunnableSerializable):
        update: dict[str, Any] = {"default": again(default)}
        if alternatives := getattr(child, "alternatives", None):
            update["alternatives"] = {
                key: again(other) if isinstance(other, Runnable) else other for key, other in alternatives.items()
            }
        return child.model_copy(update=update)
    return change(child)


SEEDS = frozenset({"seed", "random_seed"})


def sampler(child: Child, without: frozenset[str] = frozenset()) -> Child:
    """`child` for drawing verdicts: no response cache, which would make all samples one, no fixed seed, and none of its
    settings that are named in `without`."""
    drop = SEEDS | without
    return rewrap(child, partial(_stripped, drop=drop), drop=drop)


def _stripped(model: Child, drop: frozenset[str]) -> Child:
    if not isinstance(model, BaseLanguageModel):
        return _built_stripped(model, drop)
    fields = type(model).model_fields
    update: dict[str, Any] = {"cache": False} if "cache" in fields else {}
    update |= {name: None for name in drop if name in fields and fields[name].default is None}
    if getattr(model, "streaming", False):  # a stream gives one choice, and nobody watches a check's tokens
        update["streaming"] = False
    for name in ("model_kwargs", "extra_body"):
        settings = getattr(model, name, None)
        if isinstance(settings, dict) and drop & settings.keys():
            update[name] = {key: value for key, value in settings.items() if key not in drop}
    return model.model_copy(update=update) if update else model


def _built_stripped(model: Child, drop: frozenset[str]) -> Child:
    """A copy of what `init_chat_model` makes with `configurable_fields`: a model built from settings at each call."""
    settings = getattr(model, "__dict__", {}).get("_default_config")
    if not isinstance(settings, dict) or not drop & settings.keys():
        return model
    copy: Child = object.__new__(type(model))  # not copy.copy, which its __getattr__ sends round in circles
    copy.__dict__.update(model.__dict__)
    copy.__dict__["_default_config"] = {key: value for key, value in settings.items() if key not in drop}
    return copy


def uncached(child: Child, messages: Sequence[BaseMessage], n: int) -> list[list[BaseMessage]]:
    """`n` times `messages`, marked as unlike any cached ones where `sampler` could not switch the child's cache off.

    A configurable model is built at each call, out of reach; the response cache compares messages with their
    `additional_kwargs`, which providers ignore.
    """
    if isinstance(core_model(child), BaseLanguageModel):
        return [list(messages) for _ in range(n)]
    *before, last = messages
    marks = [{**last.additional_kwargs, "automix_sample": uuid4().hex} for _ in range(n)]
    return [[*before, last.model_copy(update={"additional_kwargs": mark})] for mark in marks]


def name_of(child: Child) -> str:
    """The configured name of the model inside `child`, or of its class where it has none."""
    model = core_model(child)
    for field in ("model_name", "model", "model_id", "deployment_name"):
        value = getattr(model, field, None)
        if isinstance(value, str) and value:
            return value
    return type(model).__name__


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
    details: dict[str, int] = {}
    for side in ("input", "output"):
        parts: Any = reported.get(f"{side}_token_details") or {}
        details |= {f"{side}.{name}": amount for name, amount in parts.items() if isinstance(amount, int)}
    cached = details.get("input.cache_read", 0)
    return Usage(reported["input_tokens"], reported["output_tokens"], cached, details)


def finish_reason(message: AIMessage) -> str | None:
    """Why the model stopped, under the names that providers use."""
    metadata = message.response_metadata
    for field in ("finish_reason", "stop_reason", "stopReason", "done_reason"):
        if isinstance(value := metadata.get(field), str):
            return value
    incomplete = metadata.get("incomplete_details")  # OpenAI's Responses API
    return incomplete.get("reason") if isinstance(incomplete, dict) else None


def as_reply(message: AIMessage) -> Reply:
    """One model call as the core sees it. A message of tool calls is not empty."""
    text = message.text
    why = problem(text or ("tool call" if message.tool_calls else ""), finish_reason(message))
    name = message.response_metadata.get("model_name")
    return Reply(text, usage_of(message), message, why, name if isinstance(name, str) and name else None)
