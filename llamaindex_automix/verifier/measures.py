"""Paid signals of a draft, each by a verifier or a function of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from llama_index.core.llms.llm import LLM

from automix_core.checking.client import SHAPES
from automix_core.checking.measuring import checked
from automix_core.checking.query import Query
from automix_core.evidence.agreement import TEMPERATURE, agreed
from automix_core.evidence.wanted import FREE_NAMES
from automix_core.routing.counting import measured_by
from automix_core.routing.effects import Measured
from automix_core.routing.limits import Quote
from automix_core.routing.offer import Offer
from automix_core.routing.price import Price

from ..child.sampler import Prompt, Sampler
from .sampling import adraw, draw
from .self_verifier import SelfVerifier

Talk: TypeAlias = Callable[[LLM], Prompt | None]
"""What a model would be sent to answer; None where that says more than messages or a text do."""


@dataclass(frozen=True, slots=True)
class Measures(Offer):
    """What can be measured, by name. Of a verifier there is one for each model's drafts, and `by` says whom it asks.

    A number stands for that many extra drafts, which take the caller's conversation: `samplers` draw them.
    """

    samplers: Sequence[Sampler]

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
        drafts = any(isinstance(way, int) for way in ways.values())
        return cls(ways, by, [Sampler.of(model, keeps=SHAPES) for model in models] if drafts else ())

    def _quote(self, name: str, model: int, query: Query, prompt: int, prices: Sequence[Price | None]) -> Quote:
        way = self.ways[name]
        if isinstance(way, int):
            sampler = self.samplers[model]
            together = sampler.terms(TEMPERATURE, None).together(sampler.memory)
            return Quote.of_drafts(way, prompt, prices[model], together)
        if name not in self.by:
            return Quote()
        checker, by = way[model], self.by[name][model]
        price = checker.price if by is None else prices[by]
        return Quote(checker.size(query, prompt).of_checks(checker.k), price)

    def measure(self, name: str, model: int, query: Query, answer: str, talk: Talk) -> Measured:
        """The signal `name` of the draft of `model`."""
        if name not in self.by and not isinstance(self.ways[name], int):
            return self.called(name, query, answer)
        way, said = self._asked(name, model, talk)
        if isinstance(way, Sampler):
            n = self.ways[name]
            return agreed(answer, draw(way, said or "", n, n, way.terms(TEMPERATURE, None)), model)
        return measured_by(way.check(query, answer, way.k, said).checks, self.by[name][model])

    async def ameasure(self, name: str, model: int, query: Query, answer: str, talk: Talk) -> Measured:
        """`measure`, awaited; a blocking function runs in a thread."""
        if name not in self.by and not isinstance(self.ways[name], int):
            return await self.acalled(name, query, answer)
        way, said = self._asked(name, model, talk)
        if isinstance(way, Sampler):
            n = self.ways[name]
            return agreed(answer, await adraw(way, said or "", n, n, way.terms(TEMPERATURE, None)), model)
        return measured_by((await way.acheck(query, answer, way.k, said)).checks, self.by[name][model])

    def _asked(self, name: str, model: int, talk: Talk) -> tuple[SelfVerifier | Sampler, Prompt | None]:
        """Who is asked for a signal, a verifier or for more drafts a model, and in which conversation, if in one."""
        if name not in self.by:
            return self.samplers[model], talk(self.samplers[model].model)
        checker = self.ways[name][model]
        return checker, talk(checker.model) if getattr(checker, "continues", False) else None
