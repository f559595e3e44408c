"""Messages and plain prompts: the eight methods that every LlamaIndex LLM has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    MessageRole,
)

from ..call import Call
from ..child.reasoning import for_models
from ..query.passing import taken
from ..query.reading import for_children, read_messages, read_text
from ..request.request import ChatRequest, CompletionRequest
from .configured import RoutedLLM


class ChattingLLM(RoutedLLM):
    """Answers messages and prompts. The route of a call is in the response's `additional_kwargs["automix"]`."""

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer a chat. `automix_question`, `automix_context` and `automix_coin` are for AutoMix."""
        return cast("ChatResponse", self._chat(messages, kwargs).answer())

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """`chat`, awaited."""
        return cast("ChatResponse", await self._chat(messages, kwargs).aanswer())

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Answer a chat: nothing of a draft is shown before the verdict on it."""
        return self._chat(messages, kwargs).stream()

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """`stream_chat`, awaited."""
        return await self._chat(messages, kwargs).astream()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer a prompt. `automix_question`, `automix_context` and `automix_coin` are for AutoMix."""
        return cast("CompletionResponse", self._complete(prompt, formatted, kwargs).answer())

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """`complete`, awaited."""
        return cast("CompletionResponse", await self._complete(prompt, formatted, kwargs).aanswer())

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Answer a prompt: nothing of a draft is shown before the verdict on it."""
        return self._complete(prompt, formatted, kwargs).stream()

    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """`stream_complete`, awaited."""
        return await self._complete(prompt, formatted, kwargs).astream()

    def _chat(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> Call:
        keywords = taken(kwargs)
        plain = for_children(messages)
        if kwargs.get("tools"):
            return self._whole(ChatRequest(plain, kwargs), "Tools go whole to one model.")
        request = ChatRequest(for_models(plain, self.models), kwargs)
        return self._call(request, read_messages(messages), keywords, lambda: plain)

    def _complete(self, prompt: str, formatted: bool, kwargs: dict[str, Any]) -> Call:
        keywords = taken(kwargs)
        request = CompletionRequest(prompt, formatted, kwargs)
        user = ChatMessage(role=MessageRole.USER, content=prompt)
        return self._call(request, read_text(prompt), keywords, lambda: [user])
