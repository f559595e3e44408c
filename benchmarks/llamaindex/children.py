"""Children that answer in this process, after a pause or at once; they report their events as real ones do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback
from llama_index.core.llms.llm import LLM


class Child(LLM):
    """Answers `text`, and every check with a verdict: correct where the question's number is even."""

    text: str
    pause: float = 0.0

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.text, context_window=32_000, is_chat_model=True)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        if self.pause:
            time.sleep(self.pause)
        return self._answer(messages)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        if self.pause:
            await asyncio.sleep(self.pause)
        return self._answer(messages)

    def _answer(self, messages: Sequence[ChatMessage]) -> ChatResponse:
        last = messages[-1].content or ""
        text = self.text
        if len(messages) > 3:
            number = last.partition("(")[2].partition(")")[0]
            text = "So it says.\nVerdict: " + ("Incorrect" if number.isdigit() and int(number) % 2 else "Correct")
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
        return ChatResponse(message=message, raw={"usage": usage}, additional_kwargs=usage)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        raise NotImplementedError

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        raise NotImplementedError

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        raise NotImplementedError

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        raise NotImplementedError

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        raise NotImplementedError

    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        raise NotImplementedError
