"""Children that answer in this process, fail now and then, and are written down: what began, ended and was paid."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback

IN, OUT = 7, 3
"""Tokens of every answered request."""


class RefusedError(RuntimeError):
    """What a child raises when it fails."""


@dataclass
class Ledger:
    """Every request: `begun`, `answered`, `failed`, `cancelled`; a `share` fails, after `pause` seconds at most."""

    share: float = 0.0
    pause: float = 0.0
    seed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    @property
    def open(self) -> int:
        """Requests that neither ended nor were cancelled."""
        return self.counts["begun"] - self.counts["answered"] - self.counts["failed"] - self.counts["cancelled"]

    def _begin(self) -> tuple[bool, float]:
        with self._lock:
            self.counts["begun"] += 1
            return self._random.random() < self.share, self._random.random() * self.pause

    def _end(self, how: str) -> None:
        with self._lock:
            self.counts[how] += 1

    @contextmanager
    def request(self) -> Iterator[None]:
        """One blocking request."""
        fails, pause = self._begin()
        if pause:
            time.sleep(pause)
        self._end("failed" if fails else "answered")
        if fails:
            raise RefusedError("told to fail")
        yield

    @asynccontextmanager
    async def arequest(self) -> AsyncIterator[None]:
        """One awaited request; a cancellation ends it."""
        fails, pause = self._begin()
        try:
            if pause:
                await asyncio.sleep(pause)
        except BaseException:
            self._end("cancelled")
            raise
        self._end("failed" if fails else "answered")
        if fails:
            raise RefusedError("told to fail")
        yield


def said(name: str, texts: Sequence[str]) -> str:
    """`name` and the number of the question; checks find the drafts of even numbers right."""
    number = texts[-1].rpartition("(")[2].partition(")")[0] if len(texts) <= 2 else _asked(texts[-1])
    if len(texts) <= 2:
        return f"{name} ({number})"
    return "So it says.\nVerdict: " + ("Incorrect" if int(number) % 2 else "Correct")


def _asked(check: str) -> str:
    """The number of the question that a check is about; its draft names it too."""
    return check.rpartition("small (")[2].partition(")")[0]


class LangChainChild(BaseChatModel):
    """A chat model of LangChain's."""

    name: str
    ledger: Any

    @property
    def _llm_type(self) -> str:
        return "ledger"

    def _result(self, messages: Sequence[Any]) -> AIMessage:
        usage: Any = {"input_tokens": IN, "output_tokens": OUT, "total_tokens": IN + OUT}
        text = said(self.name, [message.text for message in messages])
        return AIMessage(text, usage_metadata=usage, response_metadata={"finish_reason": "stop"})

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        with self.ledger.request():
            return ChatResult(generations=[ChatGeneration(message=self._result(messages))])

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        async with self.ledger.arequest():
            return ChatResult(generations=[ChatGeneration(message=self._result(messages))])

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with self.ledger.arequest():
            whole = self._result(messages)
        head, _, tail = whole.text.partition(" ")
        yield ChatGenerationChunk(message=AIMessageChunk(content=head + " "))
        await asyncio.sleep(0)
        end = AIMessageChunk(
            content=tail, usage_metadata=whole.usage_metadata, response_metadata=whole.response_metadata
        )
        yield ChatGenerationChunk(message=end)


class LlamaIndexChild(CustomLLM):
    """A chat model of LlamaIndex's."""

    name: str
    ledger: Any

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.name, is_chat_model=True)

    def _result(self, messages: Sequence[ChatMessage]) -> ChatResponse:
        usage = {"prompt_tokens": IN, "completion_tokens": OUT, "total_tokens": IN + OUT}
        text = said(self.name, [message.content or "" for message in messages])
        message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
        choice = {"finish_reason": "stop", "index": 0}
        return ChatResponse(message=message, raw={"usage": usage, "choices": [choice]}, additional_kwargs=usage)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        with self.ledger.request():
            return self._result(messages)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        async with self.ledger.arequest():
            return self._result(messages)

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        async def pieces() -> AsyncIterator[ChatResponse]:
            async with self.ledger.arequest():
                whole = self._result(messages)
            text = whole.message.content or ""
            head, _, tail = text.partition(" ")
            for so_far, delta in ((head + " ", head + " "), (text, tail)):
                message = ChatMessage(role=MessageRole.ASSISTANT, content=so_far)
                last = so_far == text
                yield ChatResponse(
                    message=message,
                    delta=delta,
                    raw=whole.raw if last else None,
                    additional_kwargs=whole.additional_kwargs if last else {},
                )
                await asyncio.sleep(0)

        return pieces()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError
