"""A retrieved context in any form that LlamaIndex has for one, as passages of text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, TextBlock
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore

from automix_core.checking.query import passages
from automix_core.checking.transcript import MODEL, Said, joined
from automix_core.errors import ConfigError

_MODELS = frozenset({"assistant", "chatbot", "model"})
_NO_CONTENT = frozenset({"cache", "thinking"})


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


def text_of(message: ChatMessage) -> str:
    """The text of a message, without its documents."""
    return joined(block.text for block in message.blocks if isinstance(block, TextBlock))


def documents_of(message: ChatMessage) -> list[str]:
    """The text documents among a message's blocks: the form in which providers cite from what they are given."""
    return [text for block in message.blocks if (text := _document(block)) is not None]


def said_in(messages: Sequence[ChatMessage], *, evidence: bool = False) -> list[Said]:
    """Who says what; as `evidence` with the documents that messages bring."""
    return [
        (
            MODEL if m.role.value in _MODELS else m.role.value.capitalize(),
            "\n\n".join([*(documents_of(m) if evidence else ()), text_of(m)]),
        )
        for m in messages
    ]


def has_other_content(messages: Sequence[Any]) -> bool:
    """True if any message holds an image or another part that is not text, which a verifier can't read.

    What models said (reasoning, tool calls) is no such part, and cache marks, citations and text documents are text.
    """
    return any(
        isinstance(message, ChatMessage)
        and message.role.value not in _MODELS
        and any(
            not isinstance(block, TextBlock) and block.block_type not in _NO_CONTENT and _document(block) is None
            for block in message.blocks
        )
        for message in messages
    )


def _document(block: Any) -> str | None:
    """The text of a block that is a document of text, or cites one; None for any other."""
    if block.block_type == "citable":
        texts = [inner.text if isinstance(inner, TextBlock) else None for inner in block.content]
        said = [text for text in texts if text is not None]
        return joined(said) if len(said) == len(texts) else None
    if block.block_type == "citation":
        cited = block.cited_content
        return cited.text if isinstance(cited, TextBlock) else None
    if block.block_type == "document" and str(block.document_mimetype or "").startswith("text/"):
        try:
            return base64.b64decode(block.data, validate=True).decode() if isinstance(block.data, bytes) else None
        except ValueError:
            return None
    return None
