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

from automix_core.route import Route

from .children import as_message

KEY = "automix"
_PROVIDERS_USAGE = ("token_usage", "usage")

M = TypeVar("M", bound=BaseMessage)


def nothing() -> UsageMetadata:
    """The usage that callbacks see."""
    return UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)


def labelled(message: AIMessage, route: Route) -> AIMessage:
    """A child's answer as the AutoMix run's own, with its route; never the child's object, which callers may change."""
    metadata = {key: value for key, value in message.response_metadata.items() if key not in _PROVIDERS_USAGE}
    metadata[KEY] = route.to_dict()
    return message.model_copy(update={"id": None, "usage_metadata": nothing(), "response_metadata": metadata})


def _unbilled(chunk: AIMessageChunk) -> AIMessageChunk:
    """A child's chunk as one of the AutoMix run's own: its tokens are counted apart, its end is not the end."""
    metadata = {key: value for key, value in chunk.response_metadata.items() if key not in _PROVIDERS_USAGE}
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


@dataclass(slots=True)
class Pieces:
    """The chunks of one streamed answer, as they pass on their way to the caller."""

    taken: list[AIMessageChunk] = field(default_factory=list)

    def take(self, output: Any) -> AIMessageChunk:
        """Note a child's chunk and return it as one of the AutoMix run's own."""
        chunk = output if isinstance(output, AIMessageChunk) else as_chunk(as_message(output))
        self.taken.append(chunk)
        return _unbilled(chunk)

    def message(self) -> AIMessage:
        """The whole answer so far."""
        return as_message(add_ai_message_chunks(*self.taken)) if self.taken else AIMessage("")

    def end(self, route: Route) -> AIMessageChunk:
        """The last chunk: no text, only the route."""
        listed = bool(self.taken) and isinstance(self.taken[-1].content, list)
        return AIMessageChunk(
            content=[] if listed else "",
            response_metadata={KEY: route.to_dict()},
            usage_metadata=nothing(),
            chunk_position="last",
        )


def public(message: M) -> M:
    """`message` as the caller gets it: with the route's total tokens, unless a response cache served it."""
    route = message.response_metadata.get(KEY)
    usage = getattr(message, "usage_metadata", None)
    if not isinstance(message, AIMessage) or not route or (usage and "total_cost" in usage):
        return message
    return message.model_copy(update={"usage_metadata": route["usage"]["total"]})


def published(result: LLMResult) -> LLMResult:
    """`result` with every message as the caller gets it; the callbacks keep the objects that they saw."""
    generations = [
        [g.model_copy(update={"message": public(g.message)}) if isinstance(g, ChatGeneration) else g for g in prompt]
        for prompt in result.generations
    ]
    return LLMResult(generations=generations, llm_output=result.llm_output, run=result.run)
