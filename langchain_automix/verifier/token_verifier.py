"""`TokenVerifier`: a check in one word, read from the log-probabilities of its token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from pydantic import model_validator

from automix_core.checking.disguises import inert
from automix_core.checking.one_word import BareWords, OneWord, check_continues, of_its_matter
from automix_core.checking.prompt import Shot, case_values, digest
from automix_core.checking.query import Query
from automix_core.checking.results import approximate_tokens
from automix_core.checking.sampling import MaxTokens, Sample, Terms
from automix_core.checking.token_verdict import (
    FOLLOW_UP,
    INSTRUCTIONS,
    SHOTS,
    About,
    no_logprobs,
    read_word,
    terms_of,
)
from automix_core.decision import Tally
from automix_core.keywords import spelt_out
from automix_core.routing.counting import after, weighed
from automix_core.routing.effects import Checks
from automix_core.routing.limits import Size
from automix_core.routing.price import Price

from ..child.models import tokens_of
from ..child.sampler import Sampler
from .self_verifier import SelfVerifier

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
        model: Runnable[Any, Any] | None = None,
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
        name: str | None = None,
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

    @property
    def reader(self) -> Runnable[Any, int | None]:
        """From a reply of one word (message or text) to 1, 0 or None."""
        words = self._words

        def read(reply: Any) -> int | None:
            verdict = read_word(reply.text if isinstance(reply, BaseMessage) else str(reply), words)
            return None if verdict is None else int(verdict)

        return RunnableLambda(read, name="word_reader")

    def check(
        self,
        query: Query,
        answer: str,
        n: int,
        sampler: Sampler,
        config: RunnableConfig,
        talk: Sequence[BaseMessage] | None = None,
    ) -> tuple[Checks, dict[str, Any]]:
        """The probability of `answer`, in one request; `n` sampled verdicts where the model gives none."""
        answer, first = self._shown(answer), None
        if sampler.gives_logprobs:
            first, output = super().check(query, answer, 1, sampler, config, talk)
            if first.tally != Tally():
                return first, output
        found, output = self._instead(sampler).check(query, answer, n, sampler, config)
        return after(first, found), output

    async def acheck(
        self,
        query: Query,
        answer: str,
        n: int,
        sampler: Sampler,
        config: RunnableConfig,
        talk: Sequence[BaseMessage] | None = None,
    ) -> tuple[Checks, dict[str, Any]]:
        """`check`, awaited."""
        answer, first = self._shown(answer), None
        if sampler.gives_logprobs:
            first, output = await super().acheck(query, answer, 1, sampler, config, talk)
            if first.tally != Tally():
                return first, output
        found, output = await self._instead(sampler).acheck(query, answer, n, sampler, config)
        return after(first, found), output

    def together(self, sampler: Sampler) -> bool:
        """Whether one request gives all that is asked for: a probability, or all verdicts of a batch."""
        return sampler.gives_logprobs or super().together(sampler)

    def _instead(self, sampler: Sampler) -> SelfVerifier:
        """Who checks where the model gave no log-probabilities, which it is not asked for again."""
        sampler.memory.forgo({"logprobs"} if sampler.gives_logprobs else ())
        if sampler.memory.first("logprobs"):
            log.warning(no_logprobs(self._terms(sampler).model))
        return self._sampling

    @cached_property
    def _sampling(self) -> SelfVerifier:
        """Who checks where no log-probabilities are given."""
        if self.about == "context":
            return _Words(**{name: getattr(self, name) for name in SelfVerifier.model_fields})
        names = SelfVerifier.model_fields.keys() - {"shots", "instructions"}
        return SelfVerifier(**{name: getattr(self, name) for name in names})

    def about_tokens(self, query: Query, prompt: int) -> int:
        """About how many tokens one check for `query` reads, its answer left out; `prompt` tokens ask for an answer."""
        if self.continues:
            return prompt + approximate_tokens(FOLLOW_UP)
        return super().about_tokens(query, prompt)

    def size(self, query: Query, prompt: int, sampler: Sampler) -> Size:
        """About what a check for `query` takes: a word, where the model gives log-probabilities."""
        return replace(super().size(query, prompt, sampler), word=sampler.gives_logprobs)

    def _prepared(
        self, query: Query, answer: str, talk: Sequence[BaseMessage] | None
    ) -> tuple[Query, dict[str, str], Sequence[BaseMessage]]:
        if not self.continues or talk is None:
            return super()._prepared(query, answer, talk)
        return query, case_values(query, answer), [*talk, AIMessage(inert(answer)), HumanMessage(FOLLOW_UP)]

    def _terms(self, sampler: Sampler) -> Terms:
        return terms_of(super()._terms(sampler))

    def _found(self, sample: Sample, terms: Terms, truncated: bool, found: list[Checks]) -> dict[str, Any]:
        """Weigh the word into `found`; return what the Runnable does."""
        native = sample.drawn[0].native if sample.drawn else None
        tokens = tokens_of(native) if isinstance(native, AIMessage) else ()
        checks = weighed(sample, tokens, price=self.price, truncated=truncated, words=self._words)
        found.append(checks)
        return {"verdicts": [], "texts": sample.texts, "confidence": checks.tally.confidence}


__all__ = ["TokenVerifier"]
