"""What a model tells nobody is heard at its provider's client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
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

    def stream(self) -> Iterator[dict[str, Any]]:
        for written in (1, 2):
            yield {"usage": {"input_tokens": 5, "output_tokens": written}}
        yield {"text": "."}

    async def astream(self) -> AsyncIterator[dict[str, Any]]:
        async def pieces() -> AsyncIterator[dict[str, Any]]:
            for piece in self.stream():
                yield piece

        return pieces()

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


async def test_of_a_stream_the_last_that_tells_tokens_is_heard() -> None:
    said: list[Response] = []
    asked: Any = telling(Asking(max_tokens=None), ("_client",), said)
    assert len(list(asked._client.messages.stream())) == 3
    assert len([piece async for piece in await asked._client.messages.astream()]) == 3
    assert [response.raw for response in said] == [USAGE, USAGE]
    half = asked._client.messages.stream()
    next(half)
    half.close()
    assert len(said) == 2, "who reads no further is told nothing"


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
