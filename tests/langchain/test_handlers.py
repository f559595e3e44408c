"""Other observers than LangSmith's service: a user's own handlers and OpenTelemetry."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.langchain import LangChainTracer

from tests.langchain.cascades import cascade, script
from tests.langchain.tracing import CALLS, PLACES, USER, call
from tests.loopback import LangSmithCollector, OpenAIServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


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
