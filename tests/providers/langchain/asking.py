"""Every way of asking a LangChain chat model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from automix_core import Route
from langchain_automix import AutoMixChatModel, SelfVerifier, collect_routes
from tests.providers.cells import CONTEXT, QUESTION
from tests.providers.langchain.clients import CLIENTS, Client
from tests.providers.wire import ProviderServer

OPENAI = next(client for client in CLIENTS if client.name == "openai")


def cascade(server: ProviderServer, client: Client, k: int = 4, **settings: Any) -> AutoMixChatModel:
    """The client as small model and ChatOpenAI as large one."""
    verifier = SelfVerifier(k=k)
    given = {"models": [client.over(server), OPENAI.over(server, "large-1")], "verifier": verifier}
    return AutoMixChatModel(**{**given, **settings})


def invoke(model: Any) -> list[str]:
    return [model.invoke(QUESTION, automix_context=CONTEXT).text]


def ainvoke(model: Any) -> list[str]:
    async def ask() -> str:
        return str((await model.ainvoke(QUESTION, automix_context=CONTEXT)).text)

    return [asyncio.run(ask())]


def stream(model: Any) -> list[str]:
    return ["".join(chunk.text for chunk in model.stream(QUESTION, automix_context=CONTEXT))]


def astream(model: Any) -> list[str]:
    async def ask() -> str:
        return "".join([chunk.text async for chunk in model.astream(QUESTION, automix_context=CONTEXT)])

    return [asyncio.run(ask())]


def batch(model: Any) -> list[str]:
    return [message.text for message in model.batch([QUESTION] * 3, automix_context=CONTEXT)]


def abatch(model: Any) -> list[str]:
    async def ask() -> list[Any]:
        return list(await model.abatch([QUESTION] * 3, automix_context=CONTEXT))

    return [message.text for message in asyncio.run(ask())]


WAYS: dict[str, Callable[[Any], list[str]]] = {
    way.__name__: way for way in (invoke, ainvoke, stream, astream, batch, abatch)
}


def ask(model: Any, way: str = "invoke") -> tuple[list[str], list[Route]]:
    """The answers, and the routes that were collected."""
    with collect_routes() as routes:
        texts = WAYS[way](model)
    return texts, list(routes)
