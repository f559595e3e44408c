"""A chain with a retriever, traced by the LangSmith client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_core.tracers.langchain import LangChainTracer
from langchain_openai import ChatOpenAI

from benchmarks.traces.scripted import ANSWER, PASSAGES, PRICES, QUESTION, provider
from benchmarks.traces.span import Span, noted
from langchain_automix import AutoMixChatModel, with_context
from tests.loopback import LangSmithCollector, Node


class Passages(BaseRetriever):
    """Finds every passage."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document(passage) for passage in PASSAGES]


def joined(documents: list[Document]) -> str:
    return "\n\n".join(document.page_content for document in documents)


def traced(pace: float = 1.0) -> list[Span]:
    """The runs of one escalated call, from the root down, as LangSmith would receive them."""
    with provider(pace) as server, LangSmithCollector() as collector:
        models: list[Any] = [
            ChatOpenAI(model=name, base_url=server.url, api_key="none", max_retries=0)
            for name in ("gpt-5.4-nano", "gpt-5.4")
        ]
        prompt = ChatPromptTemplate.from_messages(
            [("system", "Answer from this context.\n{context}"), ("human", "{question}")]
        )
        chain = (
            {"context": Passages() | joined, "question": RunnablePassthrough()}
            | with_context(prompt)
            | AutoMixChatModel(models=models, prices=list(PRICES))
            | StrOutputParser()
        )
        client = collector.client()
        answer = chain.invoke(QUESTION, {"callbacks": [LangChainTracer(client=client)], "max_concurrency": 1})
        client.flush()
        client.close()
        (root,) = collector.roots()
    if answer != ANSWER or not all(node.finished for node in root.walk()):
        raise RuntimeError(f"not the call that was to be traced: {answer}\n{root.drawn()}")
    return list(_spans(root, 0, _moment(root, "start_time")))


def _spans(node: Node, depth: int, start: float) -> Iterator[Span]:
    notes = noted(node.metadata) if node.name == "AutoMixChatModel" else ()
    if node.name == "automix_meta_verifier":
        notes = (node.outputs["reason"],)
    began, ended = _moment(node, "start_time") - start, _moment(node, "end_time") - start
    yield Span(node.name, node.kind, depth, began, ended, node.usage, notes)
    for child in node.children:
        yield from _spans(child, depth + 1, start)


def _moment(node: Node, field: str) -> float:
    return datetime.fromisoformat(node.fields[field]).timestamp()
