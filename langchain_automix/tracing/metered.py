"""Hearing the model calls that others make: those of an audit's judge, whose tokens are to be counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from automix_core.audit.judge import Heard

from ..child.models import usage_of


class _Meter(BaseCallbackHandler):
    """Notes the tokens of each model call that ends."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Note one call."""
        first = next((generations[0] for generations in response.generations if generations), None)
        message = first.message if isinstance(first, ChatGeneration) else None
        self._heard.usages.append(usage_of(message) if isinstance(message, AIMessage) else None)


_meter: ContextVar[_Meter | None] = ContextVar("automix_meter", default=None)


@contextmanager
def metered() -> Iterator[Heard]:
    """Hear the calls of LangChain's models that are made within."""
    _hook()
    heard = Heard()
    token = _meter.set(_Meter(heard))
    try:
        yield heard
    finally:
        _meter.reset(token)


@cache
def _hook() -> None:
    from langchain_core.tracers.context import register_configure_hook  # loads langsmith

    register_configure_hook(_meter, inheritable=True)
