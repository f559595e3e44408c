"""Fixtures of the LangChain tests."""

from __future__ import annotations

import socket
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client

from tests.langchain.standard import remember
from tests.langchain.tracing import USER
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


@pytest.fixture
def tracing(collector: LangSmithCollector) -> Iterator[tuple[Client, RunnableConfig]]:
    """A LangSmith client and the config that traces with it."""
    client = collector.client()
    yield client, {"callbacks": [LangChainTracer(client=client)], **USER}
    client.close()


@pytest.fixture
def environment(collector: LangSmithCollector, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """LANGSMITH_TRACING=true, as users switch it on; no callbacks are passed."""
    import langsmith.utils
    from langsmith import run_trees

    client = collector.client()
    cached: list[Any] = [langsmith.utils.get_env_var, langsmith.utils.get_tracer_project]
    for function in cached:
        function.cache_clear()
    with monkeypatch.context() as patch:
        patch.setenv("LANGSMITH_TRACING", "true")
        patch.setattr(run_trees, "_CLIENT", client)
        yield client
    for function in cached:
        function.cache_clear()
    client.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the outcomes of the standard suites, to compare ours with ChatOpenAI's at the end."""
    report = yield
    if report.when == "call" or (report.when == "setup" and not report.passed):
        expected_failure = hasattr(report, "wasxfail")
        remember(item.config.stash, item, "xfailed" if expected_failure and report.skipped else report.outcome)
    return report
