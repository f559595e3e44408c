"""Reading a query from messages: the question, the retrieved context, and what stands around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage

from automix_core.checking.once import once
from automix_core.checking.passing import Asked
from automix_core.checking.query import ContextSource, Query, passages
from automix_core.checking.transcript import transcript, whole_prompt
from automix_core.errors import ConfigError, QueryError

from .errands import is_errand
from .messages import (
    CONTEXT,
    QUESTION,
    documents_of,
    for_children,
    found_by,
    has_other_content,
    is_document,
    said_in,
    text_of,
)

Extractor = Callable[[Sequence[BaseMessage]], Any]


def texts(context: Any) -> tuple[str, ...]:
    """A context in any accepted form as passages: text, a document, or a list of either.

    Raises `ConfigError` for anything else.
    """
    items = context if isinstance(context, list | tuple) else [] if context is None else [context]
    found = []
    for item in items:
        if isinstance(item, str):
            found.append(item)
        elif is_document(item):
            found.append(item.page_content)
        else:
            raise ConfigError(f"automix_context must be text, documents or a list of them, not {type(item).__name__}.")
    return passages(found)


def read_messages(
    messages: Sequence[BaseMessage],
    question: str | None = None,
    context: Any = None,
    extractor: Extractor | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Asked:
    """What a call asks. `question` and `context` are its keywords, if given; `extractor` is the user's own way to find
    the context in the messages, and `metadata` the run's, by which LangChain's own errands are known.

    Raises `QueryError` if there are no messages.
    """
    if not messages:
        raise QueryError("There are no messages to answer; pass at least one human message.")
    last = last_human(messages)
    current, earlier = messages[max(last, 0) :], messages[: max(last, 0)]
    errand = is_errand(messages, metadata or {})
    source, found = _find_context(messages, current, context, None if errand else extractor)
    asked, named = text_of(messages[last]), question or _attached(current, QUESTION)
    history = transcript(said_in([m for m in earlier if not isinstance(m, SystemMessage)]))
    instructions = "\n\n".join(text_of(m) for m in messages if isinstance(m, SystemMessage))
    query = once(Query(named or asked, found, history, instructions, source))
    return Asked(query, errand, has_other_content(messages))


def read_prompt(messages: Sequence[BaseMessage], question: str | None = None) -> Query:
    """The query of messages that stand for their own context."""
    last = last_human(messages)
    query = whole_prompt(said_in(messages, evidence=True), last)
    named = question or _attached(messages[max(last, 0) :], QUESTION) or text_of(messages[last])
    return Query(named, query.context, query.history, source=query.source)


def _find_context(
    messages: Sequence[BaseMessage], current: Sequence[BaseMessage], context: Any, extractor: Extractor | None
) -> tuple[ContextSource, tuple[str, ...]]:
    """The first source that holds anything, and what it holds. `current` are the messages of the current turn."""
    if found := texts(context):
        return "argument", found
    if extractor is not None and (found := texts(extractor(messages))):
        return "parsed", found
    if found := texts(_attached(current, CONTEXT)):
        return "message", found
    if found := passages([text for m in current if isinstance(m, HumanMessage) for text in documents_of(m)]):
        return "message", found
    if found := passages([text for m in current if isinstance(m, ToolMessage) for text in found_by(m)]):
        return "tools", found
    return "none", ()


def _attached(messages: Sequence[BaseMessage], key: str) -> Any:
    return next((m.additional_kwargs[key] for m in messages if m.additional_kwargs.get(key)), None)


def last_human(messages: Sequence[BaseMessage]) -> int:
    """The place of the last human message; -1, the last of all, where there is none."""
    return max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=-1)


__all__ = [
    "CONTEXT",
    "QUESTION",
    "Extractor",
    "for_children",
    "has_other_content",
    "last_human",
    "read_messages",
    "read_prompt",
    "texts",
]
