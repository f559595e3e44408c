"""The page of providers shows the adapters' tables of clients as they are; run this file to print its tables anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from automix_core.checking.client import Client
from langchain_automix.child.clients import CLIENTS as LANGCHAIN
from llamaindex_automix.child.clients import CLIENTS as LLAMAINDEX

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
TABLES = {"LangChain": LANGCHAIN, "LlamaIndex": LLAMAINDEX}
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


@pytest.mark.parametrize("framework", TABLES)
def test_the_page_shows_the_table_as_it_is(framework: str) -> None:
    assert table(TABLES[framework]) in PAGE.read_text("utf-8")


if __name__ == "__main__":
    for clients in TABLES.values():
        print(table(clients), end="\n\n")
