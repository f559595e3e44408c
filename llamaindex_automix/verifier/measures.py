"""Paid signals of a draft, each by a verifier or a function of the user's own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index.core.llms.llm import LLM

from automix_core.checking.custom import is_async, waited
from automix_core.checking.measuring import checked, confidence_value, number_of
from automix_core.checking.query import Query
from automix_core.evidence.wanted import FREE_NAMES
from automix_core.routing.effects import Checks, Measured

from .self_verifier import SelfVerifier


@dataclass(frozen=True, slots=True)
class Measures:
    """What can be measured, by name. Of a verifier there is one for each model's drafts, and `by` says whom it asks."""

    ways: Mapping[str, Any]
    by: Mapping[str, Sequence[int | None]]

    @classmethod
    def of(cls, measures: Any, models: Sequence[LLM]) -> Measures:
        """Raises `ConfigError` for what can't measure."""
        ways = checked(measures, FREE_NAMES)
        by: dict[str, Sequence[int | None]] = {}
        for name, way in ways.items():
            if not isinstance(way, SelfVerifier):
                continue
            if way.model is None:
                settings = {field: getattr(way, field) for field in type(way).model_fields}
                ways[name] = [type(way)(**{**settings, "model": model}) for model in models]
                by[name] = range(len(models))
            else:
                place = next((i for i, model in enumerate(models) if model is way.model), None)
                ways[name], by[name] = [way] * len(models), [place] * len(models)
        return cls(ways, by)

    def measure(self, name: str, model: int, query: Query, answer: str) -> Measured:
        """The signal `name` of the draft of `model`."""
        way = self.ways[name]
        if name in self.by:
            return self._of(name, model, way[model].check(query, answer, way[model].k).checks)
        value = way(query.context_text, query.question, answer)
        return Measured(number_of(name, waited(value) if inspect.isawaitable(value) else value))

    async def ameasure(self, name: str, model: int, query: Query, answer: str) -> Measured:
        """`measure`, awaited; a blocking function runs in a thread."""
        way = self.ways[name]
        if name in self.by:
            return self._of(name, model, (await way[model].acheck(query, answer, way[model].k)).checks)
        case = (query.context_text, query.question, answer)
        value = way(*case) if is_async(way) else await asyncio.to_thread(way, *case)
        return Measured(number_of(name, await value if inspect.isawaitable(value) else value))

    def _of(self, name: str, model: int, found: Checks) -> Measured:
        value = confidence_value(found.tally.confidence)
        return Measured(value, found.usage, self.by[name][model], found.price)
