"""Events, spans and tokens: each call tells its route once, each child request is counted once, all spans close."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index_instrumentation import get_dispatcher
from pydantic import Field

from automix_core.decision import Accept, Decision, Finish, Measure, State, Verify
from llamaindex_automix import AutoMixRoutingEvent, collect_routes, route_of
from llamaindex_automix.meta_verifier import MetaVerifier
from tests.llamaindex.engines import (
    PASSAGES,
    PATHS,
    QUESTION,
    Path,
    ask,
    cascade,
    child,
    expected,
    index,
    script,
)
from tests.loopback import OpenAIServer


class Events(BaseEventHandler):
    """Keeps what it is told."""

    told: list[Any] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Events"

    def handle(self, event: Any, **_: Any) -> None:
        self.told.append(event)


@pytest.fixture
def events() -> Iterator[Events]:
    root, handler = get_dispatcher(), Events()
    root.add_event_handler(handler)
    yield handler
    root.event_handlers.remove(handler)


@pytest.fixture
def spans() -> Iterator[SimpleSpanHandler]:
    root, handler = get_dispatcher(), SimpleSpanHandler()
    root.add_span_handler(handler)
    yield handler
    root.span_handlers.remove(handler)


CASES = [
    (way, mode, streaming)
    for way in ("query", "aquery")
    for mode in (ResponseMode.COMPACT, ResponseMode.TREE_SUMMARIZE)
    for streaming in (False, True)
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("way", "mode", "streaming"), CASES)
def test_one_event_a_call(
    server: OpenAIServer, events: Events, way: str, mode: ResponseMode, streaming: bool, path: Path
) -> None:
    script(server, path)
    engine = index(PASSAGES[1]).as_query_engine(llm=cascade(server), response_mode=mode, streaming=streaming)
    text, (route,) = ask(engine, way)
    assert text == expected(path)
    (event,) = (event for event in events.told if isinstance(event, AutoMixRoutingEvent))
    assert event.automix == route.to_dict()
    assert event.class_name() == "AutoMixRoutingEvent"
    assert event.span_id
    dumped = json.dumps(event.automix)
    assert PASSAGES[1] not in dumped
    assert text not in dumped


def test_the_response_of_the_llm_carries_the_route_and_its_message_does_not(server: OpenAIServer) -> None:
    script(server, "accept")
    response = cascade(server).complete(QUESTION, automix_context="x")
    assert route_of(response).action == "accept"
    chat = cascade(server).chat([], automix_context="x", automix_question=QUESTION)
    assert route_of(chat).action == "accept"
    assert chat.message.additional_kwargs == {}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("way", "mode", "streaming"), CASES)
@pytest.mark.parametrize("manager", ["synthesizer", "afterwards", "settings"])
def test_the_token_counter_counts_each_request_once(
    server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    mode: ResponseMode,
    streaming: bool,
    path: Path,
    manager: str,
) -> None:
    script(server, path)
    counter = TokenCountingHandler()
    callbacks = CallbackManager([counter])
    model = cascade(server)
    if manager == "settings":
        monkeypatch.setattr(Settings, "_callback_manager", callbacks)
    synthesizer = get_response_synthesizer(
        llm=model,
        response_mode=mode,
        streaming=streaming,
        callback_manager=callbacks if manager == "synthesizer" else None,
    )
    engine = RetrieverQueryEngine(index(PASSAGES[1]).as_retriever(), synthesizer)
    if manager == "afterwards":
        model.callback_manager = callbacks
    ask(engine, way)
    assert len(counter.llm_token_counts) == len(server.billed)
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == server.tokens()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", ["query", "aquery"])
def test_verifying_and_deciding_are_spans_of_their_own(
    server: OpenAIServer, spans: SimpleSpanHandler, way: str, path: Path
) -> None:
    script(server, path)
    ask(index(PASSAGES[1]).as_query_engine(llm=cascade(server, k=3)), way)
    assert not spans.open_spans
    names = {span.id_: span.id_.rsplit("-", 5)[0] for span in spans.completed_spans}
    tree = [(names[span.id_], names.get(span.parent_id or "")) for span in spans.completed_spans]
    predict = "AutoMixLLM.predict" if way == "query" else "AutoMixLLM.apredict"
    verify = "SelfVerifier.verify" if way == "query" else "SelfVerifier.averify"
    chat = "OpenAILike.chat" if way == "query" else "OpenAILike.achat"
    assert sum(name == predict for name, _ in tree) == 1, "no span is opened twice"
    assert tree.count((verify, predict)) == 1
    assert tree.count(("MetaVerifier.meta_verify", predict)) == 1
    assert tree.count((chat, verify)) == 1, "one request for all three"
    assert tree.count((chat, predict)) == (1 if path == "accept" else 2)
    roots = [name for name, parent in tree if parent is None]
    assert len(roots) == 1


def test_spans_are_dropped_not_left_open_where_something_breaks(server: OpenAIServer, spans: SimpleSpanHandler) -> None:
    script(server, "escalate")
    model = cascade(server, models=[child(server, "small"), child(server, "large", api_base="http://127.0.0.1:9")])
    with pytest.raises(Exception, match="Connection error"):
        index(PASSAGES[1]).as_query_engine(llm=model).query(QUESTION)
    assert not spans.open_spans


@pytest.mark.parametrize("path", PATHS)
async def test_a_stream_that_nobody_reads_has_a_route(server: OpenAIServer, path: Path) -> None:
    """Its drafts and checks were paid when it was asked for."""
    script(server, path)
    model = cascade(server)
    with collect_routes() as routes:
        model.stream_complete(QUESTION, automix_context="x")
        await model.astream_complete(QUESTION, automix_context="x")
        for _ in range(5):  # a dropped async generator is closed by its loop
            gc.collect()
            await asyncio.sleep(0)
    assert [route.action for route in routes] == [path] * 2


@pytest.mark.parametrize(
    ("action", "word"),
    [(Accept(0), "accept"), (Verify(0, 1), "verify"), (Measure(0, "p_correct"), "measure"), (Finish(1), "escalate")],
)
def test_a_decision_is_shown_in_a_word(action: Any, word: str) -> None:
    policy = SimpleNamespace(decide=lambda state: Decision(action, "because"))
    drafted = replace(State.start(2, 4, purchasable=["p_correct"]), drafted=(True, False))
    ruling = MetaVerifier().meta_verify(policy, drafted)
    assert (ruling.action, ruling.model, ruling.reason) == (word, action.model, "because")
