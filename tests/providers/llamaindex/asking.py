"""Every way of asking a LlamaIndex LLM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from llama_index.core import SummaryIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.schema import TextNode

from automix_core import Route
from llamaindex_automix import AutoMixLLM, SelfVerifier, collect_routes
from tests.providers.cells import CONTEXT, QUESTION
from tests.providers.llamaindex.clients import ALL, CLIENTS, Client
from tests.providers.wire import ProviderServer

LARGE = next(client for client in ALL if client.name == "openai-like")
ABOUT: dict[str, Any] = {"automix_context": CONTEXT, "automix_question": QUESTION}
CHAT = [ChatMessage(role="user", content=f"{CONTEXT}\n{QUESTION}")]
PROMPT = str(CHAT[0].content)


def cascade(server: ProviderServer, client: Client, k: int = 4, **settings: Any) -> AutoMixLLM:
    """The client as small model and OpenAILike as large one."""
    verifier = SelfVerifier(k=k)
    given = {"models": [client.over(server), LARGE.over(server, "large-1")], "verifier": verifier}
    return AutoMixLLM(**{**given, **settings})


def engine(model: AutoMixLLM, streaming: bool = False) -> Any:
    return SummaryIndex([TextNode(text=CONTEXT)]).as_query_engine(llm=model, streaming=streaming)


def complete(model: Any) -> str:
    return str(model.complete(PROMPT, **ABOUT).text)


async def acomplete(model: Any) -> str:
    return str((await model.acomplete(PROMPT, **ABOUT)).text)


def stream_complete(model: Any) -> str:
    return "".join(piece.delta or "" for piece in model.stream_complete(PROMPT, **ABOUT))


async def astream_complete(model: Any) -> str:
    return "".join([piece.delta or "" async for piece in await model.astream_complete(PROMPT, **ABOUT)])


def chat(model: Any) -> str:
    return str(model.chat(CHAT, **ABOUT).message.content)


async def achat(model: Any) -> str:
    return str((await model.achat(CHAT, **ABOUT)).message.content)


def stream_chat(model: Any) -> str:
    return "".join(piece.delta or "" for piece in model.stream_chat(CHAT, **ABOUT))


async def astream_chat(model: Any) -> str:
    return "".join([piece.delta or "" async for piece in await model.astream_chat(CHAT, **ABOUT)])


def query(model: Any) -> str:
    return str(engine(model).query(QUESTION))


async def aquery(model: Any) -> str:
    return str(await engine(model).aquery(QUESTION))


def stream_query(model: Any) -> str:
    return "".join(engine(model, streaming=True).query(QUESTION).response_gen)


async def astream_query(model: Any) -> str:
    response = await engine(model, streaming=True).aquery(QUESTION)
    return "".join([piece async for piece in response.response_gen])


SYNC: dict[str, Callable[[Any], str]] = {
    way.__name__: way for way in (complete, stream_complete, chat, stream_chat, query, stream_query)
}
ASYNC: dict[str, Callable[[Any], Any]] = {
    way.__name__: way for way in (acomplete, astream_complete, achat, astream_chat, aquery, astream_query)
}
WAYS = (*SYNC, *ASYNC)


def ask(model: Any, way: str = "chat") -> tuple[str, list[Route]]:
    """The answer, and the routes that were collected."""
    with collect_routes() as routes:
        text = SYNC[way](model) if way in SYNC else asyncio.run(ASYNC[way](model))
    return text, list(routes)


__all__ = ["CLIENTS", "LARGE", "WAYS", "ask", "cascade"]
