"""`SelfVerifier`: the few-shot check of a draft against its context, sampled k times (paper, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Self

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import BaseComponent
from llama_index.core.utils import get_tokenizer
from llama_index_instrumentation import DispatcherSpanMixin, get_dispatcher
from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

from automix_core.checking.once import once
from automix_core.checking.prompt import CASE, INSTRUCTIONS, SHOTS, TAGS, Shot, blocks, digest
from automix_core.checking.query import Query
from automix_core.checking.results import approximate_tokens, check_case, cut_to_window
from automix_core.checking.sampling import AUTO_LIMIT, MaxTokens, Sample, Terms, marks_for
from automix_core.checking.turns import case, opening
from automix_core.checking.verdict import read_verdict
from automix_core.errors import ConfigError
from automix_core.keywords import spelt_out
from automix_core.routing.counting import counted
from automix_core.routing.effects import Checks
from automix_core.routing.limits import Size
from automix_core.routing.price import Price
from automix_core.shown import chosen

from ..child.responses import in_words
from ..child.sampler import Prompt, Sampler
from ..dumps import payload, restored, state_of
from ..events import observed
from ..query.passages import texts
from .sampling import adraw, draw

dispatcher = get_dispatcher(__name__)

TOKENS_A_MESSAGE = 4
"""What a chat format spends on marking one message, about."""


class Verification(BaseModel):
    """What a verifier found: a verdict (1 correct, 0 incorrect, None unreadable) for each text, and the confidence."""

    verdicts: list[int | None] = []
    texts: list[str] = []
    confidence: float | None = None
    checks: Checks = Field(exclude=True, repr=False)

    model_config = ConfigDict(arbitrary_types_allowed=True)


class SelfVerifier(BaseComponent, DispatcherSpanMixin):
    """Checks an answer k times against its context; how often it is found correct is the confidence.

    Called alone it takes `{"context", "question", "answer", "history"?, "instructions"?}`, where the context is text,
    nodes or a list of either, and returns `{"verdicts": [1, 0, None], "texts": [...], "confidence": 0.5}`: 1 correct, 0
    incorrect, None unreadable; the confidence is None when nothing could be read. `acall` is the same, awaited.

    Raises `ConfigError` for settings that can't work; a call raises the model's error if no check worked.
    """

    model: LLM | None = Field(default=None, repr=False)
    """Who checks. None inside an `AutoMixLLM`: each draft is checked by the model that wrote it, as in the paper."""
    k: int = 8
    """The most verdicts ever drawn on one draft."""
    temperature: float | None = 1.0
    """Sampling temperature of the checks; None sends none. At 0 all verdicts would be the same."""
    max_tokens: MaxTokens = "auto"
    """Longest check, in tokens; None sends no limit; "auto" is 256, or none for a model that thinks first."""
    shots: Sequence[Shot] = SHOTS
    """Worked examples, as `Shot`s or dicts with their fields."""
    instructions: str = INSTRUCTIONS
    """The system message of the checking prompt."""
    context_window: int | None = None
    """The checking model's window in tokens; None takes the window that the model tells."""
    count_tokens: Callable[[str], int] | None = Field(default=None, repr=False, exclude=True)
    """Counts the tokens of a text; None takes LlamaIndex's tokenizer."""
    concurrency: int = 8
    """How many checks run at once where they are separate requests."""
    price: Price | None = None
    """The price of `model`, if it is none of the cascade's; None leaves a route's cost unknown."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    @spelt_out
    def __init__(
        self,
        model: LLM | None = None,
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
    ) -> None: ...

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("k", "concurrency", "max_tokens", "context_window"):
            value = getattr(self, name)
            if value not in (None, "auto") and value < 1:
                raise ConfigError(f"{type(self).__name__}: {name} must be 1 or more, not {value}.")
        if self.temperature is not None and (not math.isfinite(self.temperature) or self.temperature < 0):
            raise ConfigError(f"{type(self).__name__}: temperature must be 0 or more, or None, not {self.temperature}.")
        return self

    @classmethod
    def class_name(cls) -> str:
        """The name used in serialization."""
        return "automix_self_verifier"

    @field_serializer("model")
    def _without_secrets(self, model: LLM | None) -> dict[str, Any] | None:
        return None if model is None else payload(model)

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(restored(state))

    @property
    def _layout(self) -> str:
        return CASE

    def _read(self, text: str) -> bool | None:
        return read_verdict(text)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return list(chosen(self, in_words, ("k",)))

    @property
    def prompt(self) -> PromptTemplate:
        """How a case is shown.

        Variables: context, question, answer, and optionally history and instructions; each is put between marks that it
        can't contain.
        """
        marked: dict[str, Callable[..., Any]] = {name: partial(_marked, name) for name in TAGS}
        return PromptTemplate(self._layout, function_mappings=marked, history="", instructions="")

    @property
    def prompt_digest(self) -> str:
        """What identifies the checking prompt; a fitted policy remembers the one it was fitted under."""
        return digest(self.instructions, tuple(self.shots), self._layout)

    @property
    def overhead(self) -> int:
        """Tokens of the checking prompt beside the context, the question and the answer, with room for the reply."""
        return self._prefix_tokens + self.reply_tokens

    @property
    def reply_tokens(self) -> int:
        """The room that a check's reply may take."""
        return AUTO_LIMIT if self.max_tokens == "auto" else self.max_tokens or 0

    @cached_property
    def window(self) -> int | None:
        """The window of the checking model, in tokens; None if it is not known."""
        return self.context_window or (self.model.metadata.context_window if self.model else None)

    def __call__(self, values: dict[str, Any]) -> dict[str, Any]:
        """Draw k verdicts (or `n`, if given) on one case and count them."""
        values = self._case(values)
        return self.check(_query(values), values["answer"], values.get("n", self.k)).model_dump()

    async def acall(self, values: dict[str, Any]) -> dict[str, Any]:
        """Draw k verdicts (or `n`, if given) on one case and count them, without blocking."""
        values = self._case(values)
        return (await self.acheck(_query(values), values["answer"], values.get("n", self.k))).model_dump()

    def _case(self, values: Any) -> Any:
        """What it was called with, as a case."""
        return values

    def check(self, query: Query, answer: str, n: int, talk: Prompt | None = None) -> Verification:
        """`n` verdicts on `answer`, in a span if anyone looks at spans.

        `talk` is the conversation that was answered, where the check may go on from it.
        """
        return (self.verify if observed() else self._verify)(query, answer, n, talk)

    async def acheck(self, query: Query, answer: str, n: int, talk: Prompt | None = None) -> Verification:
        """`check`, awaited."""
        return await (self.averify if observed() else self._averify)(query, answer, n, talk)

    @dispatcher.span
    def verify(self, query: Query, answer: str, n: int, talk: Prompt | None = None) -> Verification:
        """`n` verdicts on `answer`."""
        return self._verify(query, answer, n, talk)

    @dispatcher.span
    async def averify(self, query: Query, answer: str, n: int, talk: Prompt | None = None) -> Verification:
        """`verify`, awaited."""
        return await self._averify(query, answer, n, talk)

    def _verify(self, query: Query, answer: str, n: int, talk: Prompt | None = None) -> Verification:
        query, prompt = self._prepare(query, answer, talk)
        sample = draw(self._sampler, prompt, n, self.concurrency, self._terms)
        return self._verification(sample, query.truncated)

    async def _averify(self, query: Query, answer: str, n: int, talk: Prompt | None = None) -> Verification:
        query, prompt = self._prepare(query, answer, talk)
        sample = await adraw(self._sampler, prompt, n, self.concurrency, self._terms)
        return self._verification(sample, query.truncated)

    def _verification(self, sample: Sample, truncated: bool) -> Verification:
        """The sample, read and counted. Raises the first error if no check worked."""
        verdicts, checks = counted(sample, self._terms, price=self.price, truncated=truncated, read=self._read)
        plain = [None if verdict is None else int(verdict) for verdict in verdicts]
        return Verification(verdicts=plain, texts=sample.texts, confidence=checks.tally.confidence, checks=checks)

    def _prepare(self, query: Query, answer: str, talk: Prompt | None = None) -> tuple[Query, Prompt]:
        """The query, its context once and as it fits the window, and the prompt for it."""
        query = once(query)

        def shown(query: Query) -> str:
            return case(query, answer, self._layout)

        asked, window = shown(query), self.window
        if window is not None and len(asked.encode()) > window - self.overhead:  # no text has more tokens than bytes
            query = cut_to_window(query, shown, window - self._prefix_tokens, self.reply_tokens, self.count)
            asked = shown(query)
        if not self._chats:
            return query, "\n\n".join([*(str(m.content) for m in self._prefix), asked])
        return query, [*self._prefix, ChatMessage(role=MessageRole.USER, content=asked)]

    @cached_property
    def _chats(self) -> bool:
        return self._sampler.model.metadata.is_chat_model

    @cached_property
    def _sampler(self) -> Sampler:
        if self.model is None:
            name = type(self).__name__
            raise ConfigError(f"{name} has no model of its own; pass model=..., or use it inside an AutoMixLLM.")
        return Sampler.of(self.model)

    @cached_property
    def _terms(self) -> Terms:
        return self._sampler.terms(self.temperature, self.max_tokens, marks_for(self.k))

    @cached_property
    def _prefix(self) -> list[ChatMessage]:
        """The instructions, and the examples as turns of a chat."""
        system = self.model.metadata.system_role if self.model else MessageRole.SYSTEM
        roles = {"system": system, "user": MessageRole.USER, "assistant": MessageRole.ASSISTANT}
        turns = opening(self.instructions, self.shots, self._layout)
        return [ChatMessage(role=roles[role], content=text) for role, text in turns]

    @cached_property
    def _prefix_tokens(self) -> int:
        empty = case(Query(""), "", self._layout)
        parts = [*(str(turn.content) for turn in self._prefix), empty]
        return sum(self.count(part) + TOKENS_A_MESSAGE for part in parts)

    def about_tokens(self, query: Query, prompt: int) -> int:
        """About how many tokens one check for `query` reads, its answer left out; `prompt` tokens ask for an answer."""
        return self._prefix_tokens + approximate_tokens(case(query, "", self._layout))

    def size(self, query: Query, prompt: int) -> Size:
        """About what a check for `query` takes, where `prompt` tokens ask for an answer."""
        return Size(prompt, self.about_tokens(query, prompt), self.together)

    @property
    def together(self) -> bool:
        """True if one request gives all verdicts of a batch."""
        return self._terms.together(self._sampler.memory)

    def count(self, text: str) -> int:
        """How many tokens `text` has."""
        return self.count_tokens(text) if self.count_tokens else len(get_tokenizer()(text))


def _marked(name: str, **values: Any) -> str:
    return blocks({key: str(value) for key, value in values.items()})[name]


def _query(values: dict[str, Any]) -> Query:
    """The verifier's input as a query. Raises `ConfigError` naming a key that is missing or holds no text."""
    check_case(values)
    history, instructions = str(values.get("history") or ""), str(values.get("instructions") or "")
    return Query(values["question"], texts(values["context"]), history, instructions, "argument")
