"""Fixtures of the LlamaIndex tests."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator

import pytest

from tests.loopback import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A provider with nothing scripted; what its own code raised fails the test."""
    with OpenAIServer() as running:
        yield running
    assert not running.errors, running.errors[0]


@pytest.fixture(autouse=True)
def _no_loop_left(request: pytest.FixtureRequest) -> None:
    """LlamaIndex's `asyncio_run` would make an event loop for this thread and never close it."""
    if not inspect.iscoroutinefunction(request.function):
        asyncio.set_event_loop(None)
