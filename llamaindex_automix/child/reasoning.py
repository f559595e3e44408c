"""Reasoning blocks go back only to the provider that wrote them.

LlamaIndex's messages don't say which model wrote them. Where all models of a cascade are of one client, a conversation
is handed on as it is; where they are of several, text is all that any of them needs of an earlier answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.base.llms.types import ChatMessage, ThinkingBlock
from llama_index.core.llms.llm import LLM

from automix_core.checking.client import package

ATTACHED = frozenset({"reasoning_content", "reasoning", "thinking", "thinking_signature"})
"""Names under which clients attach reasoning to a message."""


def for_models(messages: Sequence[ChatMessage], models: Sequence[LLM]) -> list[ChatMessage]:
    """`messages` as models of several providers may see them."""
    if len({package(type(model)) for model in models}) == 1:
        return list(messages)
    return [_without(message) if _reasons(message) else message for message in messages]


def _reasons(message: ChatMessage) -> bool:
    attached = not ATTACHED.isdisjoint(message.additional_kwargs)
    return attached or any(isinstance(block, ThinkingBlock) for block in message.blocks)


def _without(message: ChatMessage) -> ChatMessage:
    blocks = [block for block in message.blocks if not isinstance(block, ThinkingBlock)]
    rest = {name: value for name, value in message.additional_kwargs.items() if name not in ATTACHED}
    return message.model_copy(update={"blocks": blocks, "additional_kwargs": rest})
