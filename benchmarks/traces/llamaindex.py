"""A query engine, traced by OpenInference over OpenTelemetry's protocol."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from llama_index.core import SummaryIndex
from llama_index.core.callbacks import CallbackManager
from llama_index.core.schema import TextNode
from llama_index.llms.openai import OpenAI

from benchmarks.traces.scripted import ANSWER, PASSAGES, PRICES, QUESTION, provider
from benchmarks.traces.span import Span, noted
from llamaindex_automix import AutoMixLLM
from tests.loopback.otlp_collector import OTLPCollector, Received

HANDLER = "openinference.instrumentation.llama_index._handler"
"""Logs a warning for each event that it does not know, as the page says."""


def traced(pace: float = 1.0) -> list[Span]:
    """The spans of one escalated query, from the root down, as Phoenix would receive them."""
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logging.getLogger(HANDLER).setLevel(logging.ERROR)
    with provider(pace) as server, OTLPCollector() as collector:
        spans = TracerProvider()
        spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{collector.root}/v1/traces")))
        models: list[Any] = [
            OpenAI(model=name, api_base=server.url, api_key="none", max_retries=0)
            for name in ("gpt-5.4-nano", "gpt-5.4")
        ]
        index = SummaryIndex([TextNode(text=passage) for passage in PASSAGES], callback_manager=CallbackManager())
        engine = index.as_query_engine(llm=AutoMixLLM(models=models, prices=list(PRICES)))
        instrumentor = LlamaIndexInstrumentor()
        instrumentor.instrument(tracer_provider=spans)
        try:
            with warnings.catch_warnings():  # OpenInference takes an error in pydantic's old method for a lost span
                warnings.filterwarnings("ignore", "The `json` method is deprecated")
                answer = str(engine.query(QUESTION))
        finally:
            instrumentor.uninstrument()
            spans.shutdown()
        (root,) = collector.roots
    if answer != ANSWER or any(span.failed for span in collector.spans):
        raise RuntimeError(f"not the call that was to be traced: {answer}\n{collector.drawn(root)}")
    return list(_spans(collector.spans, root, 0, root.began))


def _spans(all_spans: list[Received], span: Received, depth: int, start: int) -> Iterator[Span]:
    told = span.attributes
    counted = ("llm.token_count.prompt", "llm.token_count.completion")
    tokens = tuple(int(told[name]) for name in counted if name in told)
    notes = noted(told)
    if span.name.startswith("MetaVerifier."):
        notes = (json.loads(told["output.value"])["reason"],)
    yield Span(
        span.name,
        str(told["openinference.span.kind"]).lower(),
        depth,
        (span.began - start) / 1e9,
        (span.ended - start) / 1e9,
        (tokens[0], tokens[1]) if tokens else None,
        notes,
    )
    for child in all_spans:
        if child.parent == span.id:
            yield from _spans(all_spans, child, depth + 1, start)
