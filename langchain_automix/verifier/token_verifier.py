"""`TokenVerifier`: a check in one word, read from the log-probabilities of its token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from automix_core.checking.prompt import Shot
from automix_core.checking.query import Query
from automix_core.checking.sampling import MaxTokens, Sample, Terms
from automix_core.checking.token_verdict import CASE, INSTRUCTIONS, SHOTS, no_logprobs, read_word, terms_of
from automix_core.decision import Tally
from automix_core.keywords import spelt_out
from automix_core.routing.counting import after, weighed
from automix_core.routing.effects import Checks
from automix_core.routing.price import Price

from ..child.models import tokens_of
from ..child.sampler import Sampler
from .self_verifier import SelfVerifier

log = logging.getLogger("automix")


def _read(reply: Any) -> int | None:
    verdict = read_word(reply.text if isinstance(reply, BaseMessage) else str(reply))
    return None if verdict is None else int(verdict)


class TokenVerifier(SelfVerifier):
    """Checks an answer in one word; the word's probability is the confidence.

    In: as `SelfVerifier`. Out: `{"verdicts": [], "texts": ["Correct"], "confidence": 0.83}`; the confidence is None
    where neither word was likely. It is read from the log-probabilities of the first token, summed over spellings, as
    log-odds clipped to +-6.

    A model that gives no log-probabilities, or thinks before it answers, is sampled as `SelfVerifier` does, with `k`,
    `temperature` and `max_tokens`; that is said once.
    """

    shots: Sequence[Shot] = SHOTS
    """Worked examples, each checked in one word, as `Shot`s or dicts with their fields."""
    instructions: str = INSTRUCTIONS
    """The system message of the checking prompt."""

    _layout: ClassVar[str] = CASE

    @spelt_out
    def __init__(
        self,
        model: Runnable[Any, Any] | None = None,
        *,
        k: int = 8,
        temperature: float | None = 1.0,
        max_tokens: MaxTokens = "auto",
        shots: Sequence[Shot | Mapping[str, str]] = SHOTS,
        instructions: str = INSTRUCTIONS,
        context_window: int | None = None,
        count_tokens: Callable[[str], int] | None = None,
        concurrency: int = 8,
        price: Price | None = None,
        name: str | None = None,
    ) -> None: ...

    @property
    def reader(self) -> Runnable[Any, int | None]:
        """From a reply of one word (message or text) to 1, 0 or None."""
        return RunnableLambda(_read, name="word_reader")

    def check(
        self, query: Query, answer: str, n: int, sampler: Sampler, config: RunnableConfig
    ) -> tuple[Checks, dict[str, Any]]:
        """The probability of `answer`, in one request; `n` sampled verdicts where the model gives none."""
        if not sampler.gives_logprobs:
            self._say(sampler)
            return self._sampling.check(query, answer, n, sampler, config)
        first, output = super().check(query, answer, 1, sampler, config)
        if first.tally != Tally():
            return first, output
        sampler.memory.forgo({"logprobs"})
        self._say(sampler)
        found, output = self._sampling.check(query, answer, n, sampler, config)
        return after(first, found), output

    async def acheck(
        self, query: Query, answer: str, n: int, sampler: Sampler, config: RunnableConfig
    ) -> tuple[Checks, dict[str, Any]]:
        """`check`, awaited."""
        if not sampler.gives_logprobs:
            self._say(sampler)
            return await self._sampling.acheck(query, answer, n, sampler, config)
        first, output = await super().acheck(query, answer, 1, sampler, config)
        if first.tally != Tally():
            return first, output
        sampler.memory.forgo({"logprobs"})
        self._say(sampler)
        found, output = await self._sampling.acheck(query, answer, n, sampler, config)
        return after(first, found), output

    def together(self, sampler: Sampler) -> bool:
        """Whether one request gives all that is asked for: a probability, or all verdicts of a batch."""
        return sampler.gives_logprobs or super().together(sampler)

    @cached_property
    def _sampling(self) -> SelfVerifier:
        """Who checks where no log-probabilities are given."""
        names = SelfVerifier.model_fields.keys() - {"shots", "instructions"}
        return SelfVerifier(**{name: getattr(self, name) for name in names})

    def _say(self, sampler: Sampler) -> None:
        if sampler.memory.first("logprobs"):
            log.warning(no_logprobs(self._terms(sampler).model))

    def _terms(self, sampler: Sampler) -> Terms:
        return terms_of(super()._terms(sampler))

    def _found(self, sample: Sample, terms: Terms, truncated: bool, found: list[Checks]) -> dict[str, Any]:
        """Weigh the word into `found`; return what the Runnable does."""
        native = sample.drawn[0].native if sample.drawn else None
        tokens = tokens_of(native) if isinstance(native, AIMessage) else ()
        checks = weighed(sample, tokens, price=self.price, truncated=truncated)
        found.append(checks)
        return {"verdicts": [], "texts": sample.texts, "confidence": checks.tally.confidence}


__all__ = ["TokenVerifier"]
