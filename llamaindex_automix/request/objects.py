"""Structured prediction: an object of a class is asked for, drafted, judged as JSON, and given or replaced whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import BasePromptTemplate, ChatPromptTemplate
from pydantic import BaseModel, ValidationError

from automix_core.checking.client import Client
from automix_core.checking.finish import problem
from automix_core.routing.effects import Reply

from ..child.clients import client_of
from ..child.overheard import listening, telling, tokens
from ..child.responses import Response, finish_reason
from .request import Record, Request


@dataclass(frozen=True, slots=True)
class Made:
    """An object a model made, the responses it made it with, and the route of the call that wanted it."""

    made: Any
    heard: list[Response] = field(default_factory=list)
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class ObjectRequest(Request[Made]):
    """An object of `output_cls` for a template and its variables, as for `structured_predict`."""

    output_cls: type[BaseModel]
    prompt: BasePromptTemplate
    kwargs: Mapping[str, Any]
    args: Mapping[str, Any]
    host: LLM

    def ask(self, model: LLM) -> Made:
        """The whole answer of `model`."""
        return self._make(model, [])

    async def aask(self, model: LLM) -> Made:
        """`ask`, awaited."""
        return await self._amake(model, [])

    def draft(self, model: LLM) -> Reply:
        """An object that may be rejected; a response that gives no object is a draft that can't be kept."""
        heard: list[Response] = []
        try:
            return self.reply(self._make(model, heard), client_of(model))
        except (ValueError, TypeError) as error:
            return self._invalid(error, heard)

    async def adraft(self, model: LLM) -> Reply:
        """`draft`, awaited."""
        heard: list[Response] = []
        try:
            return self.reply(await self._amake(model, heard), client_of(model))
        except (ValueError, TypeError) as error:
            return self._invalid(error, heard)

    def stream(self, model: Any) -> Iterator[Made]:
        """The partial objects of `model` as they come."""
        heard: list[Response] = []
        said: list[Response] = []
        asked: Any = telling(model, client_of(model).unheard, said)
        pieces = asked.stream_structured_predict(*self._arguments(model), **self._variables())
        try:
            while True:
                with listening(heard):
                    try:
                        made = next(pieces)
                    except StopIteration:
                        return
                yield Made(made, heard)
        finally:
            heard.extend(() if heard else said)
            pieces.close()

    async def astream(self, model: Any) -> AsyncIterator[Made]:
        """`stream`, awaited."""
        said: list[Response] = []
        asked: Any = telling(model, client_of(model).unheard, said)
        pieces = await asked.astream_structured_predict(*self._arguments(model), **self._variables())

        async def made() -> AsyncIterator[Made]:
            heard: list[Response] = []
            try:
                while True:
                    with listening(heard):
                        try:
                            piece = await anext(pieces)
                        except StopAsyncIteration:
                            return
                    yield Made(piece, heard)
            finally:
                heard.extend(() if heard else said)
                await pieces.aclose()

        return made()

    def reply(self, said: Made, client: Client) -> Reply:
        """An answer as the core sees it: an object made of a reply that was cut off is cut off too."""
        text = said.made.model_dump_json() if isinstance(said.made, BaseModel) else str(said.made)
        reason = finish_reason(said.heard[-1]) if said.heard else None
        why = problem(text, reason, good=client.good)
        return Reply(text, tokens(said.heard), said, why, is_data=True)

    def recorded(self, said: Made, record: Record) -> Made:
        """The object with its route."""
        return replace(said, record=record)

    def closing(self, last: Made, record: Record) -> Made:
        """The whole object again, with the route."""
        return replace(last, record=record)

    def _make(self, model: Any, heard: list[Response]) -> Made:
        with self._hearing(model, heard) as asked:
            return self._made(asked.structured_predict(*self._arguments(model), **self._variables()), heard)

    async def _amake(self, model: Any, heard: list[Response]) -> Made:
        with self._hearing(model, heard) as asked:
            return self._made(await asked.astructured_predict(*self._arguments(model), **self._variables()), heard)

    @contextmanager
    def _hearing(self, model: LLM, heard: list[Response]) -> Iterator[Any]:
        """`model` as it is to be asked, so that what it says within is in `heard` afterwards."""
        said: list[Response] = []
        with listening(heard):
            try:
                yield telling(model, client_of(model).unheard, said)
            finally:
                heard.extend(() if heard else said)

    def _made(self, made: Any, heard: list[Response]) -> Made:
        if not isinstance(made, BaseModel):  # older versions of LlamaIndex return the text of the parser's error
            raise TypeError(f"The model gave no {self.output_cls.__name__}.")
        return Made(made, heard)

    def _invalid(self, error: Exception, heard: list[Response]) -> Reply:
        if not heard and not isinstance(error, ValidationError):
            raise error  # the model did not even answer
        why = problem("some text that nobody gets", finish_reason(heard[-1])) if heard else ""
        return Reply("", tokens(heard), None, why or f"not a valid {self.output_cls.__name__}")

    def _arguments(self, model: LLM) -> tuple[Any, ...]:
        return self.output_cls, self._prompt(model), dict(self.kwargs)

    def _prompt(self, model: LLM) -> BasePromptTemplate:
        """The template as the child is to see it: with what the cascade adds, if it adds anything."""
        if not self.host.system_prompt:
            return self.prompt
        messages: list[ChatMessage] = self.host._extend_messages(self.prompt.format_messages(llm=model, **self.args))
        return ChatPromptTemplate(message_templates=messages)

    def _variables(self) -> Mapping[str, Any]:
        return {} if self.host.system_prompt else self.args
