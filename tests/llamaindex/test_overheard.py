"""What a model tells nobody is heard at its provider's client."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.llms.mock import MockLLM
from pydantic import PrivateAttr

from llamaindex_automix.child.overheard import telling, tokens
from llamaindex_automix.child.responses import Response

USAGE = {"usage": {"input_tokens": 5, "output_tokens": 2}}


class Messages:
    """A part of a provider's client."""

    count = 0

    def parse(self, **asked: Any) -> dict[str, Any]:
        self.count += 1
        return {**USAGE, **asked}

    async def aparse(self) -> dict[str, Any]:
        return USAGE

    def models(self) -> list[str]:
        return ["m"]


class Provider:
    """A provider's client."""

    name = "provider"

    def __init__(self) -> None:
        self.messages = Messages()
        self.kind = Messages


class Asking(MockLLM):
    """A model that asks its provider's client itself."""

    _client: Any = PrivateAttr(default_factory=Provider)


async def test_what_a_providers_client_answers_is_heard_wherever_it_stands() -> None:
    said: list[Response] = []
    model = Asking(max_tokens=None)
    asked: Any = telling(model, ("_client", "_aclient"), said)
    assert asked._client.messages.parse(stop_reason="end_turn") == {**USAGE, "stop_reason": "end_turn"}
    assert await asked._client.messages.aparse() == USAGE
    assert asked._client.messages.models() == ["m"], "what tells no tokens is no answer"
    assert [response.raw for response in said] == [{**USAGE, "stop_reason": "end_turn"}, USAGE]
    found = tokens(said)
    assert found is not None
    assert (found.input_tokens, found.output_tokens) == (10, 4)


def test_the_client_stays_what_it_is_and_the_users_model_too() -> None:
    model = Asking(max_tokens=None)
    asked: Any = telling(model, ("_client",), [])
    assert isinstance(asked._client, Provider)
    assert isinstance(asked._client.messages, Messages)
    assert (asked._client.name, asked._client.kind) == ("provider", Messages)
    asked._client.messages.parse()
    assert model._client.messages.count == 1, "it is the user's own that is asked"
    assert type(model._client) is Provider
    with pytest.raises(AttributeError):
        getattr(asked._client, "nothing_of_the_kind")  # noqa: B009


def test_a_model_that_tells_by_itself_is_asked_as_it_is() -> None:
    model = MockLLM()
    assert telling(model, (), []) is model
