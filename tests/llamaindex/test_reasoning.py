"""Reasoning goes back only to the provider that wrote it."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ThinkingBlock
from llama_index.core.llms import MockLLM

from llamaindex_automix.child.reasoning import for_models
from tests.llamaindex.engines import cascade, child, script
from tests.loopback import OpenAIServer


class Anthropic(MockLLM):
    __module__ = "llama_index.llms.anthropic.base"


class Ollama(MockLLM):
    __module__ = "llama_index.llms.ollama.base"


HISTORY = [
    ChatMessage(role=MessageRole.USER, content="Who?"),
    ChatMessage(
        role=MessageRole.ASSISTANT,
        blocks=[ThinkingBlock(content="Hm.", additional_information={"signature": "sig"}), TextBlock(text="Oda.")],
        additional_kwargs={"reasoning_content": "Hm.", "kept": 1},
    ),
]


def test_models_of_one_client_see_the_conversation_as_it_is() -> None:
    assert for_models(HISTORY, [Anthropic(max_tokens=9), Anthropic(max_tokens=9)]) == HISTORY


@pytest.mark.parametrize(
    "models", [[Ollama(max_tokens=9), Anthropic(max_tokens=9)], [Anthropic(max_tokens=9), Ollama(max_tokens=9)]]
)
def test_models_of_several_see_text(models: list[Any]) -> None:
    first, answer = for_models(HISTORY, models)
    assert first is HISTORY[0]
    assert answer.blocks == [TextBlock(text="Oda.")]
    assert answer.additional_kwargs == {"kept": 1}
    assert len(HISTORY[1].blocks) == 2, "a copy was changed"


def test_a_cascade_of_one_client_hands_it_on(server: OpenAIServer) -> None:
    script(server, "accept")
    try:
        child(server, "alone").chat(HISTORY)
    except ValueError:
        pytest.skip("this version of the client alone refuses a conversation with thoughts")
    asked = len(server.requests)
    model = cascade(server, models=[child(server, "small"), child(server, "large")])
    model.chat([*HISTORY, ChatMessage(role=MessageRole.USER, content="And?")], automix_context="x")
    assert any("Oda." in str(message.get("content")) for message in server.requests[asked].messages)
