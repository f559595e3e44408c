"""Routed, or passed to which model and why: the same in every framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

from ..errors import QueryError
from .query import Query

Which: TypeAlias = Literal["large", "small"]
WithoutContext: TypeAlias = Literal["prompt", "large", "small", "raise"]

OTHER_CONTENT = "The messages hold more than text, which no verifier here can read."
ERRAND = "This is not question answering."
NOT_TO_VERIFY = "should_verify left this question unverified."
NO_CONTEXT = "The question came without context to check an answer against."


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call asks.

    `errand`: it was recognised as a call that answers nobody's question (rewriting, extracting, judging);
    `other_content`: it holds more than text. `passing` is the reason for which the policy is not asked, if any, and
    `to` the model that then answers.
    """

    query: Query
    errand: bool = False
    other_content: bool = False
    passing: str = ""
    to: int = 0


class Settings(Protocol):
    """What a cascade's configuration says about it; `only_errands` marks what `errand()` gives."""

    @property
    def models(self) -> Any: ...  # noqa: D102
    @property
    def without_context(self) -> WithoutContext: ...  # noqa: D102
    @property
    def errands(self) -> Which: ...  # noqa: D102
    @property
    def only_errands(self) -> bool: ...  # noqa: D102
    @property
    def should_verify(self) -> Callable[[Query], bool] | None: ...  # noqa: D102


def passed(asked: Asked, settings: Settings, prompt: Callable[[], Query]) -> Asked:
    """`asked` as it is to be served; `prompt` gives the query whose context is the whole prompt.

    In this order: an errand by `errand()` wins over everything; content that no verifier reads goes to the last model;
    a context that was given with the call wins over a recognised errand, and that over a context found otherwise;
    `should_verify` is asked about a question with its context; `without_context` says the rest. Raises `QueryError`
    where that is "raise".
    """
    last = len(settings.models) - 1
    helper = 0 if settings.errands == "small" else last
    query = asked.query
    if settings.only_errands:
        return replace(asked, errand=True, passing=ERRAND, to=helper)
    if asked.other_content:
        return replace(asked, passing=OTHER_CONTENT, to=last)
    if asked.errand and query.source not in ("argument", "message"):
        return replace(asked, passing=ERRAND, to=helper)
    if not query.context and settings.without_context == "prompt":
        query = prompt()
    if query.context:
        if settings.should_verify is not None and not settings.should_verify(query):
            return replace(asked, query=query, errand=False, passing=NOT_TO_VERIFY, to=helper)
        return replace(asked, query=query, errand=False)
    if settings.without_context == "raise":
        raise QueryError(
            "No context was found for the question. Pass automix_context=..., attach it to a message, or set "
            'without_context to "prompt", "large" or "small".'
        )
    return replace(asked, passing=NO_CONTEXT, to=0 if settings.without_context == "small" else last)
