"""Overhearing a child's responses where its method returns something else, such as an object without token counts.

LlamaIndex's models tell of their chats and completions. Some ask their provider's client for objects and tell nobody;
of these a copy is asked, whose clients tell.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index.core.llms.llm import LLM
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


def telling(model: LLM, places: Sequence[str], said: list[Response]) -> LLM:
    """`model`, or a copy of it whose provider's clients, kept at `places`, add what they answer to `said`."""
    if not places:
        return model
    copy = model.model_copy()
    for place in places:
        if (client := getattr(model, place, None)) is not None:
            setattr(copy, place, _Telling(client, said, type(client).__module__.partition(".")[0]))
    return copy


class _Telling:
    """A provider's client, or a part of one, that tells what its methods return; anything else is the client's own."""

    def __init__(self, inner: Any, said: list[Response], package: str) -> None:
        self._inner, self._said, self._package = inner, said, package

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The client's: who asks what it is, is told."""
        return type(self._inner)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if inspect.ismethod(value) or inspect.isfunction(value):
            return self._heard(value)
        own = type(value).__module__.partition(".")[0] == self._package and not isinstance(value, type)
        return _Telling(value, self._said, self._package) if own else value

    def _heard(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            found = method(*args, **kwargs)
            return self._awaited(found) if inspect.isawaitable(found) else self._told(found)

        return call

    async def _awaited(self, found: Awaitable[Any]) -> Any:
        return self._told(await found)

    def _told(self, found: Any) -> Any:
        if inspect.isgenerator(found):
            return self._pieces(found)
        if inspect.isasyncgen(found):
            return self._apieces(found)
        self._said.extend(_answers([found]))
        return found

    def _pieces(self, stream: Any) -> Iterator[Any]:
        last: list[Response] = []
        with closing(stream):
            for piece in stream:
                last = _answers([piece]) or last
                yield piece
        self._said.extend(last)  # each piece tells the tokens so far

    async def _apieces(self, stream: Any) -> AsyncIterator[Any]:
        last: list[Response] = []
        async with aclosing(stream):
            async for piece in stream:
                last = _answers([piece]) or last
                yield piece
        self._said.extend(last)


def _answers(found: Sequence[Any]) -> list[Response]:
    """Those of a provider's objects that tell tokens, as responses of LlamaIndex's."""
    said = [ChatResponse(message=ChatMessage("", role=MessageRole.ASSISTANT), raw=one) for one in found]
    return [response for response in said if usage_of(response) is not None]


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
