"""What a caller asks for, put to whichever model is to answer: messages, a prompt, a template, an object, tools."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, MessageRole
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import BasePromptTemplate, ChatPromptTemplate, PromptTemplate

from automix_core.checking.client import SHAPES, Client
from automix_core.routing.attached import KEY
from automix_core.routing.effects import Reply
from automix_core.usage import Usage

from ..child.clients import client_of
from ..child.responses import Response, as_reply, text_of, without_thoughts
from ..child.sampler import Prompt
from ..query.reading import selected

Record: TypeAlias = dict[str, Any]
"""A route as plain data."""

R = TypeVar("R")


class Request(ABC, Generic[R]):
    """One request; `R` is what a model returns for it and what it streams, piece by piece."""

    @abstractmethod
    def ask(self, model: LLM) -> R:
        """The whole answer of `model`."""

    @abstractmethod
    async def aask(self, model: LLM) -> R:
        """`ask`, awaited."""

    @abstractmethod
    def stream(self, model: LLM) -> Iterator[R]:
        """The answer of `model` as it comes."""

    @abstractmethod
    async def astream(self, model: LLM) -> AsyncIterator[R]:
        """`stream`, awaited."""

    @abstractmethod
    def reply(self, said: R, client: Client) -> Reply:
        """An answer as the core sees it, by what is known of the client that gave it."""

    def streamed(self, last: R, client: Client, reason: str | None, usage: Usage | None) -> Reply:
        """A whole stream as the core sees it: its last piece, and what an earlier one told of its end and tokens."""
        said = self.reply(last, client)
        return replace(said, usage=said.usage or usage)

    def talk(self, model: LLM) -> Prompt | None:
        """What `model` would be sent to answer, as a prompt; None where that says more than messages or a text do."""
        return None

    def draft(self, model: LLM) -> Reply:
        """An answer that may be rejected."""
        return self.reply(self.spoken(self.ask(model)), client_of(model))

    async def adraft(self, model: LLM) -> Reply:
        """`draft`, awaited."""
        return self.reply(self.spoken(await self.aask(model)), client_of(model))

    def spoken(self, said: R) -> R:
        """A draft as it is checked and served: without the thoughts in it."""
        return said

    def piece(self, said: R) -> R:
        """A whole answer as the one piece of a stream."""
        return said

    def recorded(self, said: R, record: Record) -> R:
        """The answer with its route on it, where it has a place for one."""
        return said

    def closing(self, last: R, record: Record) -> R | None:
        """The piece that ends a stream with the route on it, or None where pieces have no place for one."""
        return None


class ResponseRequest(Request[Response]):
    """A request whose answer is one of LlamaIndex's responses."""

    def reply(self, said: Response, client: Client) -> Reply:
        """An answer as the core sees it."""
        return as_reply(said, client)

    def spoken(self, said: Response) -> Response:
        """A draft as it is checked and served: without the thoughts in it."""
        return without_thoughts(said)

    def streamed(self, last: Response, client: Client, reason: str | None, usage: Usage | None) -> Reply:
        """A whole stream as the core sees it."""
        said = as_reply(last, client, reason)
        return replace(said, usage=said.usage or usage)

    def piece(self, said: Response) -> Response:
        """A whole answer as the one piece of a stream."""
        return said.model_copy(update={"delta": text_of(said)})

    def recorded(self, said: Response, record: Record) -> Response:
        """The response with its route. A copy, as a model may return the same object twice."""
        return recorded(said, record)

    def closing(self, last: Response, record: Record) -> Response | None:
        """The last piece again, adding nothing but the route."""
        rest = {key: value for key, value in last.additional_kwargs.items() if key != "thinking_delta"}
        return recorded(last.model_copy(update={"delta": "", "additional_kwargs": rest}), record)


@dataclass(frozen=True, slots=True)
class ChatRequest(ResponseRequest):
    """Messages, as for `chat`."""

    messages: Sequence[ChatMessage]
    kwargs: Mapping[str, Any]

    def talk(self, model: LLM) -> Prompt | None:
        """The messages, unless tools, formats or stop words come with them."""
        return _said(self.messages) if SHAPES.isdisjoint(self.kwargs) else None

    def ask(self, model: LLM) -> ChatResponse:
        """The whole answer of `model`."""
        return model.chat(list(self.messages), **self.kwargs)

    async def aask(self, model: LLM) -> ChatResponse:
        """`ask`, awaited."""
        return await model.achat(list(self.messages), **self.kwargs)

    def stream(self, model: LLM) -> Iterator[Response]:
        """The answer of `model` as it comes."""
        return model.stream_chat(list(self.messages), **self.kwargs)

    async def astream(self, model: LLM) -> AsyncIterator[Response]:
        """`stream`, awaited."""
        return await model.astream_chat(list(self.messages), **self.kwargs)


@dataclass(frozen=True, slots=True)
class CompletionRequest(ResponseRequest):
    """A prompt, as for `complete`."""

    prompt: str
    formatted: bool
    kwargs: Mapping[str, Any]

    def talk(self, model: LLM) -> Prompt | None:
        """The prompt: a chat model makes a message of it, any other is sent it as it is."""
        if not SHAPES.isdisjoint(self.kwargs):
            return None
        if model.metadata.is_chat_model:
            return [ChatMessage(role=MessageRole.USER, content=self.prompt)]
        return None if self.formatted else self.prompt

    def ask(self, model: LLM) -> CompletionResponse:
        """The whole answer of `model`."""
        return model.complete(self.prompt, formatted=self.formatted, **self.kwargs)

    async def aask(self, model: LLM) -> CompletionResponse:
        """`ask`, awaited."""
        return await model.acomplete(self.prompt, formatted=self.formatted, **self.kwargs)

    def stream(self, model: LLM) -> Iterator[Response]:
        """The answer of `model` as it comes."""
        return model.stream_complete(self.prompt, formatted=self.formatted, **self.kwargs)

    async def astream(self, model: LLM) -> AsyncIterator[Response]:
        """`stream`, awaited."""
        return await model.astream_complete(self.prompt, formatted=self.formatted, **self.kwargs)


@dataclass(frozen=True, slots=True)
class PromptRequest(Request[Response]):
    """A template and its variables, as for `predict`, which returns no more than text.

    It is rendered for each model: a selector may hold another template for it, and a model its own system prompt; once
    for those that are sent the same. What `host` adds to prompts is added last.
    """

    prompt: BasePromptTemplate
    args: Mapping[str, Any]
    host: LLM
    _rendered: dict[Any, list[ChatMessage]] = field(default_factory=dict, compare=False, repr=False)

    def messages(self, model: LLM) -> list[ChatMessage]:
        """The template as a chat, for `model`."""
        template = selected(self.prompt, model)
        alike = type(template) in _KNOWN and type(model)._get_messages is LLM._get_messages
        key = (id(template), model.system_prompt, id(model.output_parser)) if alike else id(model)
        if key not in self._rendered:
            self._rendered[key] = self._render(model)
        return [*self._rendered[key]]

    def _render(self, model: LLM) -> list[ChatMessage]:
        messages = model._get_messages(self.prompt, **self.args)
        if self.host.output_parser is not None:
            messages = self.host.output_parser.format_messages(messages)
        return self.host._extend_messages(messages)

    def talk(self, model: LLM) -> Prompt | None:
        """The template as `model` would be sent it, if it chats."""
        return _said(self.messages(model)) if model.metadata.is_chat_model else None

    def text(self, model: LLM) -> str:
        """The template as one text, for `model`."""
        text = model._get_prompt(self.prompt, **self.args)
        if self.host.output_parser is not None:
            text = self.host.output_parser.format(text)
        return self.host._extend_prompt(text)

    def ask(self, model: LLM) -> Response:
        """The whole answer of `model`."""
        if model.metadata.is_chat_model:
            return model.chat(self.messages(model))
        return model.complete(self.text(model), formatted=True)

    async def aask(self, model: LLM) -> Response:
        """`ask`, awaited."""
        if model.metadata.is_chat_model:
            return await model.achat(self.messages(model))
        return await model.acomplete(self.text(model), formatted=True)

    def stream(self, model: LLM) -> Iterator[Response]:
        """The answer of `model` as it comes."""
        if model.metadata.is_chat_model:
            return model.stream_chat(self.messages(model))
        return model.stream_complete(self.text(model), formatted=True)

    async def astream(self, model: LLM) -> AsyncIterator[Response]:
        """`stream`, awaited."""
        if model.metadata.is_chat_model:
            return await model.astream_chat(self.messages(model))
        return await model.astream_complete(self.text(model), formatted=True)

    def reply(self, said: Response, client: Client) -> Reply:
        """An answer as the core sees it."""
        return as_reply(said, client)

    def spoken(self, said: Response) -> Response:
        """A draft as it is checked and served: without the thoughts in it."""
        return without_thoughts(said)

    def streamed(self, last: Response, client: Client, reason: str | None, usage: Usage | None) -> Reply:
        """A whole stream as the core sees it."""
        said = as_reply(last, client, reason)
        return replace(said, usage=said.usage or usage)

    def piece(self, said: Response) -> Response:
        """A whole answer as the one piece of a stream."""
        return said.model_copy(update={"delta": text_of(said)})


_KNOWN = (ChatPromptTemplate, PromptTemplate)
"""Templates that say the same to each model."""
_SAID = frozenset({MessageRole.SYSTEM, MessageRole.DEVELOPER, MessageRole.USER, MessageRole.ASSISTANT})


def _said(messages: Sequence[ChatMessage]) -> Sequence[ChatMessage] | None:
    """The messages, if they are all that anyone said: no calls of tools, and nothing that a tool returned."""
    plain = all(message.role in _SAID and "tool_calls" not in message.additional_kwargs for message in messages)
    return messages if plain else None


def recorded(said: Response, record: Record) -> Response:
    """A copy of the response that bears its route."""
    return said.model_copy(update={"additional_kwargs": {**said.additional_kwargs, KEY: record}})
