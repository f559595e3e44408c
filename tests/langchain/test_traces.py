"""One trace a call, whole and finished, wherever the model stands and however it is called.

The real LangSmith client posts to a loopback collector; what is looked at is what its service would receive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.langchain import LangChainTracer
from langgraph.checkpoint.memory import InMemorySaver
from langsmith import Client, traceable
from openai import InternalServerError
from urllib3 import Retry

from langchain_automix import AutoMixChatModel, SelfVerifier
from tests.langchain.cascades import LARGE, PATHS, Path, cascade, child, eventually, expected, script
from tests.loopback import Gate, LangSmithCollector, Node, OpenAIServer, Reply
from tests.loopback.streams import INPUT, MESSAGES, PROMPT, agent, chain, graph

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning"),
]

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


@pytest.fixture
def tracing(collector: LangSmithCollector) -> Iterator[tuple[Client, RunnableConfig]]:
    """A LangSmith client and the config that traces with it."""
    client = collector.client()
    yield client, {"callbacks": [LangChainTracer(client=client)], **USER}
    client.close()


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
            asyncio.run(_drain(runnable.astream(value, config)))
        case "batch":
            runnable.batch([value, value], config)
        case "abatch":
            asyncio.run(runnable.abatch([value, value], config))
        case "v3":
            list(runnable.stream_events(value, config, version="v3"))
        case "v3 async":

            async def read() -> None:
                await _drain(await runnable.astream_events(value, config, version="v3"))

            asyncio.run(read())


async def _drain(stream: Any) -> None:
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
    runnable, value = PLACES[place](cascade(server))
    call(runnable, value, how, config)
    client.flush()
    roots = collector.roots()
    assert len(roots) == (2 if "batch" in how else 1), "\n".join(root.drawn() for root in roots)
    for root in roots:
        check_tree(root, path)


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


@pytest.fixture
def environment(collector: LangSmithCollector, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """LANGSMITH_TRACING=true, as users switch it on; no callbacks are passed."""
    import langsmith.utils
    from langsmith import run_trees

    client = collector.client()
    cached: list[Any] = [langsmith.utils.get_env_var, langsmith.utils.get_tracer_project]
    for function in cached:
        function.cache_clear()
    with monkeypatch.context() as patch:
        patch.setenv("LANGSMITH_TRACING", "true")
        patch.setattr(run_trees, "_CLIENT", client)
        yield client
    for function in cached:
        function.cache_clear()
    client.close()


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


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream", "v3", "v3 async"])
def test_an_error_finishes_every_run(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], how: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    server.fail("large", Reply(status=500))
    with pytest.raises(InternalServerError):
        call(cascade(server), "hello", how, config)
    client.flush()
    (root,) = collector.roots()
    assert all(node.finished for node in root.walk()), root.drawn()
    assert "500" in str(root.error)
    (answer,) = root.find("automix_answer")
    assert "500" in str(answer.error)
    others = [node for node in root.walk() if node not in (root, answer)]
    assert others
    assert not [node.name for node in others if node.error]


@pytest.mark.parametrize("how", ["stream", "astream"])
@pytest.mark.parametrize("place", ["root", "chain"])
def test_a_break_finishes_every_run(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], place: str, how: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    # LangChain's own parsers wait for one more chunk before they close; nobody opens the gate for it
    server.say("large", Reply(LARGE, gate=Gate(patience=0.3)))
    runnable, value = PLACES[place](cascade(server))

    def has_text(chunk: Any) -> bool:
        return bool(chunk if isinstance(chunk, str) else chunk.text)

    if how == "stream":
        stream = runnable.stream(value, config)
        next(chunk for chunk in stream if has_text(chunk))
        stream.close()
    else:

        async def read() -> None:
            stream = runnable.astream(value, config)
            async for chunk in stream:
                if has_text(chunk):
                    break
            await stream.aclose()

        asyncio.run(read())
    client.flush()
    (root,) = collector.roots()
    assert root.find("automix_answer")
    assert all(node.finished for node in root.walk()), root.drawn()


@pytest.mark.parametrize("moment", ["draft", "verify", "answer"])
@pytest.mark.parametrize("how", ["ainvoke", "astream"])
def test_a_cancellation_finishes_every_run(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], how: str, moment: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    slow = Reply("late", delay=30)
    if moment == "verify":
        server.verdicts(slow)
    else:
        server.say("small" if moment == "draft" else "large", slow)
    model = cascade(server)

    async def go() -> None:
        work = model.ainvoke("hello", config) if how == "ainvoke" else _drain(model.astream("hello", config))
        task = asyncio.ensure_future(work)
        await eventually(lambda: len(server.requests) == {"draft": 1, "verify": 2, "answer": 3}[moment])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not [other for other in asyncio.all_tasks() if other is not asyncio.current_task()]

    asyncio.run(go())
    client.flush()
    (root,) = collector.roots()
    assert all(node.finished for node in root.walk()), root.drawn()
    assert root.error is not None


def test_a_tracing_service_that_is_down_changes_nothing(server: OpenAIServer) -> None:
    script(server, "escalate")
    with LangSmithCollector(status=500) as broken:
        client = broken.client(retry_config=Retry(total=0))
        answer = cascade(server).invoke("hello", {"callbacks": [LangChainTracer(client=client)]})
        client.flush()
        client.close()
        assert broken.posts
    assert answer.text == LARGE


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


class Runs(BaseCallbackHandler):
    """Every run that starts and ends, and what it is under."""

    def __init__(self) -> None:
        self.parents: dict[Any, Any] = {}
        self.open: set[Any] = set()

    def _start(self, run_id: Any, parent_run_id: Any) -> None:
        self.parents[run_id] = parent_run_id
        self.open.add(run_id)

    def on_chat_model_start(self, *args: Any, run_id: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        self._start(run_id, parent_run_id)

    def on_chain_start(self, *args: Any, run_id: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        self._start(run_id, parent_run_id)

    def _end(self, *args: Any, run_id: Any, **kwargs: Any) -> None:
        self.open.discard(run_id)

    on_llm_end = on_llm_error = on_chain_end = on_chain_error = _end


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream", "v3", "v3 async"])
def test_a_users_own_handler_sees_the_same_tree(server: OpenAIServer, how: str) -> None:
    script(server, "escalate")
    handler = Runs()
    call(cascade(server), "hello", how, {"callbacks": [handler]})
    assert len([run for run, parent in handler.parents.items() if parent is None]) == 1
    assert not handler.open


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
def test_callbacks_given_to_the_constructor_see_everything_once(server: OpenAIServer, how: str) -> None:
    script(server, "escalate")
    handler = Runs()
    call(cascade(server, callbacks=[handler]), "hello", how, {})
    assert not handler.open
    assert len([run for run, parent in handler.parents.items() if parent is None]) == 1


@pytest.mark.parametrize("how", CALLS)
def test_opentelemetry_spans_nest_the_same_way(server: OpenAIServer, how: str) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    script(server, "escalate")
    with LangSmithCollector() as collector:
        client = collector.client(tracing_mode="otel", otel_tracer_provider=provider)
        runnable, value = PLACES["chain" if "v3" not in how else "root"](cascade(server))
        call(runnable, value, how, {"callbacks": [LangChainTracer(client=client)], **USER})
        client.flush()
        client.close()
        assert not collector.roots(), "only spans are exported"
    spans = exporter.get_finished_spans()
    names = [span.name for span in spans]
    calls = 2 if "batch" in how else 1
    assert len([span for span in spans if span.parent is None]) == calls
    for name in ("AutoMixChatModel", "automix_draft", "automix_answer"):
        assert names.count(name) == calls
    by_id = {span.context.span_id: span for span in spans if span.context is not None}
    for span in spans:
        if span.name.startswith("automix_"):
            parent = span.parent
            line = []
            while parent is not None:
                line.append(by_id[parent.span_id].name)
                parent = by_id[parent.span_id].parent
            assert "AutoMixChatModel" in line


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
