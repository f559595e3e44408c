"""Fixtures of the LangChain tests."""

from __future__ import annotations

import socket
from collections.abc import Generator, Iterator

import pytest

from tests.langchain.standard import remember
from tests.loopback import LangSmithCollector, OpenAIServer
from tests.loopback.http import listen


@pytest.fixture(scope="session")
def listener() -> Iterator[socket.socket]:
    """The address of all the providers here."""
    with listen() as listening:
        yield listening


@pytest.fixture
def server(listener: socket.socket) -> Iterator[OpenAIServer]:
    """A provider with nothing scripted; what its own code raised fails the test."""
    with OpenAIServer(listener) as running:
        yield running
    assert not running.errors, running.errors[0]


@pytest.fixture
def collector() -> Iterator[LangSmithCollector]:
    """The ingest side of LangSmith."""
    with LangSmithCollector() as running:
        yield running
    assert not running.errors, running.errors[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the outcomes of the standard suites, to compare ours with ChatOpenAI's at the end."""
    report = yield
    if report.when == "call" or (report.when == "setup" and not report.passed):
        expected_failure = hasattr(report, "wasxfail")
        remember(item.config.stash, item, "xfailed" if expected_failure and report.skipped else report.outcome)
    return report
