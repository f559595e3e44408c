"""`AutoMixLLM` keeps the contract of both adapters."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.evaluation import CorrectnessEvaluator
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.llms.openai_like import OpenAILike
from llama_index_instrumentation import get_dispatcher
from openai import APIStatusError
from pydantic import PrivateAttr

from llamaindex_automix import AutoMixLLM, SelfVerifier, TokenVerifier, collect_routes, route_of
from tests.contract import KEY, AdapterContract, Piece
from tests.loopback import OpenAIServer


class Single(OpenAILike):  # type: ignore[misc]
    """A client whose provider gives one choice a request: Groq's, which is known by its package and name."""


Single.__module__, Single.__qualname__ = "llama_index.llms.groq.base", "Groq"


class Disguised(OpenAILike):  # type: ignore[misc]
    """A client that raises other errors than its server's."""

    _disguise: Any = PrivateAttr(default=None)

    def chat(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().chat(*args, **kwargs)
        except APIStatusError as error:
            other = self._disguise(error)
            raise other from other.__cause__

    async def achat(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().achat(*args, **kwargs)
        except APIStatusError as error:
            other = self._disguise(error)
            raise other from other.__cause__


class TestMessages(AdapterContract):
    server_error = "InternalServerError"

    def child(self, server: OpenAIServer, name: str, **settings: Any) -> OpenAILike:
        usage = {"stream_options": {"include_usage": True}}
        given = {"model": name, "api_base": server.url, "api_key": KEY, "is_chat_model": True, "max_retries": 0}
        return OpenAILike(**{**given, "additional_kwargs": usage, **settings})

    def single(self, server: OpenAIServer, name: str, **settings: Any) -> Any:
        made = self.child(server, name, **settings)
        return Single(
            **{field: getattr(made, field) for field in ("model", "api_base", "api_key", "max_retries")},
            is_chat_model=True,
        )

    def disguised(self, server: OpenAIServer, name: str, disguise: Callable[[Exception], Exception]) -> Any:
        made = Disguised(model=name, api_base=server.url, api_key=KEY, is_chat_model=True, max_retries=0)
        made._disguise = disguise
        return made

    def shaped(self, server: OpenAIServer, name: str) -> Any:
        look_up = {"name": "look_up", "description": "Look something up.", "parameters": {"type": "object"}}
        shape = {"seed": 7, "stop": ["END"], "response_format": {"type": "text"}, "tool_choice": "auto"}
        tools = [{"type": "function", "function": look_up}]
        return self.child(server, name, additional_kwargs={**shape, "tools": tools})

    def cascade(self, models: list[Any], **settings: Any) -> AutoMixLLM:
        return AutoMixLLM(models=models, **settings)

    def from_config(self, path: Path, **settings: Any) -> AutoMixLLM:
        return AutoMixLLM.from_config(path, **settings)

    def verifier(self, **settings: Any) -> SelfVerifier:
        return SelfVerifier(**settings)

    def token_verifier(self, **settings: Any) -> TokenVerifier:
        return TokenVerifier(**settings)

    def evaluator(self, server: OpenAIServer, name: str) -> tuple[Any, str]:
        return CorrectnessEvaluator(llm=self.child(server, name)), "4.5\nIt says the same."

    def check(self, verifier: SelfVerifier, case: Any) -> Any:
        return verifier(case)

    async def acheck(self, verifier: SelfVerifier, case: Any) -> Any:
        return await verifier.acall(case)

    def collect(self) -> Any:
        return collect_routes()

    @contextmanager
    def watched(self) -> Generator[None, None, None]:
        root, spans = get_dispatcher(), SimpleSpanHandler()
        root.add_span_handler(spans)
        try:
            yield
        finally:
            root.span_handlers.remove(spans)

    def ask(self, model: AutoMixLLM, question: str, **keywords: Any) -> Piece:
        return _piece(model.chat(_messages(question), **keywords), whole=True)

    async def aask(self, model: AutoMixLLM, question: str, **keywords: Any) -> Piece:
        return _piece(await model.achat(_messages(question), **keywords), whole=True)

    def stream(self, model: AutoMixLLM, question: str, **keywords: Any) -> Generator[Piece, None, None]:
        pieces = model.stream_chat(_messages(question), **keywords)
        try:
            for piece in pieces:
                yield _piece(piece)
        finally:
            pieces.close()

    async def astream(self, model: AutoMixLLM, question: str, **keywords: Any) -> AsyncGenerator[Piece, None]:
        pieces = await model.astream_chat(_messages(question), **keywords)
        try:
            async for piece in pieces:
                yield _piece(piece)
        finally:
            await pieces.aclose()


def _messages(question: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=question)]


def _piece(response: ChatResponse, whole: bool = False) -> Piece:
    text = response.message.content if whole else response.delta
    return Piece(text or "", route_of(response, None))
