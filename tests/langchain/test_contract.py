"""`AutoMixChatModel` keeps the contract of both adapters."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, aclosing, closing
from pathlib import Path
from typing import Any

from langchain_classic.evaluation import QAEvalChain
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.tracers.context import collect_runs
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models import base as openai_models
from openai import APIStatusError

from langchain_automix import AutoMixChatModel, SelfVerifier, TokenVerifier, collect_routes, route_of
from tests.contract import KEY, AdapterContract, Piece
from tests.loopback import OpenAIServer


class Disguised(ChatOpenAI):
    """A client that raises other errors than its server's."""

    disguise: Any = None

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super()._generate(*args, **kwargs)
        except APIStatusError as error:
            other = self.disguise(error)
            raise other from other.__cause__

    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super()._agenerate(*args, **kwargs)
        except APIStatusError as error:
            other = self.disguise(error)
            raise other from other.__cause__


class TestMessages(AdapterContract):
    # Older ones raise openai's own.
    server_error = "OpenAIAPIError" if hasattr(openai_models, "OpenAIAPIError") else "InternalServerError"

    def child(self, server: OpenAIServer, name: str, **settings: Any) -> ChatOpenAI:
        given = {"model": name, "base_url": server.url, "api_key": KEY, "stream_usage": True, "max_retries": 0}
        return ChatOpenAI(**{**given, **settings})

    def single(self, server: OpenAIServer, name: str, **settings: Any) -> Any:
        return self.child(server, name, **settings).with_fallbacks([])

    def disguised(self, server: OpenAIServer, name: str, disguise: Callable[[Exception], Exception]) -> Any:
        return Disguised(model=name, base_url=server.url, api_key=KEY, max_retries=0, disguise=disguise)

    def shaped(self, server: OpenAIServer, name: str) -> Any:
        tool = {"name": "look_up", "description": "Look something up.", "parameters": {"type": "object"}}
        model = self.child(server, name, seed=7, stop=["END"])
        return model.bind_tools([tool], tool_choice="auto", strict=True).bind(response_format={"type": "text"})

    def cascade(self, models: list[Any], **settings: Any) -> AutoMixChatModel:
        return AutoMixChatModel(models=models, **settings)

    def from_config(self, path: Path, **settings: Any) -> AutoMixChatModel:
        return AutoMixChatModel.from_config(path, **settings)

    def verifier(self, **settings: Any) -> SelfVerifier:
        return SelfVerifier(**settings)

    def token_verifier(self, **settings: Any) -> TokenVerifier:
        return TokenVerifier(**settings)

    def evaluator(self, server: OpenAIServer, name: str) -> tuple[Any, str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated, and used
            return QAEvalChain.from_llm(self.child(server, name)), "It says the same.\nGRADE: CORRECT"

    def check(self, verifier: SelfVerifier, case: Any) -> Any:
        return verifier.invoke(case)

    async def acheck(self, verifier: SelfVerifier, case: Any) -> Any:
        return await verifier.ainvoke(case)

    def collect(self) -> Any:
        return collect_routes()

    def watched(self) -> AbstractContextManager[Any]:
        return collect_runs()

    def ask(self, model: AutoMixChatModel, question: str, **keywords: Any) -> Piece:
        return _piece(model.invoke([HumanMessage(question)], **keywords))

    async def aask(self, model: AutoMixChatModel, question: str, **keywords: Any) -> Piece:
        return _piece(await model.ainvoke([HumanMessage(question)], **keywords))

    def stream(self, model: AutoMixChatModel, question: str, **keywords: Any) -> Generator[Piece, None, None]:
        with closing(model.stream([HumanMessage(question)], **keywords)) as pieces:  # type: ignore[type-var]
            for piece in pieces:
                yield _piece(piece)

    async def astream(self, model: AutoMixChatModel, question: str, **keywords: Any) -> AsyncGenerator[Piece, None]:
        async with aclosing(model.astream([HumanMessage(question)], **keywords)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield _piece(piece)


def _piece(message: BaseMessage) -> Piece:
    return Piece(message.text, route_of(message, None))
