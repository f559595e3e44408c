"""What holds in every test."""

from __future__ import annotations

import asyncio
import inspect
import math

import pytest

from automix_core.policies import rounds


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Several workers (`-n`) take whole files: what one test of a file compares, the others of that file have found."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "loadfile"


@pytest.fixture(autouse=True)
def _no_loop_left(request: pytest.FixtureRequest) -> None:
    """LlamaIndex's `asyncio_run` would make an event loop for this thread and never close it."""
    if not inspect.iscoroutinefunction(request.function):
        asyncio.set_event_loop(None)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round trip is worth any number of verdicts: those that are separate requests are all asked for at once."""
    monkeypatch.setattr(rounds, "ROUND", math.inf)
