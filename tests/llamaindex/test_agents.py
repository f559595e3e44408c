"""Agents: turns with tools go whole to one model; a query engine that is a tool is routed."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool, QueryEngineTool

from automix_core import ConfigError
from llamaindex_automix import collect_routes, route_of
from tests.llamaindex.engines import DRAFT, LARGE, cascade, child, index, script
from tests.loopback import OpenAIServer, Reply

pytestmark = [  # workflows look at all attributes of an agent
    pytest.mark.filterwarnings("ignore:.*:pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore:.*:pydantic.warnings.PydanticDeprecatedSince211"),
    pytest.mark.filterwarnings("ignore:is_running called:DeprecationWarning"),
]


def steps(tower: str) -> str:
    """How many steps a tower has."""
    return f"{tower} has 211 steps."


TOOL = FunctionTool.from_defaults(steps)
CALL = Reply(calls=(("steps", {"tower": "The lighthouse"}),))


async def run(agent: Any, question: str) -> tuple[str, list[str]]:
    """The agent's answer, and the pieces that it streamed."""
    handler = agent.run(user_msg=question, memory=ChatMemoryBuffer.from_defaults(token_limit=3000))
    pieces = [event.delta async for event in handler.stream_events() if isinstance(event, AgentStream)]
    return str(await handler), pieces


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_function_agent(server: OpenAIServer, streaming: bool) -> None:
    server.say("large", CALL, LARGE)
    agent = FunctionAgent(tools=[TOOL], llm=cascade(server), streaming=streaming)
    with collect_routes() as routes:
        answer, pieces = await run(agent, "How many steps?")
    assert answer == LARGE
    assert "".join(pieces) == (LARGE if streaming else "")
    assert {request.model for request in server.requests} == {"large"}
    assert server.calls(verdict=True) == []
    assert [route.action for route in routes] == ["bypass", "bypass"]
    second = server.requests[1].messages
    assert [message["role"] for message in second[-2:]] == ["assistant", "tool"]
    assert second[-1]["tool_call_id"] == second[-2]["tool_calls"][0]["id"]
    assert "211" in second[-1]["content"]


async def test_a_react_agent(server: OpenAIServer) -> None:
    thought = 'Thought: I need a tool.\nAction: steps\nAction Input: {"tower": "It"}'
    server.say("large", thought, f"Thought: I can answer without using any more tools.\nAnswer: {LARGE}")
    agent = ReActAgent(tools=[TOOL], llm=cascade(server))
    answer, _ = await run(agent, "How many steps?")
    assert answer == LARGE
    assert {request.model for request in server.requests} == {"large"}
    assert server.calls(verdict=True) == []


async def test_a_query_engine_in_an_agent_is_routed(server: OpenAIServer) -> None:
    script(server, "accept")
    server.say("large", Reply(calls=(("harbour", {"input": "Who built it?"}),)), LARGE)
    model = cascade(server)
    tool = QueryEngineTool.from_defaults(index().as_query_engine(llm=model), name="harbour", description="Facts.")
    with collect_routes() as routes:
        answer, _ = await run(FunctionAgent(tools=[tool], llm=model), "Who built the lighthouse?")
    assert answer == LARGE
    assert [route.action for route in routes] == ["bypass", "accept", "bypass"]
    assert DRAFT in server.calls("large")[-1].text


def test_a_workflow_picks_the_agent_by_what_the_models_can(server: OpenAIServer) -> None:
    plain = [child(server, name, is_function_calling_model=False) for name in ("small", "large")]
    for models, kind in ((None, FunctionAgent), (plain, ReActAgent)):
        settings: dict[str, Any] = {} if models is None else {"models": models}
        workflow = AgentWorkflow.from_tools_or_functions([steps], llm=cascade(server, **settings))
        assert isinstance(workflow.agents["Agent"], kind)


@pytest.mark.parametrize("way", ["blocking", "awaited"])
async def test_tools_asked_for_directly(server: OpenAIServer, way: str) -> None:
    server.say("large", CALL)
    model, asked = cascade(server), [ChatMessage(role=MessageRole.USER, content="How many steps?")]
    if way == "blocking":
        responses = [model.chat_with_tools([TOOL], chat_history=list(asked))]
        responses.append(list(model.stream_chat_with_tools([TOOL], chat_history=list(asked)))[-1])
        called = model.predict_and_call([TOOL], chat_history=list(asked))
    else:
        responses = [await model.achat_with_tools([TOOL], chat_history=list(asked))]
        pieces = await model.astream_chat_with_tools([TOOL], chat_history=list(asked))
        responses.append([piece async for piece in pieces][-1])
        called = await model.apredict_and_call([TOOL], chat_history=list(asked))
    assert "211" in str(called)
    for response in responses:
        (selection,) = model.get_tool_calls_from_response(response)
        assert selection.tool_kwargs == {"tower": "The lighthouse"}
        route = route_of(response)
        assert (route.model, route.action) == (1, "bypass")
        assert route.to_dict()["usage"]["total"]["total_tokens"] > 0
    raw = model.chat(asked, tools=[TOOL.metadata.to_openai_tool()])
    assert model.get_tool_calls_from_response(raw)
    assert {request.model for request in server.requests} == {"large"}


def test_the_tokens_of_a_called_tool_are_known(server: OpenAIServer) -> None:
    """`predict_and_call` returns no response; its tokens are overheard."""
    server.say("large", CALL)
    with collect_routes() as routes:
        cascade(server).predict_and_call([TOOL], user_msg="How many steps?")
    read, written = server.tokens()
    assert routes[0].usage["answer"] == {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": read + written,
    }


def test_a_model_that_cannot_call_tools_says_so(server: OpenAIServer) -> None:
    from llama_index.core.llms import MockLLM

    model = cascade(server, models=[child(server, "small"), MockLLM()])
    assert not model.metadata.is_function_calling_model
    with pytest.raises(ConfigError, match=r"models\[1\] \(MockLLM\)"):
        model.chat_with_tools([TOOL], user_msg="How many steps?")
