"""`TokenVerifier`: a check in one word, read from the log-probabilities of its token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms.llm import LLM
from pydantic import model_validator

from automix_core.checking.disguises import inert
from automix_core.checking.one_word import BareWords, OneWord, check_continues, of_its_matter
from automix_core.checking.prompt import Shot, digest
from automix_core.checking.query import Query
from automix_core.checking.results import approximate_tokens
from automix_core.checking.sampling import MaxTokens, Sample, Terms
from automix_core.checking.token_verdict import (
    FOLLOW_UP,
    INSTRUCTIONS,
    SHOTS,
    About,
    no_logprobs,
    terms_of,
)
from automix_core.decision import Tally
from automix_core.keywords import spelt_out
from automix_core.routing.counting import after, weighed
from automix_core.routing.limits import Size
from automix_core.routing.price import Price

from ..child.responses import tokens_of
from ..child.sampler import Prompt
from .self_verifier import SelfVerifier, Verification

log = logging.getLogger("automix")


class _Words(BareWords, SelfVerifier):
    """Samples what is asked about the context: each reply is one word."""


class TokenVerifier(OneWord, SelfVerifier):
    """Checks an answer in one word; the word's probability is the confidence.

    In: as `SelfVerifier`. Out: `{"verdicts": [], "texts": ["Correct"], "confidence": 0.83}`; the confidence is None
    where neither word was likely. It is read from the log-probabilities of the first token, summed over spellings, as
    log-odds clipped to +-6.

    A model that gives no log-probabilities, or thinks before it answers, is sampled as `SelfVerifier` does, with `k`,
    `temperature` and `max_tokens`; that is said once.

    `about="context"` asks something else, of which the draft tells nothing: does the context suffice to answer the
    question? Yes or no, with a prompt of its own; as `measures={"sufficient": TokenVerifier(about="context")}` it is a
    paid signal.

    `continues=True` asks in the caller's own conversation: its messages as the checking model would be sent them to
    answer, the draft as its turn, and the question in place of instructions and examples. So the two requests of a
    large model that checks and then answers begin alike, and the second reads that at the provider's cached price.
    Where there is no such conversation (alone, with tools, objects or stop words, a model of texts) it asks as usual.
    """

    about: About = "answer"
    """What is judged: the answer, or whether the context suffices."""
    continues: bool = False
    """Whether to ask in the caller's own conversation, after the draft."""

    shots: Sequence[Shot] = SHOTS
    """Worked examples, each checked in one word, as `Shot`s or dicts with their fields."""
    instructions: str = INSTRUCTIONS
    """The system message of the checking prompt."""

    @spelt_out
    def __init__(
        self,
        model: LLM | None = None,
        *,
        about: About = "answer",
        continues: bool = False,
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

    @model_validator(mode="before")
    @classmethod
    def _of_its_matter(cls, given: dict[str, Any]) -> dict[str, Any]:
        return of_its_matter(given)

    @model_validator(mode="after")
    def _continues_what(self) -> Self:
        check_continues(type(self).__name__, self.about, self.continues)
        return self

    @property
    def prompt_digest(self) -> str:
        """What identifies the checking prompt."""
        return digest("", (), FOLLOW_UP) if self.continues else super().prompt_digest

    @classmethod
    def class_name(cls) -> str:
        """The name used in serialization."""
        return "automix_token_verifier"

    def _verify(self, query: Query, answer: str, n: int, talk: Prompt | None = None) -> Verification:
        answer, first = self._shown(answer), None
        if self._sampler.gives_logprobs:
            first = super()._verify(query, answer, 1, talk)
            if first.checks.tally != Tally():
                return first
        return _after(first, self._instead()._verify(query, answer, n))

    async def _averify(self, query: Query, answer: str, n: int, talk: Prompt | None = None) -> Verification:
        answer, first = self._shown(answer), None
        if self._sampler.gives_logprobs:
            first = await super()._averify(query, answer, 1, talk)
            if first.checks.tally != Tally():
                return first
        return _after(first, await self._instead()._averify(query, answer, n))

    @property
    def together(self) -> bool:
        """True if one request gives all that is asked for: a probability, or all verdicts of a batch."""
        sampler = self._sampler
        return sampler.gives_logprobs or sampler.terms(self.temperature, self.max_tokens).together(sampler.memory)

    def _instead(self) -> SelfVerifier:
        """Who checks where the model gave no log-probabilities, which it is not asked for again."""
        sampler = self._sampler
        sampler.memory.forgo({"logprobs"} if sampler.gives_logprobs else ())
        if sampler.memory.first("logprobs"):
            log.warning(no_logprobs(self._terms.model))
        return self._sampling

    @cached_property
    def _sampling(self) -> SelfVerifier:
        """Who checks where no log-probabilities are given."""
        if self.about == "context":
            return _Words(**{name: getattr(self, name) for name in SelfVerifier.model_fields})
        names = SelfVerifier.model_fields.keys() - {"shots", "instructions"}
        return SelfVerifier(**{name: getattr(self, name) for name in names})

    def _prepare(self, query: Query, answer: str, talk: Prompt | None = None) -> tuple[Query, Prompt]:
        if not self.continues or talk is None or isinstance(talk, str):
            return super()._prepare(query, answer, talk)
        draft = ChatMessage(role=MessageRole.ASSISTANT, content=inert(answer))
        return query, [*talk, draft, ChatMessage(role=MessageRole.USER, content=FOLLOW_UP)]

    def about_tokens(self, query: Query, prompt: int) -> int:
        """About how many tokens one check for `query` reads, its answer left out; `prompt` tokens ask for an answer."""
        if self.continues:
            return prompt + approximate_tokens(FOLLOW_UP)
        return super().about_tokens(query, prompt)

    def size(self, query: Query, prompt: int) -> Size:
        """About what a check for `query` takes: a word, where the model gives log-probabilities."""
        return replace(super().size(query, prompt), word=self._sampler.gives_logprobs)

    @cached_property
    def _terms(self) -> Terms:
        return terms_of(self._sampler.terms(self.temperature, self.max_tokens))

    def _verification(self, sample: Sample, truncated: bool) -> Verification:
        """The word, weighed."""
        tokens = tokens_of(sample.drawn[0].native) if sample.drawn else ()
        checks = weighed(sample, tokens, price=self.price, truncated=truncated, words=self._words)
        return Verification(texts=sample.texts, confidence=checks.tally.confidence, checks=checks)


def _after(first: Verification | None, later: Verification) -> Verification:
    return later if first is None else later.model_copy(update={"checks": after(first.checks, later.checks)})


__all__ = ["TokenVerifier"]
