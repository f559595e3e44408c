"""Calls in every way and place, and the trace that each of them must leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from tests.langchain.cascades import Path
from tests.loopback import Node
from tests.loopback.streams import INPUT, MESSAGES, PROMPT, agent, chain, graph

USER: RunnableConfig = {"tags": ["users-tag"], "metadata": {"thread_id": "thread-7", "user": "Ines"}}
PLACES: dict[str, Callable[[BaseChatModel], tuple[Any, Any]]] = {
    "root": lambda model: (model, PROMPT.format_messages(**INPUT)),
    "chain": lambda model: (chain(model), INPUT),
    "graph": lambda model: (graph(model), MESSAGES),
    "agent": lambda model: (agent(model), {"messages": [("user", INPUT["question"])]}),
}
CALLS = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch", "v3", "v3 async")
FEW = ("invoke", "astream")
# a chain has no v3 stream of its own in LangChain
WAYS = [(place, how) for place in PLACES for how in CALLS if place != "chain" or not how.startswith("v3")]


def call(runnable: Any, value: Any, how: str, config: RunnableConfig) -> None:
    """Call `runnable` in one of `CALLS` and exhaust what it returns."""
    match how:
        case "invoke":
            runnable.invoke(value, config)
        case "ainvoke":
            asyncio.run(runnable.ainvoke(value, config))
        case "stream":
            list(runnable.stream(value, config))
        case "astream":
            asyncio.run(drain(runnable.astream(value, config)))
        case "batch":
            runnable.batch([value, value], config)
        case "abatch":
            asyncio.run(runnable.abatch([value, value], config))
        case "v3":
            list(runnable.stream_events(value, config, version="v3"))
        case "v3 async":

            async def read() -> None:
                await drain(await runnable.astream_events(value, config, version="v3"))

            asyncio.run(read())


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def automix_run(root: Node) -> Node:
    """The one AutoMix run of a trace."""
    (found,) = root.find("AutoMixChatModel")
    return found


def roles(run: Node) -> list[str]:
    """The names of the runs directly under the AutoMix run, in order."""
    return [child.name for child in run.children]


def check_tree(root: Node, path: Path) -> None:
    """The shape of one call's trace, and what every run in it carries."""
    run = automix_run(root)
    answered = ["automix_answer"] if path == "escalate" else []
    assert roles(run) == ["automix_draft", "automix_verify", "automix_meta_verifier", *answered], root.drawn()
    assert run.metadata["automix_action"] == path
    for node in root.walk():
        assert node.finished, root.drawn()
        assert node.error is None
        assert node.metadata["thread_id"] == "thread-7"
        assert node.metadata["user"] == "Ines"
        assert "users-tag" in node.tags
    for node in run.walk():
        if node is run:
            continue
        stamped = {key for key in node.metadata if key.startswith("automix")}
        assert stamped <= {"automix_role", "automix_model"}, "the composite's parameters are not its children's"
        if node.kind == "llm":
            assert node.metadata["ls_provider"] == "openai"
            assert node.metadata["ls_model_name"] in ("small", "large")
        else:
            assert not [key for key in node.metadata if key.startswith("ls_") and key != "ls_integration"]
