"""What becomes of a request: its keywords, and whether it is routed or passed to one model for a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from llama_index.core.base.llms.types import ChatMessage

from automix_core.checking import passing
from automix_core.checking.once import once
from automix_core.checking.passing import Asked
from automix_core.checking.query import read_coin
from automix_core.keywords import CALL, ignore_unknown

from .passages import texts
from .reading import CONTEXT, QUESTION, read_prompt

COIN = "automix_coin"


class Settings(passing.Settings, Protocol):
    """What an `AutoMixLLM` says about it."""

    @property
    def context_extractor(self) -> Callable[[Sequence[ChatMessage]], Any] | None: ...  # noqa: D102


def taken(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keywords that are for AutoMix, taken out of `kwargs`: no provider is to see them.

    Raises `ConfigError` for a coin that can't be one.
    """
    own = {name: kwargs.pop(name) for name in list(kwargs) if name.startswith("automix_")}
    ignore_unknown("AutoMixLLM", own, CALL)
    found = {name: own[name] for name in CALL if name in own}
    return {**found, COIN: read_coin(found.get(COIN))}


def passed(
    asked: Asked, settings: Settings, keywords: Mapping[str, Any], messages: Callable[[], Sequence[ChatMessage]]
) -> Asked:
    """`asked`, with what the call's keywords and the user's extractor say, as it is to be served.

    `messages` are what the small model would see. Raises `QueryError` if there is no context and `without_context` is
    "raise".
    """
    query, named = asked.query, keywords.get(QUESTION)
    if named:
        query = replace(query, question=str(named))
    if context := texts(keywords.get(CONTEXT)):
        query = replace(query, context=context, source="argument")
    elif not asked.errand and settings.context_extractor and (context := texts(settings.context_extractor(messages()))):
        query = replace(query, context=context, source="parsed")
    return passing.passed(replace(asked, query=once(query)), settings, lambda: read_prompt(messages(), named))
