"""The page of providers shows the adapters' tables of clients as they are, and what of the matrix was tried and held.

Run this file to print its tables anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from automix_core.checking.client import Client
from langchain_automix.child.clients import CLIENTS as LANGCHAIN
from llamaindex_automix.child.clients import CLIENTS as LLAMAINDEX
from tests.providers import record, written

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
TABLES = {"LangChain": LANGCHAIN, "LlamaIndex": LLAMAINDEX}
ENVIRONMENTS = {"LangChain": ("langchain",), "LlamaIndex": ("llamaindex", "llamaindex-openrouter")}
WRITTEN = {"LangChain": written.LANGCHAIN, "LlamaIndex": written.LLAMAINDEX}
HEAD = "| client | eight verdicts | log-probabilities | cached tokens told | limit is set by |\n|---|---|---|---|---|"


def table(clients: Mapping[str, Client]) -> str:
    """The rows of the page for one framework, in alphabetical order."""
    rows = [
        f"| `{name.rpartition('.')[2]}` | {'one request' if row.choices else 'eight requests'} "
        f"| {'yes' if row.logprobs else 'no'} | {'yes' if row.cached else 'no'} | `{row.limit or '-'}` |"
        for name, row in clients.items()
        if not name.endswith("MockLLM")
    ]
    return "\n".join([HEAD, *sorted(rows)])


def how(framework: str) -> str:
    """How each client of one framework is written, and the package that it is from."""
    rows = [
        f"| `{text}` | `{row.rpartition('.')[0].replace('.', '-').replace('_', '-')}` |"
        for row in TABLES[framework]
        if (text := WRITTEN[framework].get(row.rpartition(".")[2]))
    ]
    return "\n".join(["| a model | its package |\n|---|---|", *sorted(rows)])


def tried(framework: str) -> str:
    """The cells of each client of one framework, by kind: how many were tried, and how many held if not all did."""
    rows, whole = [], dict.fromkeys(record.KINDS, (0, 0))
    for environment in ENVIRONMENTS[framework]:
        for client, tests in record.read(environment).cells.items():
            found = record.by_kind(tests)
            whole = {kind: _plus(whole[kind], cell) for kind, cell in found.items()}
            rows.append(_row(client, found))
    heads = ("client", *record.KINDS, "all")
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *sorted(rows), _row("all", whole)])


def days(framework: str) -> str:
    """When they were tried."""
    return " and ".join(sorted({record.read(environment).date for environment in ENVIRONMENTS[framework]}))


def _row(name: str, found: Mapping[str, tuple[int, int]]) -> str:
    total = (0, 0)
    for cell in found.values():
        total = _plus(total, cell)
    return f"| {' | '.join([name, *(_cell(*cell) for cell in found.values()), _cell(*total)])} |"


def _plus(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _cell(tried: int, held: int) -> str:
    if not tried:
        return "-"
    return f"{tried:,}" if held == tried else f"{held:,} of {tried:,}"


@pytest.mark.parametrize("framework", TABLES)
def test_the_page_shows_the_table_as_it_is(framework: str) -> None:
    assert table(TABLES[framework]) in PAGE.read_text("utf-8")


@pytest.mark.parametrize("framework", TABLES)
def test_the_page_says_how_each_client_is_written(framework: str) -> None:
    assert how(framework) in PAGE.read_text("utf-8")
    names = {row.rpartition(".")[2] for row in TABLES[framework]} - {"MockLLM"}
    assert WRITTEN[framework].keys() == names


@pytest.mark.parametrize("framework", ENVIRONMENTS)
def test_the_page_shows_what_was_tried_and_when(framework: str) -> None:
    page = PAGE.read_text("utf-8")
    assert tried(framework) in page
    assert f"{framework}, tried on {days(framework)}:" in page


if __name__ == "__main__":
    for framework in TABLES:
        print(table(TABLES[framework]), how(framework), sep="\n\n", end="\n\n")
        print(f"{framework}, tried on {days(framework)}:\n\n{tried(framework)}", end="\n\n")
