"""Templates: the predict family, through which LlamaIndex's synthesizers ask, and structured prediction.

The methods stand here whole: calling those of `LLM` would open each span twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index.core.instrumentation.events.llm import (
    LLMPredictEndEvent,
    LLMPredictStartEvent,
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import TokenAsyncGen, TokenGen
from pydantic import BaseModel

from ..call import Call
from ..child.responses import text_of
from ..events import tell
from ..query.passing import taken
from ..query.reading import read_template
from ..request.objects import ObjectRequest
from ..request.request import PromptRequest
from .messages import ChattingLLM


class PromptingLLM(ChattingLLM):
    """Answers templates. Question, context, earlier answer and history are read from the template's variables."""

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """Answer a template. `automix_question`, `automix_context` and `automix_coin` are for AutoMix."""
        call = self._predict(prompt, prompt_args)
        return self._predicted(call.answer())

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """`predict`, awaited."""
        call = self._predict(prompt, prompt_args)
        return self._predicted(await call.aanswer())

    def stream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenGen:
        """Answer a template: nothing of a draft is shown before the verdict on it."""
        self._refuse_parsers(prompt)
        return _tokens(self._predict(prompt, prompt_args).stream())

    async def astream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenAsyncGen:
        """`stream`, awaited."""
        self._refuse_parsers(prompt)
        return _atokens(await self._predict(prompt, prompt_args).astream())

    def structured_predict(
        self,
        output_cls: type[Any],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        """An object of `output_cls` for a template: a small model's is checked as JSON before it is kept."""
        made = self._structured(output_cls, prompt, llm_kwargs, prompt_args).answer().made
        tell(LLMStructuredPredictEndEvent, output=made)
        return made

    async def astructured_predict(
        self,
        output_cls: type[Any],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        """`structured_predict`, awaited."""
        made = (await self._structured(output_cls, prompt, llm_kwargs, prompt_args).aanswer()).made
        tell(LLMStructuredPredictEndEvent, output=made)
        return made

    def stream_structured_predict(
        self,
        output_cls: type[Any],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Any, None, None]:
        """A small model's object once it was checked, or the partial objects of the finishing model as they come."""
        return _objects(self._structured(output_cls, prompt, llm_kwargs, prompt_args).stream())

    async def astream_structured_predict(
        self,
        output_cls: type[Any],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Any, None]:
        """`stream_structured_predict`, awaited."""
        return _aobjects(await self._structured(output_cls, prompt, llm_kwargs, prompt_args).astream())

    def _predict(self, prompt: BasePromptTemplate, args: dict[str, Any]) -> Call:
        keywords = taken(args)
        tell(LLMPredictStartEvent, template=prompt, template_args=args)
        if self.callback_manager.handlers:
            self._log_template_data(prompt, **args)
        request = PromptRequest(prompt, args, self)
        small = self.models[0]
        return self._call(request, read_template(prompt, args, self), keywords, lambda: request.messages(small))

    def _predicted(self, response: Any) -> str:
        """The text, parsed where the model has a parser; drafts are checked as they were written."""
        output = self._parse_output(text_of(response))
        tell(LLMPredictEndEvent, output=output)
        return output

    def _structured(
        self,
        output_cls: type[BaseModel],
        prompt: BasePromptTemplate,
        kwargs: dict[str, Any] | None,
        args: dict[str, Any],
    ) -> Call:
        keywords = taken(args)
        tell(LLMStructuredPredictStartEvent, output_cls=output_cls, template=prompt, template_args=args)
        request = ObjectRequest(output_cls, prompt, kwargs or {}, args, self)
        if self.structured_output == "large":
            return self._whole(request, "structured_output leaves objects to the largest model.")
        small = self.models[0]
        shown = PromptRequest(prompt, args, self)
        return self._call(request, read_template(prompt, args, self), keywords, lambda: shown.messages(small))

    def _refuse_parsers(self, prompt: BasePromptTemplate) -> None:
        if prompt.output_parser is not None or self.output_parser is not None:
            raise NotImplementedError("Output parser is not supported for streaming.")


def _tokens(pieces: Generator[Any, None, None]) -> TokenGen:
    try:
        for piece in pieces:
            if piece.delta:
                yield piece.delta
    finally:
        pieces.close()


async def _atokens(pieces: AsyncGenerator[Any, None]) -> TokenAsyncGen:
    try:
        async for piece in pieces:
            if piece.delta:
                yield piece.delta
    finally:
        await pieces.aclose()


def _objects(pieces: Generator[Any, None, None]) -> Generator[Any, None, None]:
    made = None
    try:
        for piece in pieces:
            made = piece.made
            yield made
    finally:
        pieces.close()
    tell(LLMStructuredPredictEndEvent, output=made)


async def _aobjects(pieces: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    made = None
    try:
        async for piece in pieces:
            made = piece.made
            yield made
    finally:
        await pieces.aclose()
    tell(LLMStructuredPredictEndEvent, output=made)
