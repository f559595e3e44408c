"""Overhearing a child's responses where its method returns something else, such as an object without token counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base.event import BaseEvent

from automix_core.usage import Usage, total

from .responses import Response, usage_of

_heard: ContextVar[list[Response] | None] = ContextVar("automix_heard", default=None)
_lock = Lock()
_attached = False


class _Ear(BaseEventHandler):
    """Hands the responses of models to whoever listens in the context of the call."""

    @classmethod
    def class_name(cls) -> str:
        return "AutoMixEar"

    def handle(self, event: BaseEvent, **_: Any) -> None:
        heard = _heard.get()
        if heard is None or not isinstance(event, LLMChatEndEvent | LLMCompletionEndEvent):
            return
        if event.response is not None:
            heard.append(event.response)


@contextmanager
def listening(heard: list[Response]) -> Iterator[None]:
    """Add every response that a model gives within to `heard`; concurrent calls don't hear each other."""
    _attach()
    token = _heard.set(heard)
    try:
        yield
    finally:
        _heard.reset(token)


def tokens(heard: list[Response]) -> Usage | None:
    """The tokens of all responses heard; None if there were none, or one reported nothing."""
    return total(usage_of(response) for response in heard) if heard else None


def _attach() -> None:
    """Hear what the decorators of LlamaIndex's models tell; the first time anyone listens, not at import."""
    global _attached
    with _lock:
        if not _attached:
            get_dispatcher("llama_index.core.llms.callbacks").add_event_handler(_Ear())
            _attached = True
