"""A child asked without a run of its own, where nobody would hear of it.

Of each call of a chat model core makes a run: a callback manager, parameters for tracers, the model in serial form.
Where no handler listens all of it is thrown away, and it is most of what a call costs beside its request. What a model
does besides (its response cache, its rate limiter, its own streaming) is done as ever. Private parts of langchain-core
used, each because there is no public one: `_generate_with_cache` and its awaited twin are a call without its run,
`_normalize_messages` is what core does to messages before, `_configure_hooks` names context-wide handlers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.language_models import BaseChatModel, chat_models
from langchain_core.language_models._utils import _normalize_messages
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableBinding, RunnableConfig
from langchain_core.utils.env import env_var_is_set

from .models import Child

_MAKE_A_RUN = ("invoke", "ainvoke", "generate", "agenerate", "generate_prompt", "agenerate_prompt")
_FOR_TRACERS = ("ls_structured_output_format", "structured_output_format")


def invoke(child: Child, messages: list[BaseMessage], config: RunnableConfig, settings: Mapping[str, Any]) -> Any:
    """What `child` says to `messages`, with or without a run."""
    if (unheard := Unheard.of(child, config)) is None:
        return child.invoke(messages, config, **settings)
    return _first(unheard.generate(messages, settings))


async def ainvoke(
    child: Child, messages: list[BaseMessage], config: RunnableConfig, settings: Mapping[str, Any]
) -> Any:
    """`invoke`, awaited."""
    if (unheard := Unheard.of(child, config)) is None:
        return await child.ainvoke(messages, config, **settings)
    return _first(await unheard.agenerate(messages, settings))


def stream(
    child: Child, messages: list[BaseMessage], config: RunnableConfig, settings: Mapping[str, Any]
) -> Iterator[Any]:
    """What `child` says to `messages`, piece by piece, with or without a run."""
    unheard = Unheard.streaming(child, config, "stream")
    return unheard.stream(messages, settings) if unheard else child.stream(messages, config, **settings)


def astream(
    child: Child, messages: list[BaseMessage], config: RunnableConfig, settings: Mapping[str, Any]
) -> AsyncIterator[Any]:
    """`stream`, awaited."""
    unheard = Unheard.streaming(child, config, "astream")
    return unheard.astream(messages, settings) if unheard else child.astream(messages, config, **settings)


def _first(result: ChatResult) -> BaseMessage:
    return result.generations[0].message


@dataclass(frozen=True, slots=True)
class Unheard:
    """A chat model with the arguments bound to it, of whose calls no handler hears."""

    model: BaseChatModel
    bound: Mapping[str, Any]

    @classmethod
    def of(cls, child: Child, config: RunnableConfig) -> Unheard | None:
        """The model inside `child`; None where somebody listens, or where it has a way of its own of being called."""
        if not _nobody_listens(config):
            return None
        bound: dict[str, Any] = {}
        while isinstance(child, RunnableBinding):
            if child.config or child.config_factories or type(child).invoke is not RunnableBinding.invoke:
                return None
            bound = {**child.kwargs, **bound}
            child = child.bound
        if not isinstance(child, BaseChatModel) or child.callbacks or child.verbose:
            return None
        if not all(_is_cores(type(child), name) for name in _MAKE_A_RUN):
            return None
        return cls(child, bound)

    @classmethod
    def streaming(cls, child: Child, config: RunnableConfig, way: Literal["stream", "astream"]) -> Unheard | None:
        """The same, for a stream: None, too, where its pieces are not made as chat models make them."""
        unheard = cls.of(child, config)
        if unheard is None or not _is_cores(type(unheard.model), way) or unheard.model.output_version == "v1":
            return None
        return unheard

    def generate(self, messages: Sequence[BaseMessage], settings: Mapping[str, Any]) -> ChatResult:
        """What the model says to `messages`. Raises what its client raises."""
        return self.model._generate_with_cache(_normalize_messages(messages), **self._given(settings))

    async def agenerate(self, messages: Sequence[BaseMessage], settings: Mapping[str, Any]) -> ChatResult:
        """`generate`, awaited."""
        return await self.model._agenerate_with_cache(_normalize_messages(messages), **self._given(settings))

    def stream(self, messages: Sequence[BaseMessage], settings: Mapping[str, Any]) -> Iterator[BaseMessage]:
        """`generate`, piece by piece. Raises `ValueError` if no piece comes, as core does."""
        given = self._given(settings)
        if not self.model._should_stream(async_api=False, **{**given, "stream": True}):
            yield _first(self.generate(messages, settings))
            return
        if self.model.rate_limiter:
            self.model.rate_limiter.acquire(blocking=True)
        piece: BaseMessage | None = None
        for chunk in self.model._stream(_normalize_messages(messages), **given):
            piece = _piece(chunk)
            yield piece
        if (last := _last(piece)) is not None:
            yield last

    async def astream(self, messages: Sequence[BaseMessage], settings: Mapping[str, Any]) -> AsyncIterator[BaseMessage]:
        """`stream`, awaited."""
        given = self._given(settings)
        if not self.model._should_stream(async_api=True, **{**given, "stream": True}):
            yield _first(await self.agenerate(messages, settings))
            return
        if self.model.rate_limiter:
            await self.model.rate_limiter.aacquire(blocking=True)
        piece: BaseMessage | None = None
        chunks = self.model._astream(_normalize_messages(messages), **given)
        try:
            async for chunk in chunks:
                piece = _piece(chunk)
                yield piece
        finally:
            if hasattr(chunks, "aclose"):
                await chunks.aclose()
        if (last := _last(piece)) is not None:
            yield last

    def _given(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        given = {**self.bound, **settings}
        for name in _FOR_TRACERS:
            given.pop(name, None)
        return given


def _is_cores(kind: type[BaseChatModel], name: str) -> bool:
    """Whether a method is core's own: neither the client's, nor one that a monitoring tool has put in its place."""
    method = getattr(kind, name)
    code = getattr(method, "__code__", None)
    return method is getattr(BaseChatModel, name) and code is not None and code.co_filename == chat_models.__file__


def _nobody_listens(config: RunnableConfig) -> bool:
    """True if `config` is that of a run which no handler follows, nor one that stands in the context or environment."""
    manager = config.get("callbacks")
    if not isinstance(manager, BaseCallbackManager) or manager.parent_run_id is None:
        return False
    if manager.handlers or manager.inheritable_handlers:
        return False
    from langchain_core.tracers.context import _configure_hooks  # loads langsmith, as core does where runs start

    return not any(var.get() is not None or (env and env_var_is_set(env)) for var, _, _, env in _configure_hooks)


def _piece(chunk: ChatGenerationChunk) -> BaseMessage:
    """A chunk's message, told what its client told beside it."""
    chunk.message.response_metadata = {**(chunk.generation_info or {}), **chunk.message.response_metadata}
    return chunk.message


def _last(piece: BaseMessage | None) -> AIMessageChunk | None:
    """What core puts behind a stream whose client does not mark its end."""
    if piece is None:
        raise ValueError("No generation chunks were returned")
    if not isinstance(piece, AIMessageChunk) or piece.chunk_position:
        return None
    return AIMessageChunk(content="" if isinstance(piece.content, str) else [], chunk_position="last")
