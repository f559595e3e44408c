"""OpenInference, as Phoenix and others use it: every token once, one root, all spans closed, no key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.response_synthesizers import ResponseMode

from automix_core import Price
from automix_core.policies.share import Share
from llamaindex_automix import collect_routes
from tests.llamaindex.engines import PASSAGES, PATHS, QUESTION, Path, ask, cascade, expected, index, script
from tests.loopback import OpenAIServer
from tests.spans import exported_by

pytest.importorskip("openinference.instrumentation.llama_index")

# OpenInference writes metadata with pydantic's old method, and takes an error there for a lost span.
pytestmark = pytest.mark.filterwarnings("ignore:.*:pydantic.warnings.PydanticDeprecatedSince20")

PRICES = [Price(1, 2), Price(10, 20)]
CASES = [
    (way, mode, streaming)
    for way in ("query", "aquery")
    for mode in (ResponseMode.COMPACT, ResponseMode.TREE_SUMMARIZE)
    for streaming in (False, True)
]


@pytest.fixture
def exported(server: OpenAIServer) -> Iterator[Any]:
    """What OpenInference exports, by name of the span."""
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

    with exported_by(LlamaIndexInstrumentor()) as exporter:
        yield exporter


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("way", "mode", "streaming"), CASES)
def test_openinference(
    server: OpenAIServer, exported: Any, way: str, mode: ResponseMode, streaming: bool, path: Path
) -> None:
    """Every token once, one root, and all spans exported, streams included."""
    script(server, path)
    engine = index(PASSAGES[1]).as_query_engine(
        llm=cascade(server, prices=PRICES), response_mode=mode, streaming=streaming
    )
    assert ask(engine, way)[0] == expected(path)
    finished = exported.get_finished_spans()
    counted = [
        sum(int(span.attributes.get(f"llm.token_count.{kind}", 0)) for span in finished)
        for kind in ("prompt", "completion")
    ]
    assert tuple(counted) == server.tokens()
    names = [span.name for span in finished]
    assert sum(name.startswith("AutoMixLLM.") for name in names) == 1
    counted_spans = [span for span in finished if "llm.token_count.prompt" in span.attributes]
    assert len(counted_spans) == len(server.requests)
    roots = [span.name for span in finished if span.parent is None]
    assert len(roots) == 1, roots
    (verified,) = (span for span in finished if span.name.startswith("SelfVerifier"))
    output = json.loads(verified.attributes["output.value"])
    assert output["confidence"] == (1.0 if path == "accept" else 0.0)
    (ruled,) = (span for span in finished if span.name.startswith("MetaVerifier"))
    assert json.loads(ruled.attributes["output.value"])["action"] == path
    (called,) = (span for span in finished if span.name.startswith("AutoMixLLM."))
    charted = {key: value for key, value in called.attributes.items() if key.startswith("automix_")}
    assert charted["automix_action"] == path
    assert charted["automix_cost_usd"] > 0
    assert isinstance(charted["automix_saved_usd"], float)
    assert not any(key.startswith("automix_") for span in finished if span is not called for key in span.attributes)
    everything = json.dumps([dict(span.attributes) for span in finished])
    assert "sk-engine-key" not in everything


@pytest.mark.parametrize("way", ["chat", "stream_chat", "astream_chat"])
async def test_the_evidence_of_the_policy_is_charted_where_it_tells_one(
    server: OpenAIServer, exported: Any, way: str
) -> None:
    """On the span of the call, not on the one of whoever made it or reads its stream."""
    from opentelemetry.sdk.trace import TracerProvider

    script(server, "accept")
    model, asked = cascade(server, policy=Share(0.4)), [ChatMessage(QUESTION)]
    with TracerProvider().get_tracer("a user's").start_as_current_span("mine") as span:
        match way:
            case "chat":
                model.chat(asked, automix_context="x")
            case "stream_chat":
                list(model.stream_chat(asked, automix_context="x"))
            case "astream_chat":
                _ = [piece async for piece in await model.astream_chat(asked, automix_context="x")]
    (called,) = (span for span in exported.get_finished_spans() if span.name == f"AutoMixLLM.{way}")
    assert 0 <= called.attributes["automix_evidence"] <= 1
    assert "automix_cost_usd" not in called.attributes, "no price is known"
    mine: Any = span
    assert not mine.attributes


def test_a_stream_that_is_read_after_its_span_is_over_is_charted_nowhere(server: OpenAIServer) -> None:
    """A span of the user's own, under which the call was made; setting anything on it then is a warning."""
    from opentelemetry.sdk.trace import TracerProvider

    script(server, "accept")
    with TracerProvider().get_tracer("a user's").start_as_current_span("mine") as span:
        pieces = cascade(server).stream_complete(QUESTION, automix_context="x")
    assert "".join(piece.delta or "" for piece in pieces) == expected("accept")
    mine: Any = span
    assert not mine.attributes


@pytest.mark.parametrize("path", PATHS)
async def test_streams_of_the_llm_itself_are_exported(server: OpenAIServer, exported: Any, path: Path) -> None:
    script(server, path)
    model = cascade(server)
    with collect_routes() as routes:
        pieces = await model.astream_complete(QUESTION, automix_context="x")
        assert "".join([piece.delta or "" async for piece in pieces]) == expected(path)
        assert "".join(p.delta or "" for p in model.stream_chat([], automix_context="x")) == expected(path)
    assert len(routes) == 2
    await asyncio.sleep(0)
    finished = exported.get_finished_spans()
    assert {"AutoMixLLM.astream_complete", "AutoMixLLM.stream_chat"} <= {span.name for span in finished}
