"""LangGraph and its agents on the real packages: the meta-verifier as an edge, streamed and remembered; middleware."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelCallLimitMiddleware, ModelFallbackMiddleware
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from automix_core import Threshold
from langchain_automix import MetaVerifier, SelfVerifier, collect_routes
from tests.langchain.cascades import (
    CONTEXT,
    INPUT,
    PATHS,
    PRIVATE,
    SECRET,
    Asked,
    Path,
    cascade,
    child,
    expected,
    script,
)
from tests.loopback import OpenAIServer, Reply

NAMES = {"accept": ["draft", "verify"], "escalate": ["draft", "verify", "finish"]}


def graph(server: OpenAIServer, **settings: Any) -> Any:
    """Drafting, checking and finishing as nodes of one's own; the meta-verifier is the edge between them."""
    small, large = child(server, "small"), child(server, "large")
    meta = MetaVerifier(Threshold(0.75))

    async def draft(state: Asked) -> Asked:
        return {"answer": (await small.ainvoke(state["question"])).text, "model": 0}

    async def finish(state: Asked) -> Asked:
        return {"answer": (await large.ainvoke(state["question"])).text, "model": 1}

    built: Any = StateGraph(Asked)
    built.add_node("draft", draft)
    built.add_node("verify", SelfVerifier(model=small, k=2))
    built.add_node("finish", finish)
    built.add_edge(START, "draft")
    built.add_edge("draft", "verify")
    built.add_conditional_edges("verify", meta.edge, {"accept": END, "escalate": "finish"})
    built.add_edge("finish", END)
    return built.compile(**settings)


@pytest.mark.parametrize("path", PATHS)
async def test_the_edge_decides_in_a_stream_of_updates(server: OpenAIServer, path: Path) -> None:
    """Nothing of the decision is hidden: a graph of one's own streams its nodes as they are done."""
    script(server, path)
    updates = [update async for update in graph(server).astream(INPUT, stream_mode="updates")]
    assert [name for update in updates for name in update] == NAMES[path]
    assert updates[-1 if path == "escalate" else 0][NAMES[path][-1 if path == "escalate" else 0]]["answer"] == expected(
        path
    )
    assert updates[1]["verify"]["confidence"] == (1.0 if path == "accept" else 0.0)


@pytest.mark.parametrize("path", PATHS)
async def test_a_checkpoint_before_the_edge_s_node_is_gone_on_from(server: OpenAIServer, path: Path) -> None:
    """The state between the check and the answer can be saved: somebody may look before the large model is paid."""
    script(server, path)
    app = graph(server, checkpointer=InMemorySaver(), interrupt_before=["finish"])
    thread: Any = {"configurable": {"thread_id": "thread-7"}}
    halted = await app.ainvoke(INPUT, thread)
    assert halted["answer"] == expected("accept"), "the draft, so far"
    waiting = (await app.aget_state(thread)).next
    assert waiting == (() if path == "accept" else ("finish",))
    assert not server.calls("large")
    if waiting:
        done = await app.ainvoke(None, thread)
        assert (done["answer"], done["model"]) == (expected(path), 1)
        assert len(server.calls("small")) == 2, "the draft and its check are not asked for again"


@tool
def handbook(query: str) -> str:
    """Search the handbook."""
    return CONTEXT


def _first(request: Any) -> Reply | None:
    return Reply(calls=(("handbook", {"query": "lighthouse"}),)) if len(request.messages) <= 2 else None


ASKED: Any = {"messages": [("user", INPUT["question"])]}


@pytest.mark.parametrize("path", PATHS)
async def test_an_agent_remembers_the_answer_and_not_the_draft(server: OpenAIServer, path: Path) -> None:
    script(server, path)
    server.say("small", _first)
    agent: Any = create_agent(
        cascade(server), [handbook], checkpointer=InMemorySaver(), system_prompt="Use the handbook."
    )
    thread: Any = {"configurable": {"thread_id": "thread-7"}}
    with collect_routes() as routes:
        parts = [part async for part in agent.astream(ASKED, thread, stream_mode="messages")]
    assert [route.action for route in routes] == ["bypass", path]
    held = (await agent.aget_state(thread)).values["messages"]
    assert held[-1].text == expected(path)
    for word in PRIVATE[path]:
        assert word not in repr(held)
        assert word not in repr(parts)
    after = await agent.ainvoke({"messages": [("user", "And who built it?")]}, thread)
    assert len(after["messages"]) == len(held) + 2


@pytest.mark.parametrize("path", PATHS)
async def test_a_model_of_the_fallback_middleware(server: OpenAIServer, path: Path) -> None:
    """The cascade as the fallback of a model that is down, and as what falls back."""
    script(server, path)
    down = ChatOpenAI(model="down", base_url="http://127.0.0.1:9/v1", api_key=SECRET, max_retries=0)
    agent: Any = create_agent(down, [], middleware=[ModelFallbackMiddleware(cascade(server))])
    assert (await agent.ainvoke(ASKED))["messages"][-1].text == expected(path)
    broken = cascade(server, models=[down, down])
    agent = create_agent(broken, [], middleware=[ModelFallbackMiddleware(child(server, "large"))])
    assert (await agent.ainvoke(ASKED))["messages"][-1].text == expected("escalate")


async def test_a_limit_of_model_calls_counts_calls_of_the_cascade(server: OpenAIServer) -> None:
    """Drafts and checks are not calls of the agent's model."""
    script(server, "escalate")
    server.say("small", _first)
    limit: Any = ModelCallLimitMiddleware(run_limit=2, exit_behavior="error")
    agent: Any = create_agent(cascade(server), [handbook], middleware=[limit])
    answer = await agent.ainvoke(ASKED)
    assert answer["messages"][-1].text == expected("escalate")
    assert len(server.requests) > 2
