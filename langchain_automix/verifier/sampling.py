"""Drawing n replies to one prompt: one request where the model can give n choices, else n concurrent ones.

The procedure stands once, as a generator of requests; `draw` and `adraw` perform them.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs

from automix_core.usage import Usage, total

from ..child.models import Child, as_message, gives_n, uncached, unwrap, usage_of

log = logging.getLogger("automix")

IMPLAUSIBLE_CHARACTERS_A_TOKEN = 10
"""Text of more characters a reported token than this was not counted whole (English has about four)."""


@dataclass(frozen=True, slots=True)
class Request:
    """`n` replies wanted, as the choices of one request or from as many requests; `settings` go with each."""

    n: int
    choices: bool
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn: the messages, the errors of requests that broke, and the tokens of all."""

    messages: list[AIMessage] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    usage: Usage | None = field(default_factory=Usage)
    estimated: bool = False


Result: TypeAlias = Sequence[AIMessage | Exception]


def sampling(child: Child, n: int, settings: Mapping[str, Any]) -> Generator[Request, Result, Sample]:
    """Ask for `n` replies, the least number of requests first.

    A refused temperature is left out in one repetition. Fewer choices than asked count, and the rest is asked for one
    by one; so is everything where the endpoint refuses `n`.
    """
    sample = Sample()
    if n > 1 and gives_n(child):
        got = yield Request(n, True, settings)
        if _refuses(got, "temperature") and "temperature" in settings:
            settings = _without_temperature(settings)
            got = yield Request(n, True, settings)
        if not (_refuses(got, "") and not _messages(got)):
            sample = _with_choices(sample, got, n)
            if sample.errors:
                return sample
    wanted = n - len(sample.messages)
    if wanted > 0:
        got = yield Request(wanted, False, settings)
        if _refuses(got, "temperature") and "temperature" in settings:
            kept = _messages(got)
            sample = _with_singles(sample, kept)
            got = yield Request(wanted - len(kept), False, _without_temperature(settings))
        sample = _with_singles(sample, got)
    return sample


def draw(child: Child, messages: Sequence[BaseMessage], n: int, config: RunnableConfig, **settings: Any) -> Sample:
    """`n` replies to `messages`, blocking; requests run at most `config["max_concurrency"]` at a time."""
    flow = sampling(child, n, settings)
    result: Result | None = None
    while True:
        try:
            request = flow.send(cast("Result", result))
        except StopIteration as stop:
            return cast("Sample", stop.value)
        if request.choices:
            model, prompt, arguments = _choices(child, messages, config, request)
            try:
                result = _read(model.generate_prompt(prompt, **arguments))
            except Exception as error:
                result = [error]
        else:
            prompts = uncached(child, messages, request.n)
            # Runnable's own batch: a text model's would answer one prompt after the other, and fail them all for one.
            got = Runnable.batch(child, prompts, config, return_exceptions=True, **request.settings)
            result = [item if isinstance(item, Exception) else as_message(item) for item in got]


async def adraw(
    child: Child, messages: Sequence[BaseMessage], n: int, config: RunnableConfig, **settings: Any
) -> Sample:
    """`n` replies to `messages`, awaited."""
    flow = sampling(child, n, settings)
    result: Result | None = None
    while True:
        try:
            request = flow.send(cast("Result", result))
        except StopIteration as stop:
            return cast("Sample", stop.value)
        if request.choices:
            model, prompt, arguments = _choices(child, messages, config, request)
            try:
                result = _read(await model.agenerate_prompt(prompt, **arguments))
            except Exception as error:
                result = [error]
        else:
            prompts = uncached(child, messages, request.n)
            got = await Runnable.abatch(child, prompts, config, return_exceptions=True, **request.settings)
            result = [item if isinstance(item, Exception) else as_message(item) for item in got]


def _choices(
    child: Child, messages: Sequence[BaseMessage], config: RunnableConfig, request: Request
) -> tuple[BaseChatModel, list[Any], dict[str, Any]]:
    """The model inside the bindings, the prompt, and the arguments of a request for n choices."""
    model, bound, bound_config = unwrap(child)
    whole = merge_configs(bound_config, config)
    callbacks = whole.get("callbacks")
    manager = CallbackManager.configure(callbacks)
    if isinstance(callbacks, BaseCallbackManager):  # configure() would also add what the caller left out on purpose
        manager = cast("CallbackManager", callbacks.copy())
    manager.handlers = [_BilledOnce(), *manager.handlers]
    stop = request.settings.get("stop", bound.get("stop"))
    arguments = {**bound, **request.settings, "n": request.n, "stop": stop}
    for key in ("tags", "metadata", "run_name"):
        arguments[key] = whole.get(key)
    return cast("BaseChatModel", model), [ChatPromptValue(messages=messages)], {**arguments, "callbacks": manager}


class _BilledOnce(BaseCallbackHandler):
    """Leaves the usage of a request for n on its first choice.

    ChatOpenAI stamps the whole request's usage on every choice, and tracers sum choices; and core fills in the
    model's name only where there is one choice, without which usage callbacks count nothing. Inline and first, so that
    every other handler sees the mended result.
    """

    run_inline = True

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        for generations in response.generations:
            for place, generation in enumerate(generations):
                message = getattr(generation, "message", None)
                if not isinstance(message, AIMessage):
                    continue
                if place:
                    message.usage_metadata = None
                elif response.llm_output:
                    message.response_metadata = {**response.llm_output, **message.response_metadata}


def _read(result: LLMResult) -> list[AIMessage | Exception]:
    return [
        as_message(generation.message if isinstance(generation, ChatGeneration) else generation.text)
        for generation in result.generations[0]
    ]


def _messages(got: Result) -> list[AIMessage]:
    return [item for item in got if isinstance(item, AIMessage)]


def _errors(got: Result) -> list[Exception]:
    return [item for item in got if isinstance(item, Exception)]


def _refuses(got: Result, word: str) -> bool:
    """True if a provider, or its client, rejected a request as malformed and the words of its error name `word`."""
    rejected = [e for e in _errors(got) if _status(e) in (400, 422) or (word and isinstance(e, TypeError | ValueError))]
    return any(word in str(error).lower() for error in rejected)


def _status(error: Exception) -> object:
    """The status of the answer that an error is about, under the names that clients use."""
    response = getattr(error, "response", None)
    places = ((error, "status_code"), (error, "code"), (error, "http_status"), (response, "status_code"))
    return next((status for place, name in places if isinstance(status := getattr(place, name, None), int)), None)


def _without_temperature(settings: Mapping[str, Any]) -> dict[str, Any]:
    log.warning(
        "The provider refuses the verifier's temperature; checking without one, so verdicts may be identical. "
        "SelfVerifier(temperature=None) sends none."
    )
    return {key: value for key, value in settings.items() if key != "temperature"}


def _with_choices(sample: Sample, got: Result, n: int) -> Sample:
    """The choices of one request: billed once, on the first."""
    messages = _messages(got)[:n]
    errors = _errors(got) * n  # one broken request for n is n broken checks
    if not messages:
        return replace(sample, errors=errors)
    usage = usage_of(messages[0])
    characters = sum(len(message.text) for message in messages)
    short = usage is not None and characters > IMPLAUSIBLE_CHARACTERS_A_TOKEN * max(usage.output_tokens, 1)
    if usage is not None and short and len(messages) > 1:  # a server that counts one choice of n
        usage = replace(usage, output_tokens=usage.output_tokens * len(messages))
        return Sample(messages, errors, usage, estimated=True)
    return Sample(messages, errors, usage)


def _with_singles(sample: Sample, got: Result) -> Sample:
    messages = _messages(got)
    usage = total([sample.usage, *(usage_of(message) for message in messages)])
    errors = [*sample.errors, *_errors(got)]
    return replace(sample, messages=[*sample.messages, *messages], errors=errors, usage=usage)
