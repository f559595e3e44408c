"""A structured AutoMix LLM, as `AutoMixLLM.as_structured_llm` gives it.

LlamaIndex's own would format a template before it asks, and the context would be lost; and it reports its answers as
model calls of its own, which would count every token twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    MessageRole,
)
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.prompts import BasePromptTemplate, ChatPromptTemplate
from llama_index.core.types import TokenAsyncGen, TokenGen
from pydantic import BaseModel

from automix_core.routing.attached import KEY

from ..call import Call
from ..query.passing import taken
from ..query.reading import for_children, read_messages
from ..request.objects import Made, ObjectRequest
from .templates import PromptingLLM


class AutoMixStructuredLLM(StructuredLLM):
    """All answers are objects of `output_cls`, as JSON; the object itself is the response's `raw`."""

    llm: PromptingLLM

    @classmethod
    def class_name(cls) -> str:
        """The name used in serialization."""
        return "automix_structured_llm"

    def __setattr__(self, name: str, value: Any) -> None:
        """A callback manager is handed on: only the models below report."""
        super().__setattr__(name, value)
        if name == "callback_manager" and "llm" in self.__dict__:
            self.llm.callback_manager = value

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """The object for a template, as JSON."""
        return _json(self.llm.structured_predict(self.output_cls, prompt, **prompt_args))

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """`predict`, awaited."""
        return _json(await self.llm.astructured_predict(self.output_cls, prompt, **prompt_args))

    def stream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenGen:
        """The object for a template, as one piece of JSON: partial objects are not parts of a text."""
        yield self.predict(prompt, **prompt_args)

    async def astream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenAsyncGen:
        """`stream`, awaited."""
        whole = await self.apredict(prompt, **prompt_args)

        async def pieces() -> TokenAsyncGen:
            yield whole

        return pieces()

    def structured_predict(self, output_cls: type[Any], prompt: BasePromptTemplate, *args: Any, **kwargs: Any) -> Any:
        """An object of `output_cls` for a template."""
        return self.llm.structured_predict(output_cls, prompt, *args, **kwargs)

    async def astructured_predict(
        self, output_cls: type[Any], prompt: BasePromptTemplate, *args: Any, **kwargs: Any
    ) -> Any:
        """`structured_predict`, awaited."""
        return await self.llm.astructured_predict(output_cls, prompt, *args, **kwargs)

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The object for a chat."""
        return _response(self._ask(messages, kwargs).answer())

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """`chat`, awaited."""
        return _response(await self._ask(messages, kwargs).aanswer())

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """A small model's object once it was checked, or the partial objects of the finishing model as they come."""
        pieces = self._ask(messages, kwargs).stream()

        def responses() -> ChatResponseGen:
            try:
                for made in pieces:
                    yield _response(made)
            finally:
                pieces.close()

        return responses()

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """`stream_chat`, awaited."""
        pieces = await self._ask(messages, kwargs).astream()

        async def responses() -> ChatResponseAsyncGen:
            try:
                async for made in pieces:
                    yield _response(made)
            finally:
                await pieces.aclose()

        return responses()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The object for a prompt."""
        return _completion(self.chat([ChatMessage(role=MessageRole.USER, content=prompt)], **kwargs))

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """`complete`, awaited."""
        return _completion(await self.achat([ChatMessage(role=MessageRole.USER, content=prompt)], **kwargs))

    def _ask(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> Call:
        keywords = taken(kwargs)
        plain = for_children(messages)
        request = ObjectRequest(self.output_cls, ChatPromptTemplate(message_templates=plain), kwargs, {}, self.llm)
        if self.llm.structured_output == "large":
            return self.llm._whole(request, "structured_output leaves objects to the largest model.")
        return self.llm._call(request, read_messages(messages), keywords, lambda: plain)


def _json(made: Any) -> str:
    return made.model_dump_json() if isinstance(made, BaseModel) else str(made)


def _response(made: Made) -> ChatResponse:
    message = ChatMessage(role=MessageRole.ASSISTANT, content=_json(made.made))
    extra = {} if made.record is None else {KEY: made.record}
    return ChatResponse(message=message, raw=made.made, additional_kwargs=extra)


def _completion(response: ChatResponse) -> CompletionResponse:
    text = response.message.content or ""
    return CompletionResponse(text=text, raw=response.raw, additional_kwargs=response.additional_kwargs)
