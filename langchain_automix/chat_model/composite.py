"""A chat model made of chat models: core's life of a run, fixed where nested runs need it.

Private parts of langchain-core used, each because there is no public one: `_generate_with_cache` is where a run
manager is still at hand when core calls `_stream` without it, and where a cancelled run can still be ended.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatResult, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.utils.uuid import uuid7
from pydantic import ConfigDict

from automix_core.routing.collecting import Collectors, collecting, collectors
from automix_core.sealed import SEALED, seal, unseal

from ..tracing import tokens as accounting
from ..tracing.parent import Parent, configured_by, current


class Composite(BaseChatModel):
    """The base of `AutoMixChatModel`: what it does for its children's runs, whatever it routes."""

    model_config = ConfigDict(defer_build=True)

    def __getstate__(self) -> dict[Any, Any]:
        return {SEALED: seal(super().__getstate__(), type(self).__name__)}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(unseal(state[SEALED]))

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        """As every chat model does; what `config` holds for configurable models reaches the children."""
        with configured_by(config):
            return super().invoke(input, config, **kwargs)

    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AIMessage:
        """`invoke`, awaited."""
        with configured_by(config):
            return await super().ainvoke(input, config, **kwargs)

    def generate(self, *args: Any, **kwargs: Any) -> LLMResult:
        """As every chat model does; the messages that come back carry the tokens of all steps."""
        return accounting.published(super().generate(*args, **kwargs))

    async def agenerate(self, *args: Any, **kwargs: Any) -> LLMResult:
        """As every chat model does; the messages that come back carry the tokens of all steps."""
        return accounting.published(await super().agenerate(*args, **kwargs))

    def _generate_with_cache(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        token = current.set((self, self._parent_of_call(kwargs)))
        try:
            return super()._generate_with_cache(messages, *args, **kwargs)
        finally:
            current.reset(token)

    async def _agenerate_with_cache(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        token = current.set((self, self._parent_of_call(kwargs)))
        try:
            return await super()._agenerate_with_cache(messages, *args, **kwargs)
        except CancelledError as error:  # core's gather lets it pass by the callbacks
            if manager := kwargs.get("run_manager"):
                await manager.on_llm_error(error, response=LLMResult(generations=[]))
            raise
        finally:
            current.reset(token)

    def _parent_of_call(self, kwargs: dict[str, Any]) -> Parent:
        settings = {name: value for name, value in kwargs.items() if name not in ("stop", "run_manager")}
        stamped = lambda: self._get_invocation_params(stop=kwargs.get("stop"), **settings)  # noqa: E731
        return Parent.of_run(kwargs.get("run_manager"), stamped)

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Stream the answer: a kept draft in one chunk, the finishing model's tokens as they come."""
        return self._streamed(collectors(), input, config, stop=stop, **kwargs)

    def _streamed(
        self, into: Collectors, input: LanguageModelInput, config: RunnableConfig | None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        """`stream`, whose route belongs to the blocks `into`, wherever it is read."""
        config, parent = _open_run(config, CallbackManager)
        chunks = super().stream(input, config, **kwargs)
        with closing(chunks):  # type: ignore[type-var]
            token = current.set((self, parent))
            try:  # the run starts, and the drafts are made, in this first step; never held across a yield
                with collecting(into):
                    chunk = next(chunks, None)
            finally:
                current.reset(token)
            while chunk is not None:
                yield accounting.public(chunk)
                chunk = next(chunks, None)

    def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Stream the answer: a kept draft in one chunk, the finishing model's tokens as they come."""
        return self._astreamed(collectors(), input, config, stop=stop, **kwargs)

    async def _astreamed(
        self, into: Collectors, input: LanguageModelInput, config: RunnableConfig | None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        """`astream`, whose route belongs to the blocks `into`, wherever it is read."""
        config, parent = _open_run(config, AsyncCallbackManager)
        chunks = super().astream(input, config, **kwargs)
        async with aclosing(chunks):  # type: ignore[type-var]
            token = current.set((self, parent))
            try:
                with collecting(into):
                    chunk = await anext(chunks, None)
            finally:
                current.reset(token)
            while chunk is not None:
                yield accounting.public(chunk)
                chunk = await anext(chunks, None)


def _open_run(
    config: RunnableConfig | None, managers: type[CallbackManager] | type[AsyncCallbackManager]
) -> tuple[RunnableConfig, Parent]:
    """A config whose run is known before it starts: core hands `_stream` no run manager.

    The manager is configured here, once, so that a tracer taken from the environment knows the run's parents and its
    children alike.
    """
    config = ensure_config(config)
    with configured_by(config):
        return _opened(config, managers)


def _opened(
    config: RunnableConfig, managers: type[CallbackManager] | type[AsyncCallbackManager]
) -> tuple[RunnableConfig, Parent]:
    run_id = config["run_id"] = config.get("run_id") or uuid7()
    manager = config["callbacks"] = managers.configure(config.get("callbacks"))
    return config, Parent.of_config(run_id, manager, config)
