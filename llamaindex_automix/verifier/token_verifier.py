"""`TokenVerifier`: a check in one word, read from the log-probabilities of its token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

from llama_index.core.llms.llm import LLM

from automix_core.checking.prompt import Shot
from automix_core.checking.query import Query
from automix_core.checking.sampling import MaxTokens, Sample, Terms
from automix_core.checking.token_verdict import CASE, INSTRUCTIONS, SHOTS, no_logprobs, terms_of
from automix_core.decision import Tally
from automix_core.keywords import spelt_out
from automix_core.routing.counting import after, weighed
from automix_core.routing.price import Price

from ..child.responses import tokens_of
from .self_verifier import SelfVerifier, Verification

log = logging.getLogger("automix")


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
        model: LLM | None = None,
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
    ) -> None: ...

    @classmethod
    def class_name(cls) -> str:
        """The name used in serialization."""
        return "automix_token_verifier"

    def _verify(self, query: Query, answer: str, n: int) -> Verification:
        if not self._sampler.gives_logprobs:
            self._say()
            return self._sampling._verify(query, answer, n)
        found = super()._verify(query, answer, 1)
        if found.checks.tally != Tally():
            return found
        self._sampler.memory.forgo({"logprobs"})
        self._say()
        return _after(found, self._sampling._verify(query, answer, n))

    async def _averify(self, query: Query, answer: str, n: int) -> Verification:
        if not self._sampler.gives_logprobs:
            self._say()
            return await self._sampling._averify(query, answer, n)
        found = await super()._averify(query, answer, 1)
        if found.checks.tally != Tally():
            return found
        self._sampler.memory.forgo({"logprobs"})
        self._say()
        return _after(found, await self._sampling._averify(query, answer, n))

    @property
    def together(self) -> bool:
        """True if one request gives all that is asked for: a probability, or all verdicts of a batch."""
        sampler = self._sampler
        return sampler.gives_logprobs or sampler.terms(self.temperature, self.max_tokens).together(sampler.memory)

    @cached_property
    def _sampling(self) -> SelfVerifier:
        """Who checks where no log-probabilities are given."""
        names = SelfVerifier.model_fields.keys() - {"shots", "instructions"}
        return SelfVerifier(**{name: getattr(self, name) for name in names})

    def _say(self) -> None:
        if self._sampler.memory.first("logprobs"):
            log.warning(no_logprobs(self._terms.model))

    @cached_property
    def _terms(self) -> Terms:
        return terms_of(self._sampler.terms(self.temperature, self.max_tokens))

    def _verification(self, sample: Sample, truncated: bool) -> Verification:
        """The word, weighed."""
        tokens = tokens_of(sample.drawn[0].native) if sample.drawn else ()
        checks = weighed(sample, tokens, price=self.price, truncated=truncated)
        return Verification(texts=sample.texts, confidence=checks.tally.confidence, checks=checks)


def _after(first: Verification, later: Verification) -> Verification:
    return later.model_copy(update={"checks": after(first.checks, later.checks)})


__all__ = ["TokenVerifier"]
