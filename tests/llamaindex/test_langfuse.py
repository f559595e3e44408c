"""Langfuse's own client takes LlamaIndex's spans from OpenInference, as its documentation sets it up."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from automix_core import Price
from tests.llamaindex.engines import KEY, PASSAGES, PATHS, Path, ask, cascade, expected, index, script
from tests.loopback import OpenAIServer
from tests.loopback.langfuse_client import Project, project
from tests.loopback.otlp_collector import OTLPCollector

pytest.importorskip("langfuse")
pytest.importorskip("openinference.instrumentation.llama_index")

# OpenInference writes metadata with pydantic's old method, and takes an error there for a lost span.
pytestmark = pytest.mark.filterwarnings("ignore:.*:pydantic.warnings.PydanticDeprecatedSince20")


@pytest.fixture(scope="module")
def langfuse() -> Iterator[Project]:
    """A real client that posts to a server here, instrumented."""
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

    instrumentor = LlamaIndexInstrumentor()
    with OTLPCollector() as collector, project(collector) as made:
        instrumentor.instrument(tracer_provider=made.provider)
        yield made
        instrumentor.uninstrument()
    assert not collector.errors, collector.errors[0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("way", "streaming"), [("query", False), ("query", True), ("aquery", True)])
def test_langfuse(server: OpenAIServer, langfuse: Project, way: str, streaming: bool, path: Path) -> None:
    """One tree a query, every token once, and on the call's span what dashboards chart."""
    backend = langfuse.collector
    backend.clear()
    script(server, path)
    llm = cascade(server, prices=[Price(1, 2), Price(10, 20)])
    assert ask(index(PASSAGES[1]).as_query_engine(llm=llm, streaming=streaming), way)[0] == expected(path)
    langfuse.client.flush()
    assert len(backend.roots) == 1, [backend.drawn(root) for root in backend.roots]
    assert backend.paths == {"/api/public/otel/v1/traces"}
    counted = tuple(
        sum(span.attributes.get(f"llm.token_count.{kind}", 0) for span in backend.spans)
        for kind in ("prompt", "completion")
    )
    assert counted == server.tokens()
    (called,) = (span for span in backend.spans if span.name.startswith("AutoMixLLM."))
    children = [name.partition(".")[0] for name in backend.beneath(called)]
    answered = ["OpenAILike"] if path == "escalate" else []
    assert children == ["OpenAILike", "SelfVerifier", "MetaVerifier", *answered]
    assert called.attributes["automix_action"] == path
    assert called.attributes["automix_cost_usd"] > 0
    assert "automix_saved_usd" in called.attributes
    assert KEY not in json.dumps([span.attributes for span in backend.spans])
