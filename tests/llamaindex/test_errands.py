"""What LlamaIndex asks models for its own purposes is not verified, and goes where `auxiliary` says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import llama_index.core
import pytest
from llama_index.core import Document, DocumentSummaryIndex, KeywordTableIndex, MockEmbedding, TreeIndex
from llama_index.core.chat_engine.types import ChatMode
from llama_index.core.evaluation import (
    AnswerRelevancyEvaluator,
    ContextRelevancyEvaluator,
    CorrectnessEvaluator,
    FaithfulnessEvaluator,
    GuidelineEvaluator,
    RelevancyEvaluator,
)
from llama_index.core.extractors import (
    KeywordExtractor,
    QuestionsAnsweredExtractor,
    SummaryExtractor,
    TitleExtractor,
)
from llama_index.core.indices.query.query_transform import HyDEQueryTransform, StepDecomposeQueryTransform
from llama_index.core.indices.query.query_transform.base import DecomposeQueryTransform
from llama_index.core.llms import LLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.postprocessor import LLMRerank, PIINodePostprocessor
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import ToolMetadata

from llamaindex_automix import collect_routes
from tests.llamaindex.engines import DRAFT, PASSAGES, QUESTION, cascade, index, script
from tests.loopback import OpenAIServer

NODES = [TextNode(text=text) for text in PASSAGES]
SCORED = [NodeWithScore(node=node, score=1.0) for node in NODES]
CASE: dict[str, Any] = {"query": QUESTION, "response": DRAFT, "contexts": list(PASSAGES)}
TOOLS = [ToolMetadata("Harbour facts", name="harbour"), ToolMetadata("Ferry times", name="ferries")]


def summarised(llm: LLM) -> DocumentSummaryIndex:
    documents = [Document(text=text) for text in PASSAGES]
    return DocumentSummaryIndex.from_documents(documents, llm=llm, embed_model=MockEmbedding(4))


ERRANDS: dict[str, Callable[[LLM], Any]] = {
    "hyde": lambda llm: HyDEQueryTransform(llm=llm)(QUESTION),
    "decompose": lambda llm: DecomposeQueryTransform(llm=llm)(QUESTION, {"index_summary": "facts"}),
    "step decompose": lambda llm: StepDecomposeQueryTransform(llm=llm)(
        QueryBundle(QUESTION), {"prev_reasoning": "none", "index_summary": "facts"}
    ),
    "select": lambda llm: LLMSingleSelector.from_defaults(llm=llm).select(TOOLS, QUESTION),
    "sub-questions": lambda llm: LLMQuestionGenerator.from_defaults(llm=llm).generate(TOOLS, QueryBundle(QUESTION)),
    "rerank": lambda llm: LLMRerank(llm=llm).postprocess_nodes(SCORED, query_str=QUESTION),
    "mask": lambda llm: PIINodePostprocessor(llm=llm).postprocess_nodes(SCORED),
    "fuse": lambda llm: QueryFusionRetriever([index().as_retriever()], llm=llm, use_async=False).retrieve(QUESTION),
    "titles": lambda llm: TitleExtractor(llm=llm, num_workers=1).extract(NODES),
    "keywords": lambda llm: KeywordExtractor(llm=llm, num_workers=1).extract(NODES),
    "summaries": lambda llm: SummaryExtractor(llm=llm, num_workers=1).extract(NODES),
    "questions answered": lambda llm: QuestionsAnsweredExtractor(llm=llm, num_workers=1).extract(NODES),
    "faithfulness": lambda llm: FaithfulnessEvaluator(llm=llm).evaluate(**CASE),
    "relevancy": lambda llm: RelevancyEvaluator(llm=llm).evaluate(**CASE),
    "context relevancy": lambda llm: ContextRelevancyEvaluator(llm=llm).evaluate(**CASE),
    "correctness": lambda llm: CorrectnessEvaluator(llm=llm).evaluate(**CASE),
    "answer relevancy": lambda llm: AnswerRelevancyEvaluator(llm=llm).evaluate(**CASE),
    "guideline": lambda llm: GuidelineEvaluator(llm=llm).evaluate(**CASE),
    "document summaries": lambda llm: summarised(llm),
    "tree": lambda llm: TreeIndex(NODES, llm=llm, num_children=2),
    "keyword table": lambda llm: KeywordTableIndex(NODES, llm=llm),
}
NLTK = next((Path(llama_index.core.__file__).parent / "_static/nltk_cache/corpora/stopwords").glob("*"))
"""A keyword table reads these with nltk, which refuses a file that has two names, as uv makes them."""
linked = pytest.mark.skipif(NLTK.stat().st_nlink > 1, reason="nltk reads no hard links: uv ... --link-mode copy")


@pytest.mark.parametrize("name", [pytest.param(n, marks=linked if n == "keyword table" else ()) for n in ERRANDS])
def test_an_errand(server: OpenAIServer, name: str) -> None:
    script(server, "accept")
    for chosen in ("large", "small"):
        server.clear()
        with collect_routes() as routes, suppress(ValueError, IndexError, KeyError):
            ERRANDS[name](cascade(server, auxiliary=chosen, without_context=chosen))  # some want a form of answer
        assert server.calls(verdict=True) == []
        assert routes
        assert {request.model for request in server.requests} == {chosen}
        assert {route.action for route in routes} == {"bypass"}


def test_documents_may_be_summarised_with_queries_afterwards(server: OpenAIServer) -> None:
    """Building such an index is an errand; asking it is not."""
    script(server, "accept")
    summaries = summarised(cascade(server))
    with collect_routes() as routes:
        summaries.as_query_engine(llm=cascade(server), retriever_mode="embedding").query(QUESTION)
    assert {route.action for route in routes} == {"accept"}


def test_errands_are_recognised_without_importing_anything() -> None:
    """The templates are looked up among the modules that are there."""
    import subprocess
    import sys

    code = (
        "import sys, llama_index.core; before = set(sys.modules); import llamaindex_automix; "
        "print(sorted(m for m in set(sys.modules) - before if m.startswith('llama_index.core')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ran.stdout
    assert "evaluation" not in loaded
    assert "selectors" not in loaded


def test_a_condensed_question_is_asked_like_any_other(server: OpenAIServer) -> None:
    """Condensing is an errand, also under `without_context="raise"`; the question it gives is verified."""
    script(server, "accept")
    server.say("large", QUESTION)
    engine = index().as_chat_engine(
        llm=cascade(server, without_context="raise"),
        chat_mode=ChatMode.CONDENSE_PLUS_CONTEXT,
        memory=ChatMemoryBuffer.from_defaults(token_limit=3000),
    )
    with collect_routes() as routes:
        engine.chat("Is there a lighthouse?")
        asyncio.run(engine.achat("Who built it?"))
    assert [route.action for route in routes] == ["accept", "bypass", "accept"]
