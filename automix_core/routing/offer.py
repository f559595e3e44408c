"""The paid signals that a cascade offers: which can be had in a call, about what each costs, and those of functions."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checking.custom import is_async, waited
from ..checking.measuring import number_of
from ..checking.query import Query
from .effects import Measured
from .limits import Limits, Quote
from .price import Price


@dataclass(frozen=True, slots=True)
class Offer(ABC):
    """What can be measured, by name: a verifier, a function, or a number, which stands for that many extra drafts.

    `by` says, where a model of the cascade is asked, which it is for each model's draft.
    """

    ways: Mapping[str, Any]
    by: Mapping[str, Sequence[int | None]]

    def offered(self, talks: Callable[[], bool]) -> list[str]:
        """The names that can be measured in a call: extra drafts need a conversation that its messages tell."""
        drafts = {name for name, way in self.ways.items() if isinstance(way, int)}
        return [name for name in self.ways if name not in drafts or talks()]

    def quotes(self, query: Query, prompt: int, prices: Sequence[Price | None]) -> dict[str, list[Quote]]:
        """About what each takes of each model's draft, where `prompt` tokens ask for an answer."""
        return {name: [self._quote(name, m, query, prompt, prices) for m in range(len(prices))] for name in self.ways}

    @abstractmethod
    def _quote(self, name: str, model: int, query: Query, prompt: int, prices: Sequence[Price | None]) -> Quote:
        """About what the signal `name` of the draft of `model` takes."""

    def check_prices(self, limits: Limits, prices: Sequence[Price | None] | None) -> None:
        """Raise `ConfigError` if money is limited and the price of whoever measures is not known."""
        if limits.max_cost is not None and prices is not None:
            for quotes in self.quotes(Query(""), 0, prices).values():
                limits.check_prices([quote.price for quote in quotes])

    def called(self, name: str, query: Query, answer: str) -> Measured:
        """What the function says of which `name` is the signal."""
        value = self.ways[name](query.context_text, query.question, answer)
        return Measured(number_of(name, waited(value) if inspect.isawaitable(value) else value))

    async def acalled(self, name: str, query: Query, answer: str) -> Measured:
        """`called`, awaited; a blocking function runs in a thread."""
        way, case = self.ways[name], (query.context_text, query.question, answer)
        value = way(*case) if is_async(way) else await asyncio.to_thread(way, *case)
        return Measured(number_of(name, await value if inspect.isawaitable(value) else value))
