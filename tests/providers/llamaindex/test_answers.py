"""Each client as small model: the action, the text, and a route whose usage is the servers' bill."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llamaindex_automix import collect_routes
from tests.loopback import Reply
from tests.providers.cells import (
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
    tokens,
)
from tests.providers.llamaindex.asking import ABOUT, ASYNC, CHAT, WAYS, ask, cascade
from tests.providers.llamaindex.asking import LARGE as OPENAI_LIKE
from tests.providers.llamaindex.clients import CLIENTS, Client
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
    text, routes = ask(cascade(server, client), way)
    assert text == expected(path)
    assert len(routes) == 1
    if client.silent:
        assert (routes[0].to_dict()["action"], routes[0].to_dict()["errors"]) == (path, [])
        assert tokens(routes[0].to_dict()["usage"]["by_model"][0]) == (None, None)
    else:
        settled(server, routes, path, client.model, client.learns)


@pytest.mark.parametrize("way", ["chat", "stream_chat", "astream_chat", "stream_query"])
@each_client
def test_answers_as_the_large_model(server: ProviderServer, client: Client, way: str) -> None:
    script(server, "escalate", "small-0")
    server.say(client.model, LARGE)
    text, (route,) = ask(
        cascade(server, client, models=[OPENAI_LIKE.over(server, "small-0"), client.over(server)]), way
    )
    assert text == LARGE
    known = not (client.silent or (client.name == "litellm" and "stream" in way))
    assert tokens(route.to_dict()["usage"]["by_model"][1]) == (server.tokens(client.model) if known else (None, None))


@pytest.mark.parametrize("way", ["chat", "achat"])
@pytest.mark.parametrize("path", PATHS)
@each_client
def test_structured_output(server: ProviderServer, client: Client, path: Path, way: str) -> None:
    script(server, path, client.model)
    for author in (client.model, "large-1"):
        server.say(author, made(author))
    model = cascade(server, client).as_structured_llm(Builder)
    with collect_routes() as routes:
        said = getattr(model, way)(CHAT, **ABOUT)
        answer = (asyncio.run(said) if way == "achat" else said).raw
    author = client.model if path == "accept" else "large-1"
    assert answer == Builder(name=f"name by {author}")
    if not client.silent:
        settled(server, list(routes), path, client.model, client.learns)


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
@pytest.mark.parametrize(
    "client",
    [client for client in CLIENTS if not client.silent and client.name not in ("litellm", "mistral")],
    ids=lambda client: client.name,
)
def test_an_object_streams_from_the_large_model(server: ProviderServer, client: Client, way: str) -> None:
    """Its tokens are known, but LiteLLM's, whose streams tell none; MistralAI's own streams of tool calls break."""
    script(server, "escalate", "small-0")
    for author in ("small-0", client.model):
        server.say(author, made(author))
    model = cascade(server, client, models=[OPENAI_LIKE.over(server, "small-0"), client.over(server)])
    objects = model.as_structured_llm(Builder)

    async def drained() -> int:
        return len([piece async for piece in await objects.astream_chat(CHAT, **ABOUT)])

    with collect_routes() as routes:
        assert asyncio.run(drained()) if way == "astream_chat" else list(objects.stream_chat(CHAT, **ABOUT))
    assert routes[0].action == "escalate"
    assert tokens(routes[0].to_dict()["usage"]["by_model"][1]) == server.tokens(client.model)


@each_client
def test_an_answer_after_a_tools_result_is_not_refused(server: ProviderServer, client: Client) -> None:
    script(server, "accept", client.model)
    server.say("large-1", Reply(calls=(("lookup", {"place": "Quillon"}),)), times=1)
    model = cascade(server, client)
    tool = FunctionTool.from_defaults(lookup)
    first = model.chat_with_tools([tool], user_msg=QUESTION)
    (call,) = model.get_tool_calls_from_response(first)
    assert (call.tool_name, call.tool_kwargs) == ("lookup", {"place": "Quillon"})
    result = ChatMessage(role=MessageRole.TOOL, content="A town.", additional_kwargs={"tool_call_id": call.tool_id})
    second = model.chat([ChatMessage(role="user", content=QUESTION), first.message, result], **ABOUT)
    assert second.message.content in (DRAFT, LARGE)
    assert not server.refused, server.refused


@pytest.mark.parametrize("where", ["draft", "verify", "finish"])
@pytest.mark.parametrize("way", ["achat", "astream_chat"])
@pytest.mark.parametrize("client", [client for client in CLIENTS if not client.blocks], ids=lambda client: client.name)
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

    def waiting() -> bool:
        wanted = server.calls("large-1") if where == "finish" else server.calls(client.model, where == "verify")
        return bool(wanted) and server.in_flight > 0

    task = asyncio.ensure_future(ASYNC[way](model))
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
