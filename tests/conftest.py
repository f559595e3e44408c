"""What holds in every test."""

from __future__ import annotations

import asyncio
import inspect

import pytest


@pytest.fixture(autouse=True)
def _no_loop_left(request: pytest.FixtureRequest) -> None:
    """LlamaIndex's `asyncio_run` would make an event loop for this thread and never close it."""
    if not inspect.iscoroutinefunction(request.function):
        asyncio.set_event_loop(None)
