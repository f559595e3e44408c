"""Chat engines: the history reaches the verifier as it was said, and only questions with a context are verified."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.chat_engine.types import ChatMode
from llama_index.core.memory import ChatMemoryBuffer

from automix_core import Route
from llamaindex_automix import AutoMixLLM, collect_routes
from tests.cases import block
from tests.llamaindex.engines import DRAFT, LARGE, PASSAGES, PATHS, Path, cascade, cases, expected, index, script
from tests.loopback import OpenAIServer

WAYS = ["chat", "achat", "stream_chat", "astream_chat"]
SECOND = "And who built it?"


def engine(llm: AutoMixLLM, mode: str, **settings: Any) -> Any:
    """A chat engine that keeps its memory in this process."""
    memory = ChatMemoryBuffer.from_defaults(token_limit=3000)
    if mode == "simple":
        return SimpleChatEngine.from_defaults(llm=llm, memory=memory, **settings)
    return index(*PASSAGES[:2]).as_chat_engine(ChatMode(mode), llm=llm, memory=memory, **settings)


def say(chat: Any, way: str, message: str) -> str:
    """One turn, streams read to their end."""
    if way == "chat":
        return str(chat.chat(message))
    if way == "stream_chat":
        return "".join(chat.stream_chat(message).response_gen)
    if way == "achat":
        return str(asyncio.run(chat.achat(message)))

    async def turn() -> str:
        response = await chat.astream_chat(message)
        return "".join([piece async for piece in response.async_response_gen()])

    return asyncio.run(turn())


def two_turns(chat: Any, way: str) -> tuple[list[str], list[Route]]:
    with collect_routes() as routes:
        said = [say(chat, way, "Is there a lighthouse?"), say(chat, way, SECOND)]
    return said, routes


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["context", "condense_plus_context"])
def test_engines_that_retrieve(server: OpenAIServer, mode: str, way: str, path: Path) -> None:
    script(server, path)
    said, routes = two_turns(engine(cascade(server, k=1), mode), way)
    assert said == [expected(path)] * 2
    assert [route.action for route in routes if route.action != "bypass"] == [path, path]
    assert len(routes) == (2 if mode == "context" else 3), "condensing the second turn is an errand"
    first, second = cases(server)
    assert block(first, "history") is None
    assert f"User: Is there a lighthouse?\n\nAssistant: {expected(path)}" in str(block(second, "history"))
    assert block(second, "question") == SECOND
    for case in (first, second):
        assert PASSAGES[1] in str(block(case, "context"))
        assert case.count(PASSAGES[1]) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_condensed_question_stands_alone(server: OpenAIServer, way: str) -> None:
    script(server, "accept")
    server.say("large", "Who built the lighthouse of Quillon?")
    said, routes = two_turns(engine(cascade(server, k=1), "condense_question"), way)
    assert said == [DRAFT] * 2
    assert [route.action for route in routes] == ["accept", "bypass", "accept"]
    assert block(cases(server)[1], "question") == "Who built the lighthouse of Quillon?"


@pytest.mark.parametrize("way", WAYS)
def test_a_chat_without_retrieval(server: OpenAIServer, way: str) -> None:
    script(server, "accept")
    said, routes = two_turns(engine(cascade(server), "simple"), way)
    assert said == [LARGE] * 2
    assert [(route.action, route.context_source) for route in routes] == [("bypass", "none")] * 2


def test_past_messages_with_braces_are_not_lost(server: OpenAIServer) -> None:
    """LlamaIndex formats the history with the template; the verifier sees what was said."""
    script(server, "accept")
    past = [
        ChatMessage(role=MessageRole.USER, content="Remember {context_str} and {query_str} and {x}."),
        ChatMessage(role=MessageRole.ASSISTANT, content="I keep {braces}."),
    ]
    engine(cascade(server, k=1), "context").chat(SECOND, chat_history=past)
    conversation = str(block(cases(server)[0], "history"))
    assert "User: Remember {context_str} and {query_str} and {x}." in conversation
    assert "Assistant: I keep {braces}." in conversation


def test_system_text_is_shown_as_data(server: OpenAIServer) -> None:
    script(server, "accept")
    engine(cascade(server, k=1), "context", system_prompt="Answer in Latin.").chat(SECOND)
    instructions = str(block(cases(server)[0], "instructions"))
    assert "Answer in Latin." in instructions
    assert PASSAGES[1] not in instructions
