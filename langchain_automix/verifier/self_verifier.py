"""`SelfVerifier`: the few-shot check of a draft against its context, sampled k times (paper, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self, cast

from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableSerializable
from langchain_core.runnables.config import ensure_config
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from automix_core.checking.once import once
from automix_core.checking.prompt import CASE, INSTRUCTIONS, SHOTS, Shot, blocks, case_values, digest
from automix_core.checking.query import Query
from automix_core.checking.results import approximate_tokens, check_case, cut_to_window
from automix_core.checking.sampling import AUTO_LIMIT, MaxTokens, Sample, Terms, marks_for
from automix_core.checking.transcript import transcript
from automix_core.checking.turns import opening
from automix_core.checking.verdict import read_verdict
from automix_core.errors import ConfigError
from automix_core.keywords import spelt_out
from automix_core.routing.counting import counted
from automix_core.routing.effects import Checks
from automix_core.routing.limits import Size
from automix_core.routing.price import Price
from automix_core.sealed import SEALED, seal, unseal
from automix_core.shown import chosen

from ..child.models import in_words
from ..child.sampler import Sampler
from ..query.messages import said_in
from ..query.reading import texts
from .prompt import CheckingPrompt, as_messages
from .sampling import adraw, draw


def _read(reply: Any) -> int | None:
    verdict = read_verdict(reply.text if isinstance(reply, BaseMessage) else str(reply))
    return None if verdict is None else int(verdict)


class SelfVerifier(RunnableSerializable[dict[str, Any], dict[str, Any]]):
    """Checks an answer k times against its context; how often it is found correct is the confidence.

    In: `{"context", "question", "answer", "history"?, "instructions"?}`, where the context is text, documents or a
    list of either, and the history text or messages.
    Out: `{"verdicts": [1, 0, None], "texts": [...], "confidence": 0.5}`: 1 correct, 0 incorrect, None unreadable; the
    confidence is None when nothing could be read.

    `prompt` (a few-shot template with the examples as chat turns) and `reader` (a reply to its verdict) are Runnables,
    each usable alone.

    Raises `ConfigError` for settings that can't work; a call raises the model's error if no check worked.
    """

    model: Runnable[Any, Any] | None = None
    """Who checks. None inside an AutoMix model: each draft is checked by the model that wrote it, as in the paper."""
    k: int = 8
    """The most verdicts ever drawn on one draft."""
    temperature: float | None = 1.0
    """Sampling temperature of the checks; None sends none, not even the model's own. At 0 all would be the same."""
    max_tokens: MaxTokens = "auto"
    """Longest check, in tokens; None sends no limit; "auto" is 256, or none for a model that thinks first."""
    shots: Sequence[Shot] = SHOTS
    """Worked examples, as `Shot`s or dicts with their fields."""
    instructions: str = INSTRUCTIONS
    """The system message of the checking prompt."""
    context_window: int | None = None
    """The checking model's window in tokens; None cuts nothing."""
    count_tokens: Callable[[str], int] | None = Field(default=None, repr=False)
    """Counts the tokens of a text; None takes one for three bytes."""
    concurrency: int = 8
    """How many checks run at once where they are separate requests and the verifier is used alone."""
    price: Price | None = None
    """The price of `model`, if it is none of the cascade's; None leaves a route's cost unknown."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True, defer_build=True)
    _prompt: ChatPromptTemplate = PrivateAttr()
    _opening: Sequence[BaseMessage] = PrivateAttr()

    @spelt_out
    def __init__(
        self,
        model: Runnable[Any, Any] | None = None,
        k: int = 8,
        *,
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

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._validate()
        self._prompt = CheckingPrompt.of(self.instructions, self.shots, self._layout)
        self._opening = as_messages(opening(self.instructions, self.shots, self._layout))
        return self

    def _validate(self) -> None:
        for name in ("k", "concurrency", "max_tokens", "context_window"):
            value = getattr(self, name)
            if value not in (None, "auto") and value < 1:
                raise ConfigError(f"{type(self).__name__}: {name} must be 1 or more, not {value}.")
        if self.temperature is not None and (not math.isfinite(self.temperature) or self.temperature < 0):
            raise ConfigError(f"{type(self).__name__}: temperature must be 0 or more, or None, not {self.temperature}.")

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """True: `langchain_core.load` writes and reads it, unless it counts tokens with a function."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where `langchain_core.load` finds the class."""
        return ["langchain_automix"]

    def __getstate__(self) -> dict[Any, Any]:
        return {SEALED: seal(super().__getstate__(), type(self).__name__)}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(unseal(state[SEALED]))

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """The parts that are no LangChain objects, as plain data that the constructor takes back."""
        return {"shots": [shot.to_dict() for shot in self.shots], "price": self.price and asdict(self.price)}

    @property
    def _layout(self) -> str:
        return CASE

    def _read(self, text: str) -> bool | None:
        return read_verdict(text)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return list(chosen(self, in_words, ("k",)))

    @property
    def prompt(self) -> ChatPromptTemplate:
        """The checking prompt: instructions, the examples as chat turns, the case.

        Variables: `context`, `question`, `answer`, and optionally `history` and `instructions`; each is put between
        marks that it can't contain.
        """
        return self._prompt

    @property
    def reader(self) -> Runnable[Any, int | None]:
        """From a reply (message or text) to 1, 0 or None."""
        return RunnableLambda(_read, name="verdict_reader")

    @property
    def prompt_digest(self) -> str:
        """What identifies the checking prompt; a fitted policy remembers the one it was fitted under."""
        return digest(self.instructions, tuple(self.shots), self._layout)

    def invoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Draw k verdicts (or `n`, if given) and count them."""
        n, input = self._wanted(kwargs), self._case(input)
        query = _query(input)
        return self.check(query, input["answer"], n, self._own_model(), self._config(config))[1]

    async def ainvoke(
        self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Draw k verdicts (or `n`, if given) and count them, without blocking."""
        n, input = self._wanted(kwargs), self._case(input)
        query = _query(input)
        return (await self.acheck(query, input["answer"], n, self._own_model(), self._config(config)))[1]

    def check(
        self,
        query: Query,
        answer: str,
        n: int,
        sampler: Sampler,
        config: RunnableConfig,
        talk: Sequence[BaseMessage] | None = None,
    ) -> tuple[Checks, dict[str, Any]]:
        """`n` verdicts on `answer` from `sampler`'s model, as the core counts them and as the Runnable returns them.

        `talk` is the conversation that was answered, where the check may go on from it.
        """
        query, variables, asked = self._prepared(query, answer, talk)
        terms = self._terms(sampler)
        found: list[Checks] = []

        def work(variables: dict[str, str], config: RunnableConfig) -> dict[str, Any]:
            messages = asked or self._messages(variables)
            sample = draw(sampler, messages, n, config, terms)
            return self._found(sample, terms, query.truncated, found)

        if _heard(config):  # Runnable's own way to open a run, without the cost of a RunnableLambda a call
            output = self._call_with_config(cast("Any", work), dict(variables), config)
        else:
            output = work(variables, config)
        return found[0], output

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
        query, variables, asked = self._prepared(query, answer, talk)
        terms = self._terms(sampler)
        found: list[Checks] = []

        async def work(variables: dict[str, str], config: RunnableConfig) -> dict[str, Any]:
            messages = asked or self._messages(variables)
            sample = await adraw(sampler, messages, n, config, terms)
            return self._found(sample, terms, query.truncated, found)

        if _heard(config):
            output = await self._acall_with_config(cast("Any", work), dict(variables), config)
        else:
            output = await work(variables, config)
        return found[0], output

    def together(self, sampler: Sampler) -> bool:
        """Whether one request to `sampler`'s model gives all verdicts of a batch."""
        return self._terms(sampler).together(sampler.memory)

    def _terms(self, sampler: Sampler) -> Terms:
        """On what terms `sampler`'s model is asked."""
        return sampler.terms(self.temperature, self.max_tokens, marks_for(self.k))

    def _messages(self, variables: dict[str, str]) -> list[BaseMessage]:
        """The checking prompt for a case; its examples are the same at each check and were formatted once."""
        return [*self._opening, HumanMessage(self._layout.format(**blocks(variables)))]

    def _wanted(self, kwargs: dict[str, Any]) -> int:
        n: int = kwargs.get("n", self.k)
        if not 1 <= n <= self.k:
            raise ConfigError(f"{type(self).__name__}: n must be from 1 to k, which is {self.k}, not {n!r}.")
        return n

    def _own_model(self) -> Sampler:
        if self.model is None:
            raise ConfigError(
                f"{type(self).__name__} has no model of its own; pass model=..., or use it inside AutoMixChatModel."
            )
        return Sampler.of(self.model)

    def _config(self, config: RunnableConfig | None) -> RunnableConfig:
        config = ensure_config(config)
        config.setdefault("max_concurrency", self.concurrency)
        return config

    def _case(self, values: Any) -> Any:
        """What the Runnable was given, as a case."""
        return values

    def _prepared(
        self, query: Query, answer: str, talk: Sequence[BaseMessage] | None
    ) -> tuple[Query, dict[str, str], Sequence[BaseMessage]]:
        """The query as it is shown, the prompt's variables, and the messages if they are not made from those."""
        return *self._shortened(query, answer), ()

    def _shortened(self, query: Query, answer: str) -> tuple[Query, dict[str, str]]:
        """The query, its context once and as it fits the window, and the prompt's variables for it."""
        query = once(query)
        if self.context_window is not None:
            counter = self.count_tokens or approximate_tokens
            query = cut_to_window(
                query,
                lambda q: "\n".join(m.text for m in self._messages(case_values(q, answer))),
                self.context_window,
                self.reply_tokens,
                counter,
            )
        return query, case_values(query, answer)

    def about_tokens(self, query: Query, prompt: int) -> int:
        """About how many tokens one check for `query` reads, its answer left out; `prompt` tokens ask for an answer."""
        messages = self._messages(case_values(query, ""))
        return sum((self.count_tokens or approximate_tokens)(message.text) for message in messages)

    def size(self, query: Query, prompt: int, sampler: Sampler) -> Size:
        """About what a check for `query` by `sampler`'s model takes, where `prompt` tokens ask for an answer."""
        return Size(prompt, self.about_tokens(query, prompt), self.together(sampler))

    def _found(self, sample: Sample, terms: Terms, truncated: bool, found: list[Checks]) -> dict[str, Any]:
        """Count the sample into `found`; return what the Runnable does. Raises the first error if no check worked."""
        verdicts, checks = counted(sample, terms, price=self.price, truncated=truncated, read=self._read)
        found.append(checks)
        plain = [None if verdict is None else int(verdict) for verdict in verdicts]
        return {"verdicts": plain, "texts": sample.texts, "confidence": checks.tally.confidence}

    @property
    def reply_tokens(self) -> int:
        """The room that a check's reply may take."""
        return AUTO_LIMIT if self.max_tokens == "auto" else self.max_tokens or 0


def _heard(config: RunnableConfig) -> bool:
    """Whether a run of its own would be noticed: not under an AutoMix run that nobody listens to."""
    manager = config.get("callbacks")
    return not (isinstance(manager, BaseCallbackManager) and not manager.handlers)


def _query(values: dict[str, Any]) -> Query:
    """The verifier's input as a query. Raises `ConfigError` naming a key that is missing or holds no text."""
    check_case(values)
    history = values.get("history") or ""
    if not isinstance(history, str):
        history = transcript(said_in(history))
    return Query(values["question"], texts(values["context"]), history, values.get("instructions") or "", "argument")


__all__ = ["SelfVerifier"]
