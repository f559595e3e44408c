"""Every response mode, streaming and not, sync and async: the answer and the route are right, on exact evidence."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from llama_index.core import Settings
from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer

from llamaindex_automix import AutoMixLLM
from tests.cases import block
from tests.llamaindex.engines import (
    DRAFT,
    LARGE,
    PASSAGES,
    PATHS,
    QUESTION,
    Path,
    ask,
    cascade,
    cases,
    child,
    expected,
    index,
    script,
)
from tests.loopback import OpenAIServer

ANSWERING = [
    ResponseMode.COMPACT,
    ResponseMode.REFINE,
    ResponseMode.TREE_SUMMARIZE,
    ResponseMode.SIMPLE_SUMMARIZE,
    ResponseMode.ACCUMULATE,
    ResponseMode.COMPACT_ACCUMULATE,
]
STREAMING = [mode for mode in ANSWERING if "accumulate" not in mode.value]
MATRIX = [(mode, False) for mode in ANSWERING] + [(mode, True) for mode in STREAMING]
WAYS = ["query", "aquery"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("mode", "streaming"), MATRIX)
def test_one_passage(server: OpenAIServer, mode: ResponseMode, streaming: bool, way: str, path: Path) -> None:
    script(server, path)
    engine = index(PASSAGES[1]).as_query_engine(llm=cascade(server), response_mode=mode, streaming=streaming)
    text, (route,) = ask(engine, way)
    assert text.removeprefix("Response 1: ") == expected(path)
    assert (route.action, route.context_source) == (path, "template")
    for case in cases(server):
        assert block(case, "context") == PASSAGES[1], "exactly what was retrieved, and nothing around it"
        assert block(case, "question") == QUESTION
        assert block(case, "answer") == DRAFT


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ANSWERING)
def test_more_than_a_window_holds(server: OpenAIServer, mode: ResponseMode, way: str, path: Path) -> None:
    """Several calls make one answer; each is routed, and checked against its own part."""
    script(server, path)
    engine = index(big=700).as_query_engine(llm=small_windows(server), response_mode=mode)
    text, routes = ask(engine, way)
    if mode is ResponseMode.SIMPLE_SUMMARIZE:
        assert len(routes) == 1, "it truncates"
    else:
        assert len(routes) > 1
    assert {route.action for route in routes} == {path}
    assert expected(path) in text
    shown = "\n".join(cases(server))
    assert "['" not in shown
    assert "{query_str}" not in shown


@pytest.mark.parametrize("nested", [False, True], ids=["script", "running loop"])
@pytest.mark.parametrize(
    "mode", [ResponseMode.TREE_SUMMARIZE, ResponseMode.ACCUMULATE, ResponseMode.COMPACT_ACCUMULATE]
)
def test_use_async_under_a_blocking_call(server: OpenAIServer, mode: ResponseMode, nested: bool) -> None:
    """Within a running loop older versions ask from a thread that knows nothing of the caller's context."""
    handed_on = "copy_context" in inspect.getsource(asyncio_run)
    script(server, "escalate")
    engine = index(big=700).as_query_engine(llm=small_windows(server), response_mode=mode, use_async=True)

    async def inside() -> None:
        text, routes = ask(engine, "query")
        assert LARGE in text
        assert len(routes) > 1 or not handed_on

    if nested:
        asyncio.run(inside())
    else:
        text, routes = ask(engine, "query")
        assert LARGE in text
        assert len(routes) > 1


def small_windows(server: OpenAIServer) -> AutoMixLLM:
    models = [child(server, name, context_window=2600) for name in ("small", "large")]
    return cascade(server, models=models)


@pytest.mark.parametrize("mode", [ResponseMode.NO_TEXT, ResponseMode.CONTEXT_ONLY])
def test_modes_that_ask_no_model(server: OpenAIServer, mode: ResponseMode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "_llm", cascade(server))
    _, routes = ask(index().as_query_engine(response_mode=mode), "query")
    assert (routes, server.requests) == ([], [])


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_generation_has_no_context(server: OpenAIServer, way: str, streaming: bool) -> None:
    script(server, "accept")
    engine = index().as_query_engine(llm=cascade(server), response_mode=ResponseMode.GENERATION, streaming=streaming)
    text, (route,) = ask(engine, way)
    assert text == LARGE
    assert (route.action, route.context_source) == ("bypass", "none")
    assert "without context" in route.reason


@pytest.mark.parametrize("way", WAYS)
def test_nothing_retrieved_asks_no_model(server: OpenAIServer, way: str) -> None:
    engine = index().as_query_engine(llm=cascade(server), node_postprocessors=[_Nothing()])
    text, routes = ask(engine, way)
    assert (text, routes, server.requests) == ("Empty Response", [], [])


def test_a_refine_step_is_checked_against_the_earlier_answer_too(server: OpenAIServer) -> None:
    """The step is told to repeat the earlier answer where the new passage adds nothing."""
    script(server, "accept")
    engine = index(*PASSAGES[1:]).as_query_engine(llm=cascade(server, k=1), response_mode=ResponseMode.REFINE)
    ask(engine, "query")
    first, second = cases(server)
    assert PASSAGES[1] in first
    assert PASSAGES[2] not in first
    assert PASSAGES[2] in second
    assert PASSAGES[1] not in second
    assert DRAFT in str(block(second, "context"))


def test_settings_serve_whoever_names_no_model(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    script(server, "escalate")
    monkeypatch.setattr(Settings, "_llm", None)
    Settings.llm = cascade(server)
    text, (route,) = ask(index().as_query_engine(), "query")
    assert (text, route.action) == (LARGE, "escalate")


def test_streams_are_the_generators_that_synthesizers_look_for(server: OpenAIServer) -> None:
    script(server, "escalate")
    synthesizer = get_response_synthesizer(llm=cascade(server), streaming=True)
    response = synthesizer.synthesize(QUESTION, nodes=index().as_retriever().retrieve(QUESTION))
    assert isinstance(response, StreamingResponse)
    assert len(list(response.response_gen)) > 1


class _Nothing:
    """A postprocessor that finds every passage wanting."""

    callback_manager = None

    def postprocess_nodes(self, *_: object, **__: object) -> list[object]:
        return []

    async def apostprocess_nodes(self, *_: object, **__: object) -> list[object]:
        return []
