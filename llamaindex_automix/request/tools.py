"""Requests with tools: they go whole to one model, in whose form the tools and their calls are written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index.core.base.llms.types import ChatResponse

from automix_core.checking.client import Client
from automix_core.routing.effects import Reply

from ..child.overheard import listening, tokens
from ..child.responses import Response
from .objects import Made
from .request import Request, ResponseRequest


@dataclass(frozen=True, slots=True)
class ToolRequest(ResponseRequest):
    """A chat with tools, as for `chat_with_tools`."""

    tools: Sequence[Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]

    def ask(self, model: Any) -> ChatResponse:
        """The whole answer of `model`."""
        said: ChatResponse = model.chat_with_tools(self.tools, *self.args, **self.kwargs)
        return said

    async def aask(self, model: Any) -> ChatResponse:
        """`ask`, awaited."""
        said: ChatResponse = await model.achat_with_tools(self.tools, *self.args, **self.kwargs)
        return said

    def stream(self, model: Any) -> Iterator[Response]:
        """The answer of `model` as it comes."""
        pieces: Iterator[Response] = model.stream_chat_with_tools(self.tools, *self.args, **self.kwargs)
        return pieces

    async def astream(self, model: Any) -> AsyncIterator[Response]:
        """`stream`, awaited."""
        pieces: AsyncIterator[Response] = await model.astream_chat_with_tools(self.tools, *self.args, **self.kwargs)
        return pieces


@dataclass(frozen=True, slots=True)
class MethodRequest(Request[Made]):
    """A method of the model's, which has an async twin whose name begins with a."""

    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]

    def ask(self, model: Any) -> Made:
        """What the method returns."""
        heard: list[Response] = []
        with listening(heard):
            return Made(getattr(model, self.name)(*self.args, **self.kwargs), heard)

    async def aask(self, model: Any) -> Made:
        """`ask`, awaited."""
        heard: list[Response] = []
        with listening(heard):
            return Made(await getattr(model, f"a{self.name}")(*self.args, **self.kwargs), heard)

    def stream(self, model: Any) -> Iterator[Made]:
        """What the method returns, as one piece."""
        yield self.ask(model)

    async def astream(self, model: Any) -> AsyncIterator[Made]:
        """`stream`, awaited."""
        raise NotImplementedError(f"{self.name} does not stream.")

    def reply(self, said: Made, client: Client) -> Reply:
        """An answer as the core sees it."""
        return Reply(str(said.made), tokens(said.heard), said, is_data=True)
