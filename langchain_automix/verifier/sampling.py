"""Drawing n replies to one prompt: the procedure of `automix_core.checking.sampling`, performed with LangChain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs

from automix_core.checking import drawing
from automix_core.checking.concurrent import agather, gather
from automix_core.checking.sampling import Choices, Got, Sample, Terms, Wanted

from ..child.models import Child, as_message, finish_reason, unwrap, usage_of
from ..child.sampler import Sampler, uncached
from ..child.unheard import Unheard, ainvoke, invoke

UNLIMITED = 2**16
"""Requests at once where nothing limits them: as many as there are."""


def draw(sampler: Sampler, messages: Sequence[BaseMessage], n: int, config: RunnableConfig, terms: Terms) -> Sample:
    """`n` replies to `messages`, blocking; requests run at most `config["max_concurrency"]` at a time."""

    def perform(wanted: Wanted) -> Got:
        ask = partial(_ask, sampler.asked(wanted), sampler.prompt(messages, wanted), config, wanted)
        return gather([ask] * wanted.requests, _at_once(config), wanted.ends)

    return drawing.draw(n, terms, sampler.memory, perform)


async def adraw(
    sampler: Sampler, messages: Sequence[BaseMessage], n: int, config: RunnableConfig, terms: Terms
) -> Sample:
    """`draw`, awaited."""

    async def perform(wanted: Wanted) -> Got:
        ask = partial(_aask, sampler.asked(wanted), sampler.prompt(messages, wanted), config, wanted)
        return await agather([ask] * wanted.requests, _at_once(config), wanted.ends)

    return await drawing.adraw(n, terms, sampler.memory, perform)


def _at_once(config: RunnableConfig) -> int:
    return config.get("max_concurrency") or UNLIMITED


def _ask(child: Child, messages: Sequence[BaseMessage], config: RunnableConfig, wanted: Wanted) -> Choices:
    if wanted.n == 1:
        return _choices([as_message(invoke(child, uncached(child, messages), config, {}))])
    if (unheard := Unheard.of(child, config)) is not None:
        return _choices(_once(unheard.generate(messages, {})))
    model, prompt, arguments = _several(child, messages, config)
    return _choices(_read(model.generate_prompt(prompt, **arguments).generations[0]))


async def _aask(child: Child, messages: Sequence[BaseMessage], config: RunnableConfig, wanted: Wanted) -> Choices:
    if wanted.n == 1:
        return _choices([as_message(await ainvoke(child, uncached(child, messages), config, {}))])
    if (unheard := Unheard.of(child, config)) is not None:
        return _choices(_once(await unheard.agenerate(messages, {})))
    model, prompt, arguments = _several(child, messages, config)
    return _choices(_read((await model.agenerate_prompt(prompt, **arguments)).generations[0]))


def _choices(messages: Sequence[AIMessage]) -> Choices:
    """One request's replies: its tokens are on the first."""
    return Choices(
        texts=[message.text for message in messages],
        reasons=[finish_reason(message) for message in messages],
        usage=usage_of(messages[0]) if messages else None,
        natives=messages,
    )


def _several(
    child: Child, messages: Sequence[BaseMessage], config: RunnableConfig
) -> tuple[BaseChatModel, list[Any], dict[str, Any]]:
    """The model inside the bindings, the prompt, and the arguments of a request for several choices."""
    model, bound, bound_config = unwrap(child)
    whole = merge_configs(bound_config, config)
    callbacks = whole.get("callbacks")
    manager = CallbackManager.configure(callbacks)
    if isinstance(callbacks, BaseCallbackManager):  # configure() would also add what the caller left out on purpose
        manager = cast("CallbackManager", callbacks.copy())
    manager.handlers = [_BilledOnce(), *manager.handlers]
    arguments: dict[str, Any] = {**bound}
    for key in ("tags", "metadata", "run_name"):
        arguments[key] = whole.get(key)
    return cast("BaseChatModel", model), [ChatPromptValue(messages=messages)], {**arguments, "callbacks": manager}


class _BilledOnce(BaseCallbackHandler):
    """`_billed_once`, inline and first, so that every other handler sees the corrected result."""

    run_inline = True

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        for generations in response.generations:
            _billed_once(generations, response.llm_output)


def _billed_once(generations: Sequence[Any], output: Mapping[str, Any] | None) -> None:
    """Leave the usage of a request for n on its first choice.

    ChatOpenAI stamps the whole request's usage on every choice, and tracers sum choices; and core fills in the
    model's name only where there is one choice, without which usage callbacks count nothing.
    """
    for place, generation in enumerate(generations):
        message = getattr(generation, "message", None)
        if not isinstance(message, AIMessage):
            continue
        if place:
            message.usage_metadata = None
        elif output:
            message.response_metadata = {**output, **message.response_metadata}


def _once(result: ChatResult) -> list[AIMessage]:
    """The messages of a request for several choices that nobody else hears of."""
    _billed_once(result.generations, result.llm_output)
    return _read(result.generations)


def _read(generations: Sequence[Any]) -> list[AIMessage]:
    return [as_message(one.message if isinstance(one, ChatGeneration) else one.text) for one in generations]
