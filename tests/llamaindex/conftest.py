"""Fixtures of the LlamaIndex tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loopback import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A provider with nothing scripted; what its own code raised fails the test."""
    with OpenAIServer() as running:
        yield running
    assert not running.errors, running.errors[0]
