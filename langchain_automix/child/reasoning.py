"""Reasoning blocks go back only to the provider that wrote them.

In a conversation that several models answer, each one's structured reasoning stays in its messages, for tool loops.
Another provider's client refuses such blocks, or its server does; text and tool calls are all it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from automix_core.checking.client import package
from automix_core.routing.attached import KEY

from .models import Child, core_model

BLOCKS = {
    "thinking": frozenset({"anthropic"}),
    "redacted_thinking": frozenset({"anthropic"}),
    "reasoning": frozenset({"openai"}),
    "reasoning_content": frozenset({"bedrock", "bedrock_converse"}),
}
"""Kinds of reasoning block, and who writes them where a message does not say."""
ATTACHED = frozenset({"reasoning", "reasoning_content", "thinking"})
"""Names under which clients attach reasoning to a message."""
PROVIDERS = {"aws": frozenset({"bedrock", "bedrock_converse"})}
"""What clients call themselves in their messages, where it is not the name of their package."""


def for_child(messages: Sequence[BaseMessage], child: Child, models: Sequence[Child]) -> Sequence[BaseMessage]:
    """`messages` as `child`, one of a cascade's `models`, is to see them: without what other providers reasoned."""
    if not any(_reasons(message) for message in messages):
        return messages
    own = _providers(child)
    return [_without(m) if _reasons(m) and not own & _writers(m, models) else m for m in messages]


def _providers(child: Child) -> frozenset[str]:
    """The names that a child's client gives itself."""
    name = package(type(core_model(child))).removeprefix("langchain_")
    return PROVIDERS.get(name, frozenset({name}))


def _reasons(message: BaseMessage) -> bool:
    if not isinstance(message, AIMessage):
        return False
    return not ATTACHED.isdisjoint(message.additional_kwargs) or any(_kind(part) for part in message.content)


def _kind(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if kind in BLOCKS else None


def _writers(message: BaseMessage, models: Sequence[Child]) -> frozenset[str]:
    """Who may have written a message: its provider as it says, or the model of the cascade, or by its blocks."""
    metadata = message.response_metadata
    if isinstance(told := metadata.get("model_provider"), str):
        return frozenset({told})
    record = metadata.get(KEY)
    number = record.get("model") if isinstance(record, dict) else None
    if isinstance(number, int) and 0 <= number < len(models):
        return _providers(models[number])
    return frozenset().union(*(BLOCKS[kind] for part in message.content if (kind := _kind(part))))


def _without(message: BaseMessage) -> BaseMessage:
    """`message` without its reasoning; plain text where nothing else is left."""
    content: Any = message.content
    if isinstance(content, list):
        content = [part for part in content if not _kind(part)]
        if all(isinstance(part, str) or set(part) <= {"type", "text", "index", "id"} for part in content):
            content = "".join(part if isinstance(part, str) else part.get("text", "") for part in content)
    rest = {name: value for name, value in message.additional_kwargs.items() if name not in ATTACHED}
    return message.model_copy(update={"content": content, "additional_kwargs": rest})
