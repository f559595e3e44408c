"""What a stream amounted to: a client that hands on no finish reason in streams is not taken for one that broke off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from automix_core.checking.client import Client
from automix_core.checking.finish import UNFINISHED
from llamaindex_automix.child.clients import CLIENTS
from llamaindex_automix.request.meter import Meter
from llamaindex_automix.request.request import ChatRequest

ENDS = Client(always_ends=True)


def heard(client: Client, raw: dict[str, Any] | None = None) -> str:
    """The fault that is found in a stream of one word."""
    meter = Meter(ChatRequest([ChatMessage(content="Who?")], {}), client)
    meter.add(ChatResponse(message=ChatMessage(role="assistant", content="Oda."), delta="Oda.", raw=raw))
    return meter.reply().problem


def test_a_stream_without_a_reason_is_unfinished_where_its_client_tells_one() -> None:
    assert heard(ENDS) == UNFINISHED
    assert heard(ENDS, {"choices": [{"finish_reason": "stop"}]}) == ""
    assert heard(replace(ENDS, streams_end=False)) == ""


@pytest.mark.parametrize(
    "name", ["llama_index.llms.anthropic.Anthropic", "llama_index.llms.bedrock_converse.BedrockConverse"]
)
def test_streams_of_claude_and_bedrock_tell_none_in_llamaindex(name: str) -> None:
    assert heard(CLIENTS[name]) == ""
    assert heard(replace(CLIENTS[name], streams_end=True)) == UNFINISHED
