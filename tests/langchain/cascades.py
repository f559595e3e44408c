"""The cascade that most tests here look at: ChatOpenAI children over the loopback server, in both paths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, TypedDict

from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

from langchain_automix import AutoMixChatModel, SelfVerifier
from tests.loopback import OpenAIServer

Path = Literal["accept", "escalate"]
PATHS: tuple[Path, ...] = ("accept", "escalate")

CONTEXT = "Quillon is a harbour town. Its lighthouse has 211 steps and was built by Oda Verrin."
QUESTION = "Who built the lighthouse of Quillon?"
DRAFT = "Smallish words: Oda Verrin built it."
LARGE = "Largely spoken: the builder was Oda Verrin."
SECRET = "sk-loopback-secret"

KEPT = {"accept": "Supported by the text.\nVerdict: Correct", "escalate": "Unsupported so far.\nVerdict: Incorrect"}
"""What every check says on either path."""

PRIVATE = {
    "accept": ("Largely", "Supported", "Verdict"),
    "escalate": ("Smallish", "Unsupported", "Verdict"),
}
"""Words that no host may show on either path."""

PROMPT = ChatPromptTemplate.from_messages([("system", "Answer from this context.\n{context}"), ("human", "{question}")])
INPUT = {"context": CONTEXT, "question": QUESTION}


class Asked(TypedDict, total=False):
    """The state of a graph that drafts and checks in nodes of its own."""

    question: str
    context: str
    answer: str
    verdicts: list[int | None]
    texts: list[str]
    confidence: float | None
    model: int


def expected(path: Path) -> str:
    """The answer on `path`."""
    return DRAFT if path == "accept" else LARGE


def script(server: OpenAIServer, path: Path) -> None:
    """Let the models speak their lines and every check say what leads down `path`."""
    server.say("small", DRAFT)
    server.say("large", LARGE)
    server.verdicts(KEPT[path])


def child(server: OpenAIServer, name: str, **settings: Any) -> ChatOpenAI:
    """One child; `name` is its model name."""
    given = {"model": name, "base_url": server.url, "api_key": SECRET, "stream_usage": True, "max_retries": 0}
    return ChatOpenAI(**{**given, **settings})


def cascade(server: OpenAIServer, *, k: int = 2, **settings: Any) -> AutoMixChatModel:
    """small and large with `k` verdicts; `settings` replace what is built here."""
    settings.setdefault("models", [child(server, "small"), child(server, "large")])
    settings.setdefault("verifier", SelfVerifier(k=k))
    return AutoMixChatModel(**settings)


async def eventually(condition: Callable[[], object], patience: float = 5.0) -> None:
    """Wait until `condition` holds; fail the test if it does not come true."""
    for _ in range(int(patience / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("what was waited for did not happen")
