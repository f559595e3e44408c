"""Runs of LangChain's and spans of LlamaIndex's that were begun and not ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from llama_index.core.instrumentation.span import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index_instrumentation import get_dispatcher
from pydantic import PrivateAttr


class Runs(BaseCallbackHandler):
    """A handler that knows which runs are open; `seen` counts all."""

    run_inline = True

    def __init__(self) -> None:
        self.open: set[Any] = set()
        self.seen = 0

    @property
    def left(self) -> int:
        """How many are open."""
        return len(self.open)

    def _began(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.seen += 1
        self.open.add(run_id)

    def _ended(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open.discard(run_id)

    on_chat_model_start = on_llm_start = on_chain_start = on_tool_start = _began
    on_llm_end = on_llm_error = on_chain_end = on_chain_error = on_tool_end = on_tool_error = _ended


class Spans(BaseSpanHandler[BaseSpan]):
    """A handler that knows which spans are open; `seen` counts all."""

    seen: int = 0
    _open: set[str] = PrivateAttr(default_factory=set)

    @property
    def left(self) -> int:
        """How many are open."""
        return len(self._open)

    def new_span(self, id_: str, *_: Any, **__: Any) -> BaseSpan:
        self.seen += 1
        self._open.add(id_)
        return BaseSpan(id_=id_)

    def prepare_to_exit_span(self, id_: str, *_: Any, **__: Any) -> BaseSpan:
        self._open.discard(id_)
        return BaseSpan(id_=id_)

    def prepare_to_drop_span(self, id_: str, *_: Any, **__: Any) -> BaseSpan:
        self._open.discard(id_)
        return BaseSpan(id_=id_)


@contextmanager
def open_spans() -> Iterator[Spans]:
    """Watch LlamaIndex's spans."""
    root, spans = get_dispatcher(), Spans()
    root.add_span_handler(spans)
    try:
        yield spans
    finally:
        root.span_handlers.remove(spans)
