"""What must be set right in the children's runs before any other handler hears of it.

The handlers here run inline and first. `Watch` knows which runs are open, so that a cancellation can end them: core
gathers tasks in a way that lets a `CancelledError` pass by its callbacks. It also strikes out the tokens of a child's
answer that a response cache served, which core marks with a cost of zero and yet reports.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, AsyncCallbackManagerForLLMRun, BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, LLMResult


def nothing() -> UsageMetadata:
    """No tokens: an absent usage would be estimated by whoever sums it."""
    return UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)


class Watch(BaseCallbackHandler):
    """The open runs beneath one call, and no tokens for what came from a cache."""

    run_inline = True

    def __init__(self) -> None:
        self._open: dict[UUID, type[AsyncCallbackManagerForLLMRun] | type[AsyncCallbackManagerForChainRun]] = {}

    def on_chat_model_start(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """A model began."""
        self._open[run_id] = AsyncCallbackManagerForLLMRun

    def on_llm_start(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """A text model began."""
        self._open[run_id] = AsyncCallbackManagerForLLMRun

    def on_chain_start(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """A step began."""
        self._open[run_id] = AsyncCallbackManagerForChainRun

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """A model ended; what a cache served cost no tokens."""
        self._open.pop(run_id, None)
        for generations in response.generations:
            for generation in generations:
                message = generation.message if isinstance(generation, ChatGeneration) else None
                if isinstance(message, AIMessage) and "total_cost" in (message.usage_metadata or {}):
                    message.usage_metadata = cast("UsageMetadata", {**nothing(), "total_cost": 0})

    def on_chain_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """A step ended."""
        self._open.pop(run_id, None)

    def on_llm_error(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """A model failed."""
        self._open.pop(run_id, None)

    def on_chain_error(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """A step failed."""
        self._open.pop(run_id, None)

    async def end_all(self, error: BaseException, handlers: Sequence[BaseCallbackHandler]) -> None:
        """Tell `handlers` that every open run ended with `error`, the innermost first."""
        for run_id, manager in reversed(list(self._open.items())):
            run = manager(run_id=run_id, handlers=list(handlers), inheritable_handlers=[])
            if isinstance(run, AsyncCallbackManagerForLLMRun):
                await run.on_llm_error(error, response=LLMResult(generations=[]))
            else:
                await run.on_chain_error(error)
        self._open.clear()


@asynccontextmanager
async def watched(handlers: Sequence[BaseCallbackHandler]) -> AsyncIterator[None]:
    """End the runs that an interruption leaves open beneath a call; `handlers` hold the call's `Watch`, if any."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception):
            for handler in handlers:
                if isinstance(handler, Watch):
                    await handler.end_all(error, handlers)
        raise
