"""Fixtures of the LangChain tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loopback import LangSmithCollector, OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A provider with nothing scripted; what its own code raised fails the test."""
    with OpenAIServer() as running:
        yield running
    assert not running.errors, running.errors[0]


@pytest.fixture
def collector() -> Iterator[LangSmithCollector]:
    """The ingest side of LangSmith."""
    with LangSmithCollector() as running:
        yield running
    assert not running.errors, running.errors[0]
