"""The matrix is collected where the clients' packages are installed; `scripts/providers` makes such environments."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

import pytest

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it looks for its prices on the network, for 10 seconds

from tests.loopback.http import listen
from tests.providers import record
from tests.providers.findings import FINDINGS
from tests.providers.wire import ProviderServer


def _installed(*modules: str) -> bool:
    for module in modules:
        try:
            if find_spec(module) is not None:
                return True
        except ModuleNotFoundError:
            continue
    return False


collect_ignore = [
    folder
    for folder, markers in {
        "langchain": ("langchain_anthropic",),
        "llamaindex": ("llama_index.llms.anthropic", "llama_index.llms.openrouter"),
    }.items()
    if not _installed(*markers)
]


def pytest_report_header() -> list[str]:
    """Say what is left out, and why."""
    why = "the clients' packages are not installed here; scripts/providers makes environments that have them"
    return [f"providers: tests/providers/{folder} is not collected: {why}" for folder in collect_ignore]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cells that are known to fail, by finding; one that passes fails the run, so that its line is taken out."""
    here = Path(__file__).parent
    for item in items:
        if not item.path.is_relative_to(here):
            continue
        name = f"{item.path.relative_to(here).parts[0]}/{item.name.replace('[', ':').rstrip(']')}"
        for cell, finding in FINDINGS.items():
            if fnmatchcase(name, cell):
                item.add_marker(pytest.mark.xfail(reason=finding.words, run=finding.run, strict=True))


_ran: list[record.Cell] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which cells held."""
    report = yield
    ended = report.when == "call" or (report.when == "setup" and not report.passed)
    if ended and (cell := record.cell_of(item, held=report.passed and not hasattr(report, "wasxfail"))):
        _ran.append(cell)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down which cells held, where that is asked for."""
    if path := os.environ.get("PROVIDERS_RECORD"):
        found = record.Record(datetime.now(UTC).date().isoformat(), record.counted(_ran))
        Path(path).write_text(record.written(found), "utf-8")


@pytest.fixture(scope="session")
def listener() -> Iterator[socket.socket]:
    """The address of all the providers here."""
    with listen() as listening:
        yield listening


@pytest.fixture
def server(listener: socket.socket) -> Iterator[ProviderServer]:
    """Every provider with nothing scripted; what its own code raised fails the test."""
    with ProviderServer(listener) as running:
        yield running
    assert not running.errors, running.errors[0]
