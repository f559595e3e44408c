"""What LangChain's messages say as text: parts that are text, documents among the parts, and who speaks."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from automix_core.checking.transcript import Said, joined

CONTEXT = "automix_context"
QUESTION = "automix_question"

_TEXT = frozenset({"text", "input_text", "text-plain", "cachePoint", "cache_point"})
_MEDIA = frozenset(
    {"image", "image_url", "input_image", "audio", "input_audio", "video", "file", "input_file", "media"}
)
_DEPTH = 3
"""How deep a tool's artifact is searched for documents."""


def text_of(message: BaseMessage) -> str:
    """The text of a message, without its documents."""
    if isinstance(message.content, str):
        return message.content
    return joined(_text(part) for part in message.content)


def documents_of(message: BaseMessage) -> list[str]:
    """The text documents among a message's parts: the form in which providers cite from what they are given."""
    parts = message.content if isinstance(message.content, list) else []
    return [text for part in parts if isinstance(part, Mapping) and (text := _document(part)) is not None]


def found_by(message: ToolMessage) -> list[str]:
    """What a tool found: the documents of its artifact, those among its parts, else its text; nothing if it failed."""
    if message.status == "error":
        return []
    return list(_documents(message.artifact)) or documents_of(message) or [text_of(message)]


def said_in(messages: Sequence[BaseMessage], *, evidence: bool = False) -> list[Said]:
    """Who says what; as `evidence` with the documents that messages bring."""
    return [(_speaker(m), "\n\n".join([*_brought(m), *_own(m)]) if evidence else text_of(m)) for m in messages]


def has_other_content(messages: Sequence[BaseMessage]) -> bool:
    """True if any message holds an image or another part that is not text, which a verifier can't read.

    A model's own messages may hold thoughts and tool calls besides their text; these don't count. Cache marks,
    citations and text documents are text.
    """
    return any(
        _kind(part) in _MEDIA if isinstance(m, AIMessage) else not _is_text(part)
        for m in messages
        for part in (m.content if isinstance(m.content, list) else [])
    )


def for_children(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages without what was attached for the verifier: it must reach no provider."""
    return [
        m.model_copy(
            update={"additional_kwargs": {k: v for k, v in m.additional_kwargs.items() if k not in (CONTEXT, QUESTION)}}
        )
        if CONTEXT in m.additional_kwargs or QUESTION in m.additional_kwargs
        else m
        for m in messages
    ]


def is_document(item: Any) -> bool:
    """True for one of LangChain's documents."""
    from langchain_core.documents import Document  # not at the top: importing a chat model should not build it

    return isinstance(item, Document)


def _brought(message: BaseMessage) -> list[str]:
    return found_by(message) if isinstance(message, ToolMessage) else documents_of(message)


def _own(message: BaseMessage) -> list[str]:
    return [] if isinstance(message, ToolMessage) else [text_of(message)]


def _speaker(message: BaseMessage) -> str:
    labels: dict[type[BaseMessage], str] = {
        HumanMessage: "User",
        AIMessage: "Assistant",
        SystemMessage: "System",
        ToolMessage: "Tool",
    }
    return next((label for kind, label in labels.items() if isinstance(message, kind)), message.type.capitalize())


def _kind(part: Any) -> str:
    """What kind of part it is, as providers and LangChain name them."""
    return str(part.get("type", "text")) if isinstance(part, Mapping) else "text"


def _is_text(part: Any) -> bool:
    if isinstance(part, Mapping) and ("document" in part or _kind(part) not in _TEXT):
        return _document(part) is not None
    return True


def _text(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if _kind(part) in _TEXT and "document" not in part else None
    return text if isinstance(text, str) else ""


def _document(part: Mapping[str, Any]) -> str | None:
    """The text of a part that is a document of text, under the forms of Anthropic, Bedrock and LangChain; else None."""
    if _kind(part) == "search_result":
        return _texts(part.get("content"))
    if isinstance(inner := part.get("document"), Mapping):
        source = inner.get("source")
        return _source(source) if isinstance(source, Mapping) else None
    if _kind(part) == "document" and isinstance(source := part.get("source"), Mapping):
        return _source(source)
    if _kind(part) in ("file", "document") and str(part.get("mime_type", "")).startswith("text/"):
        return _decoded(part.get("base64") or part.get("data"))
    return None


def _source(source: Mapping[str, Any]) -> str | None:
    if isinstance(text := source.get("text"), str):
        return text
    if source.get("type") == "text" and isinstance(data := source.get("data"), str):
        return data
    return _texts(source.get("content"))


def _texts(content: Any) -> str | None:
    """Blocks of text as one text; None if one of them is anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [block.get("text") if isinstance(block, Mapping) else block for block in content]
    said = [text for text in texts if isinstance(text, str)]
    return joined(said) if len(said) == len(texts) else None


def _decoded(data: Any) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode() if isinstance(data, str) else None
    except (binascii.Error, ValueError):
        return None


def _documents(item: Any, depth: int = _DEPTH) -> Iterator[str]:
    """The texts of the documents in a tool's artifact: alone, in lists, in pairs with a score, in dicts."""
    if is_document(item):
        yield item.page_content
    elif isinstance(item, Mapping) and isinstance(text := item.get("page_content"), str):
        yield text
    elif depth and isinstance(item, Mapping | list | tuple):
        for inner in item.values() if isinstance(item, Mapping) else item:
            yield from _documents(inner, depth - 1)
