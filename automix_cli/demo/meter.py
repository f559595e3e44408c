"""What the models of a cascade did in one call, and for how long, seen from outside through LangChain's callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult

from automix_core.checking.verdict import read_verdict

from .events import Answering, Checked, Decided, Drafted, Show, Span, Times, Verdict


class Meter(Times, BaseCallbackHandler):
    """Times every request to a model of the cascade and tells `show` what came of it.

    It looks at runs that carry `automix_role`, which the cascade puts on those of its children. Handlers run in the
    thread of their request.
    """

    run_inline = True

    def __init__(self, show: Show = lambda event: None) -> None:
        super().__init__(show)
        self._open: dict[UUID, tuple[str, int, float]] = {}

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, metadata: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        """Note when a request began; say so if it is the final answer."""
        if self._begin(run_id, metadata) == "answer":
            self.tell(Answering(self._open[run_id][1]))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """Time the request; a draft is an event, and so is a check that came alone."""
        span = self._end(run_id)
        if span is None:
            return
        self.spans.append(span)
        choices = [choice for choices in response.generations for choice in choices]
        if span.step == "draft":
            self.tell(Drafted(span.model, choices[0].text, span.end - span.start))
        elif span.step == "verify" and len(choices) == 1:
            verdict = read_verdict(choices[0].text)
            self.tell(Verdict(span.model, None if verdict is None else int(verdict)))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Time the request that failed."""
        span = self._end(run_id)
        if span is not None:
            self.spans.append(span)

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: UUID, metadata: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        """Note when a check or a decision began."""
        self._begin(run_id, metadata)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        """Report what the checks or the policy said."""
        span = self._end(run_id)
        if span is None or not isinstance(outputs, dict):
            return
        if span.step == "verify" and "verdicts" in outputs:
            self.tell(Checked(span.model, outputs["verdicts"], outputs["texts"], span.end - span.start))
        elif span.step == "meta_verifier":
            self.tell(Decided(outputs["action"], outputs["model"], outputs["reason"]))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Forget a check that broke; the route records it."""
        self._end(run_id)

    def _begin(self, run_id: UUID, metadata: Mapping[str, Any] | None) -> str | None:
        role = (metadata or {}).get("automix_role")
        if role is not None:
            # The meta-verifier decides for the whole cascade and carries no model's number.
            self._open[run_id] = (role, (metadata or {}).get("automix_model", -1), perf_counter())
        return role

    def _end(self, run_id: UUID) -> Span | None:
        opened = self._open.pop(run_id, None)
        return None if opened is None else Span(*opened, perf_counter())
