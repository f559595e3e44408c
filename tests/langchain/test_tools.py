"""Tools: each child binds its own, sound calls pass, unsound ones escalate, answers after tools are verified."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding
from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel

from automix_core.routing.route import Route
from langchain_automix import AutoMixChatModel, route_of
from tests.langchain.cascades import KEPT, PATHS, PRIVATE, Path, cascade, child, script
from tests.loopback import OpenAIServer, Reply


@tool
def weather(city: str, days: int = 1) -> str:
    """The weather in a city for some days."""
    return f"Sunny in {city} for {days} days."


@tool
def lookup(query: str) -> str:
    """Search the handbook."""
    return "Oda Verrin built the lighthouse."


def called(city: str) -> Reply:
    return Reply(calls=(("weather", {"city": city, "days": 2}),))


def the_route(message: Any) -> Route:
    return route_of(message)


def collect(model: Any, value: Any) -> AIMessage:
    whole: AIMessageChunk | None = None
    for chunk in model.stream(value):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    return whole


HOW: dict[str, Any] = {"invoke": lambda model, value: model.invoke(value), "stream": collect}


@pytest.mark.parametrize("how", HOW)
def test_a_sound_tool_call_passes_unverified(server: OpenAIServer, how: str) -> None:
    server.say("small", called("Oslo"))
    message = HOW[how](cascade(server).bind_tools([weather]), "weather in Oslo?")
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [("weather", {"city": "Oslo", "days": 2})]
    assert len(server.requests) == 1
    route = the_route(message)
    assert (route.action, route.model) == ("bypass", 0)


UNSOUND = {
    "unknown tool": (("wether", {"city": "Oslo"}),),
    "missing argument": (("weather", {"days": 2}),),
    "wrong type": (("weather", {"city": "Oslo", "days": "many"}),),
    "broken JSON": (("weather", '{"city": "Oslo'),),
    "one of two": (("weather", {"city": "Oslo"}), ("nonsense", {})),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("calls", UNSOUND.values(), ids=UNSOUND.keys())
def test_an_unsound_tool_call_escalates(server: OpenAIServer, calls: Any, how: str) -> None:
    server.say("small", Reply("Smallish words with a call", calls=calls))
    server.say("large", called("Bergen"))
    message = HOW[how](cascade(server).bind_tools([weather]), "weather?")
    assert [call["args"]["city"] for call in message.tool_calls] == ["Bergen"]
    assert not message.invalid_tool_calls
    assert message.text == "", "small text is never mixed with large calls"
    assert not server.calls(verdict=True)
    assert (the_route(message).action, the_route(message).model) == ("escalate", 1)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("path", PATHS)
def test_prose_is_verified_though_tools_are_bound(server: OpenAIServer, path: Path, how: str) -> None:
    script(server, path)
    message = HOW[how](cascade(server).bind_tools([weather]), "hello")
    assert not message.tool_calls
    assert the_route(message).action == path
    (check,) = server.calls(verdict=True)
    for key in ("tools", "tool_choice", "response_format", "stop", "parallel_tool_calls"):
        assert key not in check.body


def test_the_large_model_may_call_a_tool_after_rejected_prose(server: OpenAIServer) -> None:
    script(server, "escalate")
    server.say("large", called("Bergen"))
    for read in HOW.values():
        message = read(cascade(server).bind_tools([weather]), "weather?")
        assert [call["args"]["city"] for call in message.tool_calls] == ["Bergen"]
        assert message.text == ""


@pytest.mark.parametrize("path", PATHS)
def test_the_answer_after_tools_is_verified_against_their_results(server: OpenAIServer, path: Path) -> None:
    script(server, path)
    messages: list[BaseMessage] = [
        HumanMessage("Who built the lighthouse?"),
        AIMessage("", tool_calls=[{"name": "lookup", "args": {"query": "lighthouse"}, "id": "1"}]),
        ToolMessage("Oda Verrin built the lighthouse of Quillon.", tool_call_id="1", name="lookup"),
    ]
    message = cascade(server).bind_tools([lookup]).invoke(messages)
    route = the_route(message)
    assert (route.action, route.context_source) == (path, "tools")
    (check,) = server.calls(verdict=True)
    assert "Oda Verrin built the lighthouse of Quillon." in check.question
    assert "Who built the lighthouse?" in check.question


@pytest.mark.parametrize("choice", ["any", "weather", "auto", "none", "required"])
def test_tool_choice_reaches_both_models_in_their_own_words(server: OpenAIServer, choice: str) -> None:
    server.say("small", Reply(calls=(("nonsense", {}),)))
    model = cascade(server)
    message = model.bind_tools([weather, lookup], tool_choice=choice).invoke("hello")
    bare = child(server, "bare")
    bare.bind_tools([weather, lookup], tool_choice=choice).invoke("hello")
    *_, small, large, alone = server.requests
    for key in ("tools", "tool_choice"):
        assert small.body.get(key) == large.body.get(key) == alone.body.get(key)
    assert the_route(message).model == 1


def test_settings_of_bind_tools_reach_the_children(server: OpenAIServer) -> None:
    server.say("small", Reply(calls=(("nonsense", {}),)))
    model = cascade(server).bind_tools([weather], tool_choice="any", strict=True, parallel_tool_calls=False)
    model.invoke("hello")
    for request in server.requests:
        assert request.body["parallel_tool_calls"] is False
        assert request.tools[0]["strict"] is True


class OtherProvider(BaseChatModel):
    """A child whose provider words tools in its own way."""

    seen: list[dict[str, Any]] = []  # noqa: RUF012 - a pydantic field

    @property
    def _llm_type(self) -> str:
        return "other"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        worded = [{"name": each.name, "input_schema": each.args} for each in tools]
        return self.bind(tools=worded, tool_choice={"type": tool_choice}, **kwargs)

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.seen.append(kwargs)
        calls = [{"name": "weather", "args": {"city": "Lima"}, "id": "o1"}]
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=calls))])


@pytest.mark.parametrize("order", ["other first", "other last"])
def test_children_of_different_providers_each_get_their_own_schema(server: OpenAIServer, order: str) -> None:
    other = OtherProvider()
    openai = child(server, "openai")
    server.say("openai", Reply(calls=(("nonsense", {}),)))
    models = [other, openai] if order == "other first" else [openai, other]
    message = cascade(server, models=models).bind_tools([weather], tool_choice="any").invoke("hello")
    (got,) = other.seen
    assert got["tools"] == [{"name": "weather", "input_schema": weather.args}]
    assert got["tool_choice"] == {"type": "any"}
    assert [request.body["tool_choice"] for request in server.requests] == (
        [] if order == "other first" else ["required"]
    )
    assert message.tool_calls[0]["args"]["city"] == "Lima"


def test_the_binding_is_what_hosts_expect(server: OpenAIServer) -> None:
    bound = cascade(server).bind_tools([weather])
    assert isinstance(bound, RunnableBinding)
    assert isinstance(bound.bound, AutoMixChatModel)
    (shown,) = bound.kwargs["tools"]
    assert shown["function"]["name"] == "weather"
    hints = typing.get_type_hints(AutoMixChatModel.bind_tools)
    assert issubclass(typing.get_origin(hints["return"]) or hints["return"], Runnable)


def test_tools_bound_once_leave_the_original_alone(server: OpenAIServer) -> None:
    model = cascade(server)
    model.bind_tools([weather])
    model.invoke("hello")
    assert all("tools" not in request.body for request in server.requests)


def test_tools_of_every_form(server: OpenAIServer) -> None:
    class Move(BaseModel):
        """Move somewhere."""

        direction: Literal["north", "south"]

    def jump(height: int) -> str:
        """Jump up."""
        return "jumped"

    schema = {
        "title": "sing",
        "description": "Sing a song.",
        "type": "object",
        "properties": {"song": {"type": "string"}},
    }
    for each, name in ((Move, "Move"), (jump, "jump"), (weather, "weather"), (schema, "sing")):
        message = cascade(server).bind_tools([each], tool_choice="any").invoke("please")
        assert [call["name"] for call in message.tool_calls] == [name]
        assert the_route(message).model == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", ["invoke", "stream"])
async def test_an_agent_runs_its_tool_once_and_shows_only_the_answer(
    server: OpenAIServer, path: Path, how: str
) -> None:
    script(server, path)
    runs: list[str] = []

    @tool
    def handbook(query: str) -> str:
        """Search the handbook."""
        runs.append(query)
        return "Oda Verrin built the lighthouse."

    def first_call(request: Any) -> Reply | None:
        return Reply(calls=(("handbook", {"query": "lighthouse"}),)) if len(request.messages) <= 2 else None

    server.say("small", first_call)
    agent = create_agent(cascade(server), tools=[handbook], system_prompt="Use the handbook.")
    asked: Any = {"messages": [("user", "Who built it?")]}
    if how == "invoke":
        result = await agent.ainvoke(asked)
        text = result["messages"][-1].text
        assert [type(message).__name__ for message in result["messages"]] == [
            "HumanMessage",
            "AIMessage",
            "ToolMessage",
            "AIMessage",
        ]
    else:
        parts = [part async for part in agent.astream(asked, stream_mode="messages")]
        text = "".join(part.text for part, _ in parts if isinstance(part, AIMessage | AIMessageChunk))
        for word in PRIVATE[path]:
            assert word not in repr(parts)
    assert runs == ["lighthouse"]
    assert (
        text
        == {
            "accept": "Smallish words: Oda Verrin built it.",
            "escalate": "Largely spoken: the builder was Oda Verrin.",
        }[path]
    )
    (check,) = server.calls(verdict=True)
    assert "Oda Verrin built the lighthouse." in check.question


class Builder(BaseModel):
    """Who built something."""

    name: str
    year: int


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("strategy", ["tool", "provider", "auto"])
async def test_an_agent_answers_in_a_schema(server: OpenAIServer, strategy: str, path: Path) -> None:
    server.verdicts(KEPT[path])
    formats: dict[str, Any] = {"tool": ToolStrategy(Builder), "provider": ProviderStrategy(Builder), "auto": Builder}
    agent = create_agent(cascade(server), tools=[], response_format=formats[strategy])
    asked: Any = {"messages": [("user", "Who built it in 1911?")]}
    for result in (agent.invoke(asked), await agent.ainvoke(asked)):
        built = result["structured_response"]
        assert isinstance(built, Builder)
        assert built.year == 1911
        assert built.name == f"name by {'small' if path == 'accept' else 'large'}", "it was verified as data"
    assert all('"year": 1911' in check.question for check in server.calls(verdict=True))


async def test_tools_that_run_are_not_answers_beside_a_schema(server: OpenAIServer) -> None:
    server.say("small", called("Oslo"))
    answer = StructuredTool(name="answer", description="Hand in the answer.", args_schema=Builder)
    model = cascade(server).bind_tools([weather, answer], tool_choice="any")
    route = route_of(model.invoke("weather in Oslo?"))
    assert (route.action, server.calls(verdict=True)) == ("bypass", [])


@pytest.mark.parametrize("name", ["weather", "nonsense"])
def test_tools_that_a_child_brings_along_are_offered(server: OpenAIServer, name: str) -> None:
    server.say("small", Reply(calls=((name, {"city": "Oslo"}),)))
    models = [child(server, model).bind_tools([weather]) for model in ("small", "large")]
    message = cascade(server, models=models).invoke("weather in Oslo?")
    route = route_of(message)
    assert (route.action, route.model) == (("bypass", 0) if name == "weather" else ("escalate", 1))
    assert server.calls(verdict=True) == []


async def test_streaming_may_be_switched_off_for_tools(server: OpenAIServer) -> None:
    server.say("small", called("Oslo"))
    model = cascade(server, disable_streaming="tool_calling").bind_tools([weather])
    (chunk,) = [chunk async for chunk in model.astream("weather?")]
    assert [call["args"]["city"] for call in chunk.tool_calls] == ["Oslo"]


@pytest.mark.parametrize("path", ["sound", "unsound"])
def test_streamed_tool_call_chunks_add_up(server: OpenAIServer, path: str) -> None:
    server.say("small", called("Oslo") if path == "sound" else Reply(calls=(("nonsense", {}),)))
    server.say("large", called("Bergen"))
    whole = collect(cascade(server).bind_tools([weather]), "weather?")
    invoked = cascade(server).bind_tools([weather]).invoke("weather?")
    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [
        (call["name"], call["args"]) for call in invoked.tool_calls
    ]
    assert all(call["id"] for call in whole.tool_calls)
