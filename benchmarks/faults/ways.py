"""The seven ways of asking: four of LangChain's, three of LlamaIndex's, with the clients that most people use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from automix_core import Route

CONTEXT = "Quillon is a harbour town. Its lighthouse has 211 steps and was built by Oda Verrin."
QUESTION = "Who built the lighthouse of Quillon?"
Framework = Literal["langchain", "llamaindex"]
FRAMEWORKS: tuple[Framework, ...] = ("langchain", "llamaindex")


@dataclass(frozen=True)
class Setting:
    """How children are made, and the cascade; `cap`: after so many seconds a question counts as one without end."""

    name: str
    child: dict[str, Any] = field(default_factory=dict)
    cascade: dict[str, Any] = field(default_factory=dict)
    cap: float = 30.0


@dataclass(frozen=True)
class Urls:
    """Where the draft, its checks and the last model are asked; `checks` None: where the draft is."""

    draft: str
    answer: str
    checks: str | None = None


def langchain(setting: Setting, urls: Urls) -> Any:
    """The cascade in LangChain."""
    from langchain_openai import ChatOpenAI

    from langchain_automix import AutoMixChatModel, SelfVerifier

    def child(name: str, url: str) -> Any:
        return ChatOpenAI(model=name, base_url=url, api_key="none", **setting.child)

    checker = child("small", urls.checks) if urls.checks else None
    models = [child("small", urls.draft), child("large", urls.answer)]
    return AutoMixChatModel(models=models, verifier=SelfVerifier(model=checker), **setting.cascade)


def llamaindex(setting: Setting, urls: Urls) -> Any:
    """The cascade in LlamaIndex."""
    from llama_index.llms.openai_like import OpenAILike

    from llamaindex_automix import AutoMixLLM, SelfVerifier

    def child(name: str, url: str) -> Any:
        return OpenAILike(model=name, api_base=url, api_key="none", is_chat_model=True, **setting.child)

    checker = child("small", urls.checks) if urls.checks else None
    models = [child("small", urls.draft), child("large", urls.answer)]
    return AutoMixLLM(models=models, verifier=SelfVerifier(model=checker), **setting.cascade)


BUILD: dict[Framework, Callable[[Setting, Urls], Any]] = {"langchain": langchain, "llamaindex": llamaindex}


def _invoke(model: Any) -> str:
    text: str = model.invoke(QUESTION, automix_context=CONTEXT).text
    return text


async def _ainvoke(model: Any) -> str:
    text: str = (await model.ainvoke(QUESTION, automix_context=CONTEXT)).text
    return text


def _stream(model: Any) -> str:
    return "".join(chunk.text for chunk in model.stream(QUESTION, automix_context=CONTEXT))


async def _astream(model: Any) -> str:
    return "".join([chunk.text async for chunk in model.astream(QUESTION, automix_context=CONTEXT)])


def _turns() -> list[Any]:
    from llama_index.core.base.llms.types import ChatMessage

    return [ChatMessage(content=QUESTION)]


def _chat(model: Any) -> str:
    return model.chat(_turns(), automix_context=CONTEXT).message.content or ""


async def _achat(model: Any) -> str:
    return (await model.achat(_turns(), automix_context=CONTEXT)).message.content or ""


def _stream_chat(model: Any) -> str:
    return "".join(piece.delta or "" for piece in model.stream_chat(_turns(), automix_context=CONTEXT))


@dataclass(frozen=True)
class Way:
    """One way of asking."""

    name: str
    framework: Framework
    ask: Callable[[Any], Any]
    streams: bool = False

    def __call__(self, model: Any) -> str:
        """The text that comes."""
        said = self.ask(model)
        return said if isinstance(said, str) else asyncio.run(said)

    def collected(self, model: Any) -> tuple[str | None, BaseException | None, list[Route]]:
        """The text that comes or the error, and the routes that were collected meanwhile."""
        if self.framework == "langchain":
            from langchain_automix import collect_routes
        else:
            from llamaindex_automix import collect_routes
        with collect_routes() as routes:
            try:
                return self(model), None, routes
            except Exception as error:
                return None, error, routes


WAYS: tuple[Way, ...] = (
    Way("invoke", "langchain", _invoke),
    Way("ainvoke", "langchain", _ainvoke),
    Way("stream", "langchain", _stream, streams=True),
    Way("astream", "langchain", _astream, streams=True),
    Way("chat", "llamaindex", _chat),
    Way("achat", "llamaindex", _achat),
    Way("stream_chat", "llamaindex", _stream_chat, streams=True),
)
BY_NAME = {way.name: way for way in WAYS}


def ways_of(framework: Framework) -> list[Way]:
    """The ways of one framework, in the order of the table."""
    return [way for way in WAYS if way.framework == framework]
