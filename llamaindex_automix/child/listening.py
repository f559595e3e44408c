"""Hearing the model calls that others make, by LlamaIndex's instrumentation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import BaseEventHandler

from automix_core.audit.judge import Heard

from .responses import usage_of

_heard: ContextVar[list[Any] | None] = ContextVar("automix_heard", default=None)


class _Listener(BaseEventHandler):
    """Gathers the responses of all LLM calls for whoever listens in this context."""

    def handle(self, event: Any, **kwargs: Any) -> None:
        """Remember a response."""
        heard = _heard.get()
        if heard is not None and isinstance(event, LLMChatEndEvent | LLMCompletionEndEvent):
            heard.append(event.response)


@contextmanager
def listening() -> Iterator[list[Any]]:
    """The responses of all LLM calls that are made within."""
    handlers = get_dispatcher().event_handlers
    if not any(isinstance(handler, _Listener) for handler in handlers):
        get_dispatcher().add_event_handler(_Listener())
    heard: list[Any] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


@contextmanager
def metered() -> Iterator[Heard]:
    """The tokens of all LLM calls that are made within."""
    found = Heard()
    with listening() as heard:
        try:
            yield found
        finally:
            found.usages.extend(map(usage_of, heard))
