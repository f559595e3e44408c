"""The pictures on the pages about tracing show what a call traced now shows, besides its times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.traces import langchain
from benchmarks.traces.picture import drawn, shown, tree
from benchmarks.traces.span import Span

DOCS = Path(__file__).parents[2] / "docs"
CALLS = {"langchain": "AutoMixChatModel", "llamaindex": "AutoMixLLM.predict"}


def test_the_chain_in_langsmith() -> None:
    picture = (DOCS / "langchain" / "trace.svg").read_text("utf-8")
    assert shown(picture) == tree(langchain.traced(pace=0))


def test_the_query_in_opentelemetry() -> None:
    pytest.importorskip("openinference.instrumentation.llama_index")
    from benchmarks.traces import llamaindex

    picture = (DOCS / "llamaindex" / "trace.svg").read_text("utf-8")
    assert shown(picture) == tree(llamaindex.traced(pace=0))


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_the_text_beside_a_picture_names_what_is_ours_in_its_order(framework: str) -> None:
    """Who can't see it reads the same."""
    page = (DOCS / framework / "tracing.md").read_text("utf-8")
    beside = next(line for line in page.splitlines() if line.endswith("(trace.svg)"))
    runs = shown((DOCS / framework / "trace.svg").read_text("utf-8"))
    ours = [name for _, name, _ in runs[[name for _, name, _ in runs].index(CALLS[framework]) :]]
    assert len(ours) >= 6
    at = 0
    for name in ours:
        at = beside.index(name, at) + len(name)


def test_a_picture_keeps_the_names_that_markup_would_eat() -> None:
    picture = drawn([Span("RunnableParallel<a&b>", "chain", 0, 0.0, 1.0, None, ())], "A trace", "Of nothing.")
    assert "RunnableParallel<" not in picture
    assert shown(picture) == [(0, "RunnableParallel<a&b>", "chain")]
