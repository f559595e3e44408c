"""What becomes of a request: it is routed with a context, or passed to one model for a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from llama_index.core.base.llms.types import ChatMessage

from automix_core.checking.query import Query, read_coin
from automix_core.errors import QueryError
from automix_core.keywords import CALL, ignore_unknown

from .passages import texts
from .reading import CONTEXT, QUESTION, Reading, transcript

COIN = "automix_coin"


class Settings(Protocol):
    """What decides who is asked: fields of an `AutoMixLLM`."""

    @property
    def models(self) -> Sequence[Any]:
        """The cascade's, cheapest first."""
        ...

    @property
    def without_context(self) -> Literal["prompt", "large", "small", "raise"]:
        """What becomes of a question without a context."""
        ...

    @property
    def auxiliary(self) -> Literal["large", "small"]:
        """Which model serves what is not question answering."""
        ...

    @property
    def should_verify(self) -> Callable[[Query], bool] | None:
        """Says whether a question is to be verified."""
        ...

    @property
    def context_extractor(self) -> Callable[[Sequence[ChatMessage]], Any] | None:
        """Finds the context in messages."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """The query of a call; `passing` is the reason for which the policy is not asked, if any, `to` who then answers."""

    query: Query
    passing: str = ""
    to: int = 0


def taken(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keywords that are for AutoMix, taken out of `kwargs`: no provider is to see them.

    Raises `ConfigError` for a coin that can't be one.
    """
    own = {name: kwargs.pop(name) for name in list(kwargs) if name.startswith("automix_")}
    ignore_unknown("AutoMixLLM", own, CALL)
    found = {name: own[name] for name in CALL if name in own}
    return {**found, COIN: read_coin(found.get(COIN))}


def ask(
    settings: Settings, reading: Reading, keywords: Mapping[str, Any], messages: Callable[[], Sequence[ChatMessage]]
) -> Asked:
    """What `reading` asks of a model. Raises `QueryError` if it has no context and `without_context` is "raise"."""
    large = len(settings.models) - 1
    helper = 0 if settings.auxiliary == "small" else large
    query, errand = reading.query, reading.errand
    if question := keywords.get(QUESTION):
        query = replace(query, question=str(question))
    if context := texts(keywords.get(CONTEXT)):
        query, errand = replace(query, context=context, source="argument"), False
    elif not errand and settings.context_extractor and (context := texts(settings.context_extractor(messages()))):
        query = replace(query, context=context, source="parsed")
    if reading.other_content:
        return Asked(query, "The messages hold more than text, which no verifier here can read.", large)
    if errand:
        return Asked(query, "This is not question answering.", helper)
    if query.context:
        if settings.should_verify is not None and not settings.should_verify(query):
            return Asked(query, "should_verify left this question unverified.", helper)
        return Asked(query)
    match settings.without_context:
        case "prompt":
            return Asked(Query(query.question, (transcript(messages()),), source="prompt"))
        case "raise":
            raise QueryError(
                "No context was found for the question. Pass automix_context=..., or set without_context to "
                '"prompt", "large" or "small".'
            )
        case where:
            to = 0 if where == "small" else large
            return Asked(query, "The question came without context to check an answer against.", to)
