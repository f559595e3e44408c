"""One trace a call, whole and finished, wherever the model stands and however it is called.

The real LangSmith client posts to a loopback collector; what is looked at is what its service would receive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langsmith import Client, traceable

from automix_core import Price
from langchain_automix import AutoMixChatModel, SelfVerifier
from tests.langchain.cascades import PATHS, Path, cascade, child, expected, script
from tests.langchain.tracing import CALLS, FEW, PLACES, USER, WAYS, automix_run, call, check_tree, roles
from tests.loopback import LangSmithCollector, OpenAIServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("place", "how"), WAYS)
def test_one_root_and_everything_beneath_it(
    server: OpenAIServer,
    collector: LangSmithCollector,
    tracing: tuple[Client, RunnableConfig],
    place: str,
    how: str,
    path: Path,
) -> None:
    client, config = tracing
    script(server, path)
    runnable, value = PLACES[place](cascade(server, prices=PRICES))
    call(runnable, value, how, config)
    client.flush()
    roots = collector.roots()
    assert len(roots) == (2 if "batch" in how else 1), "\n".join(root.drawn() for root in roots)
    for root in roots:
        check_tree(root, path)
        charted = automix_run(root).metadata
        assert charted["automix_cost_usd"] > 0
        assert "automix_saved_usd" in charted


PRICES = [Price(1, 2), Price(10, 20)]

WRAPPED: dict[str, Callable[[Any], Any]] = {
    "bind": lambda model: model.bind(user="someone"),
    "with_retry": lambda model: model.with_retry(),
    "with_fallbacks": lambda model: model.with_fallbacks([model]),
    "with_config": lambda model: model.with_config(tags=["childs"]),
    "chain": lambda model: model | (lambda message: message),
}


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("place", ["chain", "graph"])
@pytest.mark.parametrize("kind", WRAPPED)
def test_wrapped_children_hang_under_the_automix_run(
    server: OpenAIServer,
    collector: LangSmithCollector,
    tracing: tuple[Client, RunnableConfig],
    kind: str,
    place: str,
    how: str,
) -> None:
    """Wrappers merge the surrounding chain's callbacks into what they are given."""
    client, config = tracing
    script(server, "escalate")
    children = [WRAPPED[kind](child(server, name)) for name in ("small", "large")]
    runnable, value = PLACES[place](cascade(server, models=children))
    call(runnable, value, how, config)
    client.flush()
    (root,) = collector.roots()
    run = automix_run(root)
    assert roles(run) == ["automix_draft", "automix_verify", "automix_meta_verifier", "automix_answer"], root.drawn()
    assert all(node.finished and node.error is None for node in root.walk()), root.drawn()


@pytest.mark.parametrize(("place", "how"), [way for way in WAYS if way[0] == "root" or way[1] in FEW])
def test_the_tracer_of_the_environment(
    server: OpenAIServer, collector: LangSmithCollector, environment: Client, place: str, how: str
) -> None:
    script(server, "escalate")
    runnable, value = PLACES[place](cascade(server))
    call(runnable, value, how, RunnableConfig(**USER))
    environment.flush()
    roots = collector.roots()
    assert len(roots) == (2 if "batch" in how else 1), "\n".join(root.drawn() for root in roots)
    for root in roots:
        check_tree(root, "escalate")


@pytest.mark.parametrize("how", CALLS)
def test_under_a_function_that_langsmith_traces(
    server: OpenAIServer, collector: LangSmithCollector, environment: Client, how: str
) -> None:
    script(server, "escalate")
    model = cascade(server)

    @traceable(name="my function")
    def work() -> None:
        call(model, "hello", how, RunnableConfig(**USER))

    work()
    environment.flush()
    (root,) = collector.roots()
    assert root.name == "my function"
    runs = root.find("AutoMixChatModel")
    assert len(runs) == (2 if "batch" in how else 1), root.drawn()
    for run in runs:
        assert roles(run) == ["automix_draft", "automix_verify", "automix_meta_verifier", "automix_answer"]
    assert all(node.finished for node in root.walk())


def test_the_thread_of_a_checkpointed_graph_is_on_every_run(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig]
) -> None:
    client, config = tracing
    script(server, "escalate")
    remembering = create_agent(cascade(server), tools=[], checkpointer=InMemorySaver())
    asked: Any = {"messages": [("user", "hello")]}
    remembering.invoke(asked, {"callbacks": config["callbacks"], "configurable": {"thread_id": "thread-8"}})
    client.flush()
    (root,) = collector.roots()
    assert {node.metadata.get("thread_id") for node in root.walk()} == {"thread-8"}


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_settings_of_a_call_show_on_the_runs_that_had_them(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], how: str
) -> None:
    """Core stamps a model's parameters on all its descendants, first come first kept."""
    client, config = tracing
    script(server, "escalate")
    call(cascade(server).bind(temperature=0.2, stop=["never"], top_p=0.9), "hello", how, config)
    client.flush()
    (root,) = collector.roots()
    (verify,) = [node for node in root.find("automix_verify")[0].walk() if node.kind == "llm"]
    assert verify.metadata["ls_temperature"] == 1.0
    assert verify.metadata.get("temperature", 1.0) == 1.0
    assert not verify.metadata.get("ls_stop")
    assert not verify.metadata.get("stop")
    assert verify.metadata.get("top_p") is None
    for name in ("automix_draft", "automix_answer"):
        (node,) = root.find(name)
        assert node.metadata["ls_temperature"] == 0.2
        assert node.metadata["ls_stop"] == ["never"]
    for name in ("automix_verify", "automix_meta_verifier"):
        (node,) = root.find(name)
        assert "temperature" not in node.metadata
        assert "top_p" not in node.metadata


@pytest.mark.parametrize("path", PATHS)
def test_the_decision_is_in_the_meta_verifiers_output(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], path: Path
) -> None:
    client, config = tracing
    script(server, path)
    cascade(server).invoke("hello", config)
    client.flush()
    (root,) = collector.roots()
    last = root.find("automix_meta_verifier")[-1]
    assert last.outputs["action"] == path
    assert last.outputs["model"] == (0 if path == "accept" else 1)
    assert "2 readable verdicts" in last.outputs["reason"]
    (verify,) = root.find("automix_verify")
    assert verify.outputs["verdicts"] == [int(path == "accept")] * 2


@pytest.mark.usefixtures("at_once")
def test_separate_verdict_requests_are_siblings_under_the_check(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig]
) -> None:
    client, config = tracing
    script(server, "escalate")
    plain = child(server, "checker").with_retry(stop_after_attempt=2)  # no n of its own
    cascade(server, verifier=SelfVerifier(model=plain, k=3)).invoke("hello", config)
    client.flush()
    (root,) = collector.roots()
    (verify,) = root.find("automix_verify")
    assert len([node for node in verify.walk() if node.kind == "llm"]) == 3
    assert all(node.finished for node in root.walk())


def test_a_nested_cascade_nests_its_runs(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig]
) -> None:
    client, config = tracing
    script(server, "escalate")
    server.say("largest", "The end.")
    outer = cascade(server, models=[cascade(server), child(server, "largest")])
    for how in ("invoke", "stream", "astream"):
        collector.clear()
        call(outer, "hello", how, config)
        client.flush()
        (root,) = collector.roots()
        assert root.name == "AutoMixChatModel"
        (draft,) = [node for node in root.children if node.name == "automix_draft"]
        assert [node.name for node in draft.children if node.kind == "llm"] == ["automix_draft", "automix_answer"]
        assert all(node.finished for node in root.walk())


@pytest.mark.parametrize("path", PATHS)
def test_what_the_traces_show_is_what_the_caller_got(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], path: Path
) -> None:
    client, config = tracing
    script(server, path)
    model: AutoMixChatModel = cascade(server)
    answer = model.invoke("hello", {**config, "run_name": "my question"})
    client.flush()
    (root,) = collector.roots()
    assert root.name == "my question"
    shown = root.outputs["generations"][0][0]["message"]["kwargs"]
    assert shown["content"] == answer.text == expected(path)
    assert "sk-loopback" not in str([node.fields for node in root.walk()])
