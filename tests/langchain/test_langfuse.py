"""Langfuse's own client, posting to a server on this machine: by its handler, and by OpenTelemetry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig

from automix_core import Price
from automix_core.policies.share import Share
from tests.langchain.cascades import PATHS, SECRET, Path, cascade, script
from tests.langchain.tracing import PLACES, USER, call
from tests.loopback import OpenAIServer
from tests.loopback.langfuse_client import Project, project
from tests.loopback.otlp_collector import OTLPCollector, Received

pytest.importorskip("langfuse")
pytest.importorskip("openinference.instrumentation.langchain")

PRICES = [Price(1, 2), Price(10, 20)]
FACTS = "langfuse.observation.metadata.automix_"
WAYS = [("root", "invoke"), ("root", "astream"), ("chain", "stream"), ("agent", "ainvoke")]


@pytest.fixture(scope="module")
def langfuse() -> Iterator[Project]:
    """A real client that posts to a server here."""
    with OTLPCollector() as collector, project(collector) as made:
        yield made
    assert not collector.errors, collector.errors[0]


@pytest.fixture
def backend(langfuse: Project) -> OTLPCollector:
    """What Langfuse receives in this test."""
    langfuse.collector.clear()
    return langfuse.collector


def the_call(backend: OTLPCollector, path: Path) -> Received:
    """The span of the one call, with the right ones beneath; no key is in any."""
    (called,) = (span for span in backend.spans if span.name == "AutoMixChatModel")
    assert len(backend.roots) == 1, [backend.drawn(root) for root in backend.roots]
    assert not any(span.failed for span in backend.spans)
    answered = ["automix_answer"] if path == "escalate" else []
    assert backend.beneath(called) == ["automix_draft", "automix_verify", "automix_meta_verifier", *answered]
    assert backend.paths == {"/api/public/otel/v1/traces"}
    assert SECRET not in json.dumps([span.attributes for span in backend.spans])
    return called


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("place", "how"), WAYS)
def test_by_its_handler(
    server: OpenAIServer, backend: OTLPCollector, langfuse: Project, place: str, how: str, path: Path
) -> None:
    """Its generations add up to the bill, and the call's has what dashboards chart."""
    from langfuse.langchain import CallbackHandler

    script(server, path)
    runnable, value = PLACES[place](cascade(server, prices=PRICES))
    call(runnable, value, how, {"callbacks": [CallbackHandler(public_key=langfuse.key)], **USER})
    langfuse.client.flush()
    called = the_call(backend, path)
    counted = [json.loads(span.attributes.get("langfuse.observation.usage_details", "{}")) for span in backend.spans]
    assert tuple(sum(one.get(kind, 0) for one in counted) for kind in ("input", "output")) == server.tokens()
    assert json.loads(called.attributes[f"{FACTS}action"]) == path
    assert float(called.attributes[f"{FACTS}cost_usd"]) > 0
    assert f"{FACTS}saved_usd" in called.attributes
    assert json.loads(called.attributes["langfuse.observation.metadata.user"]) == "Ines"
    charted = [span.name for span in backend.spans if f"{FACTS}action" in span.attributes]
    assert charted == ["AutoMixChatModel"]


def test_its_handler_is_told_the_evidence(server: OpenAIServer, backend: OTLPCollector, langfuse: Project) -> None:
    from langfuse.langchain import CallbackHandler

    class Mine(CallbackHandler):
        """Somebody's own, of Langfuse's kind."""

    script(server, "accept")
    cascade(server, policy=Share(0.4)).invoke("hello", {"callbacks": [Mine(public_key=langfuse.key)]})
    langfuse.client.flush()
    (called,) = (span for span in backend.spans if span.name == "AutoMixChatModel")
    assert 0 <= float(called.attributes[f"{FACTS}evidence"]) <= 1
    assert f"{FACTS}cost_usd" not in called.attributes


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", ["invoke", "astream"])
def test_by_opentelemetry(
    server: OpenAIServer, backend: OTLPCollector, langfuse: Project, how: str, path: Path
) -> None:
    """OpenInference's spans pass through the filter of Langfuse's client, whole."""
    from openinference.instrumentation.langchain import LangChainInstrumentor

    script(server, path)
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=langfuse.provider)
    try:
        call(cascade(server, prices=PRICES), "hello", how, RunnableConfig(**USER))
    finally:
        instrumentor.uninstrument()
    langfuse.client.flush()
    called = the_call(backend, path)
    counted = tuple(
        sum(span.attributes.get(f"llm.token_count.{kind}", 0) for span in backend.spans)
        for kind in ("prompt", "completion")
    )
    assert counted == server.tokens()
    charted = json.loads(called.attributes["metadata"])
    assert (charted["automix_action"], charted["automix_cost_usd"] > 0) == (path, True)


def test_a_handler_of_somebody_elses_keeps_its_runs_to_itself(server: OpenAIServer) -> None:
    class Recorder(BaseCallbackHandler):
        def __init__(self) -> None:
            self.runs: dict[UUID, dict[str, Any]] = {}

        def on_chat_model_start(self, *_: Any, run_id: UUID, **__: Any) -> None:
            self.runs[run_id] = {"mine": True}

    script(server, "accept")
    recorder = Recorder()
    cascade(server).invoke("hello", {"callbacks": [recorder]})
    assert recorder.runs
    assert all(held == {"mine": True} for held in recorder.runs.values())
