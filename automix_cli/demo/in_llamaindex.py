"""One question through the cascade in LlamaIndex: a query engine whose LLM is the cascade, over the demo's retriever.

The same question, passages and prompt as in `in_langchain`, and the same events, read from LlamaIndex's spans.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.span import BaseSpan
from llama_index_instrumentation.span_handlers import BaseSpanHandler
from pydantic import PrivateAttr

from automix_core.checking.verdict import read_verdict
from automix_core.decision import Policy
from llamaindex_automix import AutoMixLLM, SelfVerifier, collect_routes
from llamaindex_automix.meta_verifier import MetaVerifier

from .corpus import Passage, Question
from .events import Answering, Asked, Checked, Decided, Drafted, Found, Said, Show, Span, Times, Verdict
from .prompt import PROMPT
from .retrieval import Retriever

TEMPLATE = PromptTemplate(PROMPT.format(context="{context_str}", question="{query_str}"))


def cascade(
    small: Any, large: Any, policy: Policy | None = None, k: int = 8, window: int | None = None, **settings: Any
) -> AutoMixLLM:
    """The small model with the large one behind it; by default checked and decided as by default.

    `k` is the most verdicts drawn, `window` the small model's context window in tokens, where that is known.
    """
    verifier = SelfVerifier(k=k, context_window=window)
    return AutoMixLLM(models=[small, large], policy=policy, verifier=verifier, **settings)


def ask(llm: AutoMixLLM, retriever: Retriever, question: Question, show: Show) -> Asked:
    """Ask one question and tell `show` what happens. Raises the last model's error if that fails."""
    times, answer = Times(show), ""
    searching = _Searching(retriever, times)
    engine = RetrieverQueryEngine.from_args(searching, llm=llm, text_qa_template=TEMPLATE, streaming=True)
    started = perf_counter()
    with collect_routes() as routes, _watching(llm, times):
        response = engine.query(question.question)
        assert isinstance(response, StreamingResponse)
        for piece in response.response_gen:
            answer += piece
            times.tell(Said(piece))
    return Asked(question, searching.found, answer, routes[-1], times, perf_counter() - started - times.shown)


class _Searching(BaseRetriever):
    """The demo's retriever as LlamaIndex has one."""

    def __init__(self, retriever: Retriever, times: Times) -> None:
        super().__init__()
        self.found: list[Passage] = []
        self._retriever, self._times = retriever, times

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        self.found = self._retriever.search(query_bundle.query_str)
        self._times.tell(Found(self.found))
        texts = [passage.content for passage in self.found] or [""]  # without any node no model would be asked
        return [NodeWithScore(node=TextNode(text=text)) for text in texts]


class _Working(BaseSpan):
    """One request to a model, a check or a decision, while it runs."""

    step: str
    model: int
    start: float


class _Watch(BaseSpanHandler[_Working]):
    """Turns the spans of the cascade, its checks, its decisions and its models into events and times."""

    _models: list[Any] = PrivateAttr()
    _times: Times = PrivateAttr()
    _answering: tuple[int, float] | None = PrivateAttr(default=None)
    _checking: dict[str, int] = PrivateAttr(default_factory=dict)
    _calls: set[str] = PrivateAttr(default_factory=set)

    def new_span(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_span_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> _Working | None:
        """A span of interest, if this is one."""
        step, model = self._read(id_, instance, parent_span_id or "")
        if step == "answer":
            self._answering = (model, perf_counter())
            self._times.tell(Answering(model))
        if not step or step == "answer":
            return None
        return _Working(id_=id_, parent_id=parent_span_id, step=step, model=model, start=perf_counter())

    def _read(self, id_: str, instance: Any, parent: str) -> tuple[str, int]:
        """What a span is: the step, and the model's number; no step for one of no interest."""
        own = next((number for number, model in enumerate(self._models) if model is instance), -1)
        if isinstance(instance, AutoMixLLM):
            self._calls.add(id_)
        if parent in self._calls:
            if isinstance(instance, SelfVerifier):
                checker = next((n for n, model in enumerate(self._models) if model is instance.model), -1)
                self._checking[id_] = checker
                return "check", checker
            if isinstance(instance, MetaVerifier):
                return "decision", -1
            if own >= 0:
                return ("answer" if ".stream_" in id_ else "draft"), own
        return ("verify", self._checking[parent]) if parent in self._checking else ("", -1)

    def prepare_to_exit_span(
        self, id_: str, bound_args: inspect.BoundArguments, instance: Any = None, result: Any = None, **kwargs: Any
    ) -> _Working | None:
        """What came of a span."""
        span, now = self.open_spans.get(id_), perf_counter()
        if span is None:
            return None
        seconds = now - span.start
        if span.step in ("draft", "verify"):
            self._times.spans.append(Span(span.step, span.model, span.start, now))
        if span.step == "draft":
            self._times.tell(Drafted(span.model, result.message.content or "", seconds))
        elif span.step == "verify":
            self._alone(span.model, result)
        elif span.step == "check":
            self._times.tell(Checked(span.model, result.verdicts, result.texts, seconds))
        elif span.step == "decision":
            self._times.tell(Decided(result.action, result.model, result.reason))
        return span

    def _alone(self, model: int, response: Any) -> None:
        """A check that came alone is an event."""
        if len(getattr(response.raw, "choices", ())) == 1:
            verdict = read_verdict(response.message.content or "")
            self._times.tell(Verdict(model, None if verdict is None else int(verdict)))

    def prepare_to_drop_span(
        self, id_: str, bound_args: inspect.BoundArguments, instance: Any = None, err: Any = None, **kwargs: Any
    ) -> _Working | None:
        """Time a request that failed."""
        span = self.open_spans.get(id_)
        if span is not None and span.step in ("draft", "verify"):
            self._times.spans.append(Span(span.step, span.model, span.start, perf_counter()))
        return span

    def finish(self) -> None:
        """The answer's stream has been read."""
        if self._answering is not None:
            self._times.spans.append(Span("answer", *self._answering, perf_counter()))


@contextmanager
def _watching(llm: AutoMixLLM, times: Times) -> Iterator[None]:
    watch, root = _Watch(), get_dispatcher()
    watch._models, watch._times = list(llm.models), times
    root.add_span_handler(watch)
    try:
        yield
    finally:
        watch.finish()
        root.span_handlers.remove(watch)
