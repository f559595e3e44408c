"""Each client can be written as the page of providers says, and makes a cascade."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from langchain_automix import AutoMixChatModel
from langchain_automix.child.clients import CLIENTS, client_of
from tests.providers.wire import ProviderServer
from tests.providers.written import KEYS, LANGCHAIN


@pytest.mark.parametrize("row", CLIENTS)
def test_a_client_is_built_as_the_page_writes_it(
    server: ProviderServer, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    for name, value in {**KEYS, "AZURE_OPENAI_ENDPOINT": server.at("azure")}.items():
        monkeypatch.setenv(name, value)
    package, _, name = row.rpartition(".")
    model: Any = eval(LANGCHAIN[name], vars(import_module(package)))
    assert client_of(model) is CLIENTS[row]
    assert len(AutoMixChatModel(models=[model, model]).models) == 2
