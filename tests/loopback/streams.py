"""The streams that LangChain hosts offer, each read as its documentation reads it.

A stream yields the pieces of text that a user would print, and appends all that was delivered to `seen`, so that a
test can look for what must not be there. The names are the rows of `benchmarks/streams`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda

Sync: TypeAlias = Callable[[BaseChatModel, list[Any]], Iterator[str]]
Async: TypeAlias = Callable[[BaseChatModel, list[Any]], AsyncIterator[str]]

PROMPT = ChatPromptTemplate.from_messages([("system", "Context: {context}"), ("human", "{question}")])
INPUT = {"context": "Quillon has a lighthouse built by Oda Verrin.", "question": "Who built the lighthouse?"}
MESSAGES = {"messages": [("system", f"Context: {INPUT['context']}"), ("user", INPUT["question"])]}


def chain(model: BaseChatModel) -> Runnable[Any, str]:
    """`prompt | model | parser`."""
    return PROMPT | model | StrOutputParser()


def graph(model: BaseChatModel) -> Any:
    """A graph of one node that invokes the model, as LangGraph's documentation writes it."""
    from langgraph.graph import START, MessagesState, StateGraph

    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    async def aanswer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("answer", RunnableLambda(answer, aanswer))
    builder.add_edge(START, "answer")
    return builder.compile()


def agent(model: BaseChatModel) -> Any:
    """An agent with a tool that it need not call."""
    from langchain.agents import create_agent

    def weather(city: str) -> str:
        """The weather in a city."""
        return f"Sunny in {city}."

    return create_agent(model, tools=[weather], system_prompt=f"Context: {INPUT['context']}")


# LCEL


def stream(model: BaseChatModel, seen: list[Any]) -> Iterator[str]:
    for chunk in chain(model).stream(INPUT):
        seen.append(chunk)
        yield chunk


async def astream(model: BaseChatModel, seen: list[Any]) -> AsyncIterator[str]:
    async for chunk in chain(model).astream(INPUT):
        seen.append(chunk)
        yield chunk


async def astream_events_v1(model: BaseChatModel, seen: list[Any]) -> AsyncIterator[str]:
    async for event in chain(model).astream_events(INPUT, version="v1"):
        seen.append(event)
        if event["event"] == "on_chat_model_stream":
            yield event["data"]["chunk"].text


async def astream_events_v2(model: BaseChatModel, seen: list[Any]) -> AsyncIterator[str]:
    async for event in chain(model).astream_events(INPUT, version="v2"):
        seen.append(event)
        if event["event"] == "on_chat_model_stream":
            yield event["data"]["chunk"].text


async def astream_log(model: BaseChatModel, seen: list[Any]) -> AsyncIterator[str]:
    async for patch in chain(model).astream_log(INPUT):
        seen.append(patch)
        for op in patch.ops:
            if op["path"] == "/streamed_output/-":
                yield op["value"]


def stream_events_v3(model: BaseChatModel, seen: list[Any]) -> Iterator[str]:
    for event in model.stream_events(PROMPT.invoke(INPUT), version="v3"):
        seen.append(event)
        yield _delta(event)


async def astream_events_v3(model: BaseChatModel, seen: list[Any]) -> AsyncIterator[str]:
    async for event in await model.astream_events(PROMPT.invoke(INPUT), version="v3"):
        seen.append(event)
        yield _delta(event)


# Graphs and agents


def graph_messages(model: BaseChatModel, seen: list[Any]) -> Iterator[str]:
    for part in graph(model).stream(MESSAGES, stream_mode="messages"):
        seen.append(part)
        yield _text(part[0])


async def agraph_messages(model: BaseChatModel, seen: list[Any]) -> AsyncIterator[str]:
    async for part in graph(model).astream(MESSAGES, stream_mode="messages"):
        seen.append(part)
        yield _text(part[0])


def graph_v3(model: BaseChatModel, seen: list[Any]) -> Iterator[str]:
    for event in graph(model).stream_events(MESSAGES, version="v3"):
        seen.append(event)
        yield _graph_delta(event)


async def agraph_v3(model: BaseChatModel, seen: list[Any]) -> AsyncIterator[str]:
    async for event in await graph(model).astream_events(MESSAGES, version="v3"):
        seen.append(event)
        yield _graph_delta(event)


def agent_messages(model: BaseChatModel, seen: list[Any]) -> Iterator[str]:
    asked = {"messages": [("user", INPUT["question"])]}
    for part in agent(model).stream(asked, stream_mode="messages"):
        seen.append(part)
        yield _text(part[0])


async def aagent_messages(model: BaseChatModel, seen: list[Any]) -> AsyncIterator[str]:
    asked = {"messages": [("user", INPUT["question"])]}
    async for part in agent(model).astream(asked, stream_mode="messages"):
        seen.append(part)
        yield _text(part[0])


SYNC: dict[str, Sync] = {
    "stream": stream,
    "stream_events v3": stream_events_v3,
    "LangGraph messages": graph_messages,
    "LangGraph v3": graph_v3,
    "create_agent stream": agent_messages,
}

ASYNC: dict[str, Async] = {
    "astream": astream,
    "astream_events v1": astream_events_v1,
    "astream_events v2": astream_events_v2,
    "astream_log": astream_log,
    "stream_events v3, async": astream_events_v3,
    "LangGraph messages, async": agraph_messages,
    "LangGraph v3, async": agraph_v3,
    "create_agent stream, async": aagent_messages,
}


@dataclass
class Seen:
    """What one stream showed: the printed `text`, its `pieces`, and `everything` delivered, as one string."""

    pieces: list[str]
    delivered: list[Any]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def everything(self) -> str:
        return repr(self.delivered)


def read(name: str, model: BaseChatModel, each: Callable[[str], None] = lambda piece: None) -> Seen:
    """Read the stream `name` to its end; `each` is called with every piece that is not empty, as it arrives."""
    seen: list[Any] = []
    pieces: list[str] = []

    def take(piece: str) -> None:
        if piece:
            pieces.append(piece)
            each(piece)

    if name in SYNC:
        for piece in SYNC[name](model, seen):
            take(piece)
    else:

        async def consume() -> None:
            async for piece in ASYNC[name](model, seen):
                take(piece)

        asyncio.run(consume())
    return Seen(pieces, seen)


def _text(message: Any) -> str:
    return str(message.text) if isinstance(message, AIMessage | AIMessageChunk) else ""


def _delta(event: Any) -> str:
    """The text in one event of the content-block protocol."""
    delta = event.get("delta") or {}
    return str(delta["text"]) if delta.get("type") == "text-delta" else ""


def _graph_delta(event: Any) -> str:
    """The text in one event of a graph's v3 stream: its `messages` channel carries (event or message, metadata)."""
    if event["method"] != "messages":
        return ""
    said = event["params"]["data"][0]
    return _delta(said) if isinstance(said, dict) else _text(said)
