"""Paid signals of a draft, each by a verifier or a function of the user's own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from automix_core.checking.custom import is_async, waited
from automix_core.checking.measuring import checked, confidence_value, number_of
from automix_core.checking.query import Query
from automix_core.evidence.wanted import FREE_NAMES
from automix_core.routing.effects import Checks, Measured

from ..child.models import Child
from ..child.sampler import Sampler
from .self_verifier import SelfVerifier


@dataclass(frozen=True, slots=True)
class Measures:
    """What can be measured, by name. `samplers` and `by` say which model each verifier asks about each draft."""

    ways: Mapping[str, Any]
    samplers: Mapping[str, Sequence[Sampler]]
    by: Mapping[str, Sequence[int | None]]

    @classmethod
    def of(cls, measures: Any, models: Sequence[Child]) -> Measures:
        """Raises `ConfigError` for what can't measure."""
        ways = checked(measures, FREE_NAMES)
        own = {name: way.model for name, way in ways.items() if isinstance(way, SelfVerifier)}
        everyone = range(len(models))
        return cls(
            ways,
            {
                name: [Sampler.of(one) for one in models] if model is None else [Sampler.of(model)] * len(models)
                for name, model in own.items()
            },
            {
                name: everyone
                if model is None
                else [next((i for i, one in enumerate(models) if one is model), None)] * len(models)
                for name, model in own.items()
            },
        )

    def measure(self, name: str, model: int, query: Query, answer: str, config: RunnableConfig) -> Measured:
        """The signal `name` of the draft of `model`."""
        way = self.ways[name]
        if isinstance(way, SelfVerifier):
            return self._of(name, model, way.check(query, answer, way.k, self.samplers[name][model], config)[0])
        value = way(query.context_text, query.question, answer)
        return Measured(number_of(name, waited(value) if inspect.isawaitable(value) else value))

    async def ameasure(self, name: str, model: int, query: Query, answer: str, config: RunnableConfig) -> Measured:
        """`measure`, awaited; a blocking function runs in a thread."""
        way = self.ways[name]
        if isinstance(way, SelfVerifier):
            found, _ = await way.acheck(query, answer, way.k, self.samplers[name][model], config)
            return self._of(name, model, found)
        case = (query.context_text, query.question, answer)
        value = way(*case) if is_async(way) else await asyncio.to_thread(way, *case)
        return Measured(number_of(name, await value if inspect.isawaitable(value) else value))

    def _of(self, name: str, model: int, found: Checks) -> Measured:
        value = confidence_value(found.tally.confidence)
        return Measured(value, found.usage, self.by[name][model], found.price)
