"""Each client as small model: the action, the text, and a route whose usage is the servers' bill."""

from __future__ import annotations

import asyncio
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import BaseModel

from langchain_automix import collect_routes
from tests.loopback import Reply
from tests.providers.cells import (
    CONTEXT,
    DRAFT,
    LARGE,
    PATHS,
    QUESTION,
    Path,
    eventually,
    expected,
    made,
    script,
    settled,
)
from tests.providers.langchain.asking import OPENAI, WAYS, ask, cascade
from tests.providers.langchain.clients import CLIENTS, Client
from tests.providers.wire import ProviderServer

each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


class Builder(BaseModel):
    """Who built it."""

    name: str


def lookup(place: str) -> str:
    """Look a place up."""
    return f"All about {place}."


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", PATHS)
@each_client
def test_answers(server: ProviderServer, client: Client, path: Path, way: str) -> None:
    script(server, path, client.model)
    texts, routes = ask(cascade(server, client), way)
    assert set(texts) == {expected(path)}
    assert len(routes) == len(texts)
    settled(server, routes, path, client.model, client.learns)


@pytest.mark.parametrize("way", WAYS)
@each_client
def test_answers_as_the_large_model(server: ProviderServer, client: Client, way: str) -> None:
    script(server, "escalate", "small-0")
    server.say(client.model, LARGE)
    texts, routes = ask(cascade(server, client, models=[OPENAI.over(server, "small-0"), client.over(server)]), way)
    assert set(texts) == {LARGE}
    spent = [route.to_dict()["usage"]["by_model"][1] for route in routes]
    total = sum(each["input_tokens"] for each in spent), sum(each["output_tokens"] for each in spent)
    assert total == server.tokens(client.model)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("path", PATHS)
@each_client
def test_structured_output(server: ProviderServer, client: Client, path: Path, way: str) -> None:
    script(server, path, client.model)
    for author in (client.model, "large-1"):
        server.say(author, made(author))
    model = cascade(server, client).with_structured_output(Builder)
    with collect_routes() as routes:
        said = getattr(model, way)(QUESTION, automix_context=CONTEXT)
        answer = asyncio.run(said) if way == "ainvoke" else said
    author = client.model if path == "accept" else "large-1"
    assert answer == Builder(name=f"name by {author}")
    settled(server, list(routes), path, client.model, client.learns)


def turn(model: Any, way: str, asked: Any) -> AIMessage:
    """What a model says, put together where it streams."""

    async def awaited() -> Any:
        return [chunk async for chunk in model.astream(asked)]

    if way in ("invoke", "ainvoke"):
        said = asyncio.run(model.ainvoke(asked)) if way == "ainvoke" else model.invoke(asked)
    else:
        said = reduce(add, asyncio.run(awaited()) if way == "astream" else model.stream(asked))
    assert isinstance(said, AIMessage)
    return said


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
@each_client
def test_a_tool_is_called_and_the_answer_after_it_is_checked(server: ProviderServer, client: Client, way: str) -> None:
    script(server, "accept", client.model)
    server.say(client.model, Reply(calls=(("lookup", {"place": "Quillon"}),)), times=1)
    model = cascade(server, client).bind_tools([lookup])
    first = turn(model, way, QUESTION)
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("lookup", {"place": "Quillon"})]
    assert server.calls(client.model)
    assert not server.calls("large-1")
    server.clear()
    with collect_routes() as routes:
        result = ToolMessage(CONTEXT, tool_call_id=str(first.tool_calls[0]["id"]))
        second = turn(model, way, [HumanMessage(QUESTION), first, result])
    assert second.text == DRAFT
    settled(server, list(routes), "accept", client.model, client.learns)


@pytest.mark.parametrize("where", ["draft", "verify", "finish"])
@pytest.mark.parametrize("way", ["ainvoke", "astream"])
@pytest.mark.parametrize("client", [client for client in CLIENTS if client.cancels], ids=lambda client: client.name)
async def test_cancellation_closes_the_requests(server: ProviderServer, client: Client, way: str, where: str) -> None:
    script(server, "escalate", client.model)
    slow = Reply("Late.\nVerdict: Incorrect", delay=20)
    if where == "draft":
        server.say(client.model, slow)
    elif where == "verify":
        server.verdicts(slow)
    else:
        server.say("large-1", slow)
    model = cascade(server, client)

    async def asked() -> Any:
        if way == "ainvoke":
            return await model.ainvoke(QUESTION, automix_context=CONTEXT)
        return [chunk async for chunk in model.astream(QUESTION, automix_context=CONTEXT)]

    def waiting() -> bool:
        wanted = server.calls("large-1") if where == "finish" else server.calls(client.model, where == "verify")
        return bool(wanted) and server.in_flight > 0

    task = asyncio.create_task(asked())
    try:
        await eventually(waiting)
        await asyncio.sleep(0.1)  # the others of a batch of checks
        running = server.in_flight
        assert running > 0
    finally:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: server.in_flight == 0)
    assert server.disconnects == running
