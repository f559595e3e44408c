"""Paid signals of a draft, each by a verifier or a function of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

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

from ..child.models import Child
from ..child.sampler import Sampler
from .sampling import adraw, draw
from .self_verifier import SelfVerifier

Talk: TypeAlias = Callable[[Child], Sequence[BaseMessage] | None]
"""The conversation as a model would be sent it to answer; None where that says more than its messages do."""


@dataclass(frozen=True, slots=True)
class Measures(Offer):
    """What can be measured, by name. `samplers` and `by` say which model is asked about each draft.

    A number stands for that many extra drafts, which take the caller's conversation.
    """

    samplers: Mapping[str, Sequence[Sampler]]

    @classmethod
    def of(cls, measures: Any, models: Sequence[Child]) -> Measures:
        """Raises `ConfigError` for what can't measure."""
        ways = checked(measures, FREE_NAMES)
        samplers: dict[str, Sequence[Sampler]] = {}
        by: dict[str, Sequence[int | None]] = {}
        for name, way in ways.items():
            if isinstance(way, int):
                samplers[name], by[name] = [Sampler.of(one, keeps=SHAPES) for one in models], range(len(models))
            elif isinstance(way, SelfVerifier) and (own := way.model) is not None:
                place = next((i for i, one in enumerate(models) if one is own), None)
                samplers[name], by[name] = [Sampler.of(own)] * len(models), [place] * len(models)
            elif isinstance(way, SelfVerifier):
                samplers[name], by[name] = [Sampler.of(one) for one in models], range(len(models))
        return cls(ways, by, samplers)

    def _quote(self, name: str, model: int, query: Query, prompt: int, prices: Sequence[Price | None]) -> Quote:
        way = self.ways[name]
        if name not in self.samplers:
            return Quote()
        sampler, by = self.samplers[name][model], self.by[name][model]
        if isinstance(way, int):
            return Quote.of_drafts(
                way, prompt, prices[model], sampler.terms(TEMPERATURE, None).together(sampler.memory)
            )
        return Quote(way.size(query, prompt, sampler).of_checks(way.k), way.price if by is None else prices[by])

    def measure(self, name: str, model: int, query: Query, answer: str, config: RunnableConfig, talk: Talk) -> Measured:
        """The signal `name` of the draft of `model`."""
        if name not in self.samplers:
            return self.called(name, query, answer)
        way, sampler, said = self._asked(name, model, talk)
        if isinstance(way, int):
            return agreed(answer, draw(sampler, said or (), way, config, sampler.terms(TEMPERATURE, None)), model)
        found, _ = way.check(query, answer, way.k, sampler, config, said)
        return measured_by(found, self.by[name][model])

    async def ameasure(
        self, name: str, model: int, query: Query, answer: str, config: RunnableConfig, talk: Talk
    ) -> Measured:
        """`measure`, awaited; a blocking function runs in a thread."""
        if name not in self.samplers:
            return await self.acalled(name, query, answer)
        way, sampler, said = self._asked(name, model, talk)
        if isinstance(way, int):
            sample = await adraw(sampler, said or (), way, config, sampler.terms(TEMPERATURE, None))
            return agreed(answer, sample, model)
        found, _ = await way.acheck(query, answer, way.k, sampler, config, said)
        return measured_by(found, self.by[name][model])

    def _asked(
        self, name: str, model: int, talk: Talk
    ) -> tuple[SelfVerifier | int, Sampler, Sequence[BaseMessage] | None]:
        """How a signal is measured, by whom, and in which conversation, if in one."""
        way, sampler = self.ways[name], self.samplers[name][model]
        goes_on = isinstance(way, int) or getattr(way, "continues", False)
        return way, sampler, talk(sampler.child) if goes_on else None
