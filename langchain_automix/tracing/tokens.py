"""Every token once.

The children report their tokens to the callbacks, so inside callbacks the AutoMix message says zero: an absent usage
would be estimated, a total would be counted twice (langsmith-sdk #3119 tells of such sums). The message that the
caller gets carries the total, put there after the callbacks ran.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_ai_message_chunks
from langchain_core.outputs import ChatGeneration, LLMResult

from automix_core.checking.client import Client
from automix_core.routing.attached import KEY
from automix_core.routing.effects import Reply
from automix_core.routing.route import Route, plain
from automix_core.usage import Usage

from ..child.models import as_message, as_reply
from .watch import nothing

_PROVIDERS_USAGE = ("token_usage", "usage")

M = TypeVar("M", bound=BaseMessage)


class Record(dict[str, Any]):
    """A route's dict, remembering the tokens of the whole call in LangChain's terms, details and all.

    The dict's form has no place for the details; in a message that comes back from a response cache they are gone,
    and with them the tokens, which is right.
    """

    usage: UsageMetadata | None = None

    @classmethod
    def of(cls, route: Route, spent: Usage | None) -> Record:
        """The record of `route`, on which `spent` went."""
        record = cls(route.to_dict())
        if spent is not None:
            record.usage = UsageMetadata(**spent.to_dict())  # type: ignore[typeddict-item]
            for name, amount in spent.details.items():
                side, _, part = name.partition(".")
                record.usage.setdefault(f"{side}_token_details", {})[part] = amount  # type: ignore[misc]
        return record


def labelled(message: AIMessage, record: Record) -> AIMessage:
    """A child's answer as the AutoMix run's own, with its route; never the child's object, which callers may change."""
    metadata = {key: value for key, value in message.response_metadata.items() if key not in _PROVIDERS_USAGE}
    metadata[KEY] = record
    return message.model_copy(update={"id": None, "usage_metadata": nothing(), "response_metadata": metadata})


def _unbilled(chunk: AIMessageChunk) -> AIMessageChunk:
    """A child's chunk as one of the AutoMix run's own: its tokens are counted apart, its end is not the end."""
    metadata = {key: value for key, value in chunk.response_metadata.items() if key not in (*_PROVIDERS_USAGE, KEY)}
    return chunk.model_copy(
        update={"id": None, "usage_metadata": None, "response_metadata": metadata, "chunk_position": None}
    )


def as_chunk(message: AIMessage) -> AIMessageChunk:
    """A whole message as the one and last chunk of a stream."""
    return AIMessageChunk(
        content=message.content,
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        tool_calls=message.tool_calls,
        invalid_tool_calls=message.invalid_tool_calls,
        usage_metadata=message.usage_metadata,
        name=message.name,
        chunk_position="last",
    )


def _chunk(output: Any) -> AIMessageChunk:
    return output if isinstance(output, AIMessageChunk) else as_chunk(as_message(output))


@dataclass(slots=True)
class Pieces:
    """The chunks of one streamed answer, as they pass on their way to the caller."""

    client: Client
    taken: list[AIMessageChunk] = field(default_factory=list)

    def add(self, output: Any) -> bool:
        """Note a child's chunk; True if there is anything in it for the reader."""
        chunk = _chunk(output)
        self.taken.append(chunk)
        return bool(chunk.content or chunk.tool_call_chunks or chunk.tool_calls or chunk.additional_kwargs)

    @staticmethod
    def shown(output: Any) -> AIMessageChunk:
        """A child's chunk as one of the AutoMix run's own."""
        return _unbilled(_chunk(output))

    def reply(self) -> Reply:
        """The whole answer as the core sees it."""
        return as_reply(self.message(), self.client)

    def message(self) -> AIMessage:
        """The whole answer so far."""
        return as_message(add_ai_message_chunks(*self.taken)) if self.taken else AIMessage("")

    def end(self, record: Record) -> AIMessageChunk:
        """The last chunk: no text, only the route."""
        listed = bool(self.taken) and isinstance(self.taken[-1].content, list)
        return AIMessageChunk(
            content=[] if listed else "",
            response_metadata={KEY: record},
            usage_metadata=nothing(),
            chunk_position="last",
        )


def public(message: M) -> M:
    """`message` as the caller gets it: with the route's total tokens, unless a response cache served it."""
    record = message.response_metadata.get(KEY)
    if not isinstance(message, AIMessage) or not isinstance(record, dict):
        return message
    hit = "total_cost" in (message.usage_metadata or {})  # core's mark of one
    usage = record.usage if isinstance(record, Record) and not hit else message.usage_metadata
    # copied through: the cache's entry and the callbacks' message stay as they are, whoever changes this one
    metadata = {**message.response_metadata, KEY: plain(record)}
    return message.model_copy(update={"usage_metadata": usage, "response_metadata": metadata})


def published(result: LLMResult) -> LLMResult:
    """`result` with every message as the caller gets it; the callbacks keep the objects that they saw."""
    generations = [
        [g.model_copy(update={"message": public(g.message)}) if isinstance(g, ChatGeneration) else g for g in prompt]
        for prompt in result.generations
    ]
    return LLMResult(generations=generations, llm_output=result.llm_output, run=result.run)
