"""A retrieved context in any form that LlamaIndex has for one, as passages of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, TextBlock
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore

from automix_core.checking.query import passages
from automix_core.errors import ConfigError


def texts(context: Any, *, rendered: bool = False) -> tuple[str, ...]:
    """The passages of `context`: text, a node, a message, or a list of these; blank ones are dropped.

    Nodes are shown as synthesizers show them to a model, with their metadata. Raises `ConfigError` for anything else,
    unless it is `rendered` by a template, which takes whatever has a text.
    """
    items = context if isinstance(context, list | tuple) else [] if context is None else [context]
    return passages([_text(item, rendered) for item in items])


def _text(item: Any, rendered: bool) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, NodeWithScore | BaseNode):
        return item.get_content(metadata_mode=MetadataMode.LLM)
    if isinstance(item, ChatMessage):
        return item.content or ""
    if rendered:
        return str(item)
    raise ConfigError(f"A context must be text, nodes or a list of them, not {type(item).__name__}.")


def has_other_content(messages: Sequence[Any]) -> bool:
    """True if any message holds an image or another part that is no text, which a verifier can't read.

    What models said (reasoning, tool calls) is no such part.
    """
    return any(
        isinstance(message, ChatMessage)
        and message.role.value not in ("assistant", "chatbot", "model")
        and any(not isinstance(block, TextBlock) for block in message.blocks)
        for message in messages
    )
