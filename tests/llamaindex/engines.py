"""A small index, and the cascade that most tests here look at: OpenAILike children over the loopback server."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from llama_index.core import Document, SummaryIndex
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.callbacks import CallbackManager
from llama_index.core.schema import TextNode
from llama_index.llms.openai_like import OpenAILike

from automix_core import Route
from llamaindex_automix import AutoMixLLM, SelfVerifier, collect_routes
from tests.loopback import OpenAIServer

Path = Literal["accept", "escalate"]
PATHS: tuple[Path, ...] = ("accept", "escalate")

PASSAGES = (
    "Quillon is a harbour town. Its lighthouse has 211 steps.",
    "The lighthouse of Quillon was built by Oda Verrin in 1874.",
    "Ferries leave Quillon at dawn, at noon and at dusk.",
)
QUESTION = "Who built the lighthouse?"
DRAFT = "Oda Verrin built it."
LARGE = "The builder was Oda Verrin."
KEY = "sk-engine-key"
VERDICTS = {"accept": "Supported.\nVerdict: Correct", "escalate": "Unsupported.\nVerdict: Incorrect"}


def expected(path: Path) -> str:
    """The answer on `path`."""
    return DRAFT if path == "accept" else LARGE


def script(server: OpenAIServer, path: Path) -> None:
    """Let the models speak their lines and every check say what leads down `path`."""
    server.say("small", DRAFT)
    server.say("large", LARGE)
    server.verdicts(VERDICTS[path])


def child(server: OpenAIServer, name: str, **settings: Any) -> OpenAILike:
    """One child; `name` is its model name."""
    given = {
        "model": name,
        "api_base": server.url,
        "api_key": KEY,
        "is_chat_model": True,
        "is_function_calling_model": True,
        "max_retries": 0,
        "context_window": 8000,
        "additional_kwargs": {"stream_options": {"include_usage": True}},
    }
    return OpenAILike(**{**given, **settings})


def cascade(server: OpenAIServer, *, k: int = 2, **settings: Any) -> AutoMixLLM:
    """small and large with `k` verdicts; `settings` replace what is built here."""
    settings.setdefault("models", [child(server, "small"), child(server, "large")])
    settings.setdefault("verifier", SelfVerifier(k=k))
    return AutoMixLLM(**settings)


def index(*passages: str, big: int = 0) -> SummaryIndex:
    """An index that retrieves all of its passages, each blown up by `big` words."""
    words = " ".join(["mist"] * big)
    documents = [Document(text=f"{passage} {words}".strip()) for passage in passages or PASSAGES]
    nodes = [TextNode(text=document.text, id_=f"node-{place}") for place, document in enumerate(documents)]
    return SummaryIndex(nodes, callback_manager=CallbackManager())


def ask(engine: Any, way: str, question: str = QUESTION) -> tuple[str, list[Route]]:
    """The text of `query` or `aquery`, streams read to their end, and the routes made meanwhile."""
    with collect_routes() as routes:
        if way == "query":
            response = engine.query(question)
            text = "".join(response.response_gen) if isinstance(response, StreamingResponse) else str(response)
        else:
            text = asyncio.run(_aask(engine, question))
    return text, routes


async def _aask(engine: Any, question: str) -> str:
    response = await engine.aquery(question)
    if isinstance(response, AsyncStreamingResponse):
        return "".join([piece async for piece in response.response_gen])
    return str(response)


def cases(server: OpenAIServer) -> list[str]:
    """What the checks were shown: the last message of each verification request, in order."""
    return [str(request.messages[-1]["content"]) for request in server.calls(verdict=True)]
