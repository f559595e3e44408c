"""Each client can be written as the page of providers says, and makes a cascade."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from llamaindex_automix import AutoMixLLM
from llamaindex_automix.child.clients import CLIENTS, client_of
from tests.providers.wire import ProviderServer
from tests.providers.written import KEYS, LLAMAINDEX

HERE = [row for row in CLIENTS if not row.endswith("MockLLM") and find_spec(row.rpartition(".")[0]) is not None]


@pytest.mark.parametrize("row", HERE)
def test_a_client_is_built_as_the_page_writes_it(
    server: ProviderServer, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    """Gemini's asks its provider at once what the model is."""
    places = {"AZURE_OPENAI_ENDPOINT": server.at("azure"), "GOOGLE_GEMINI_BASE_URL": server.at("google")}
    for name, value in {**KEYS, **places}.items():
        monkeypatch.setenv(name, value)
    package, _, name = row.rpartition(".")
    names = dict(vars(import_module(package)))
    if name == "LangChainLLM":
        names["ChatOpenAI"] = import_module("langchain_openai").ChatOpenAI
    model: Any = eval(LLAMAINDEX[name], names)
    assert client_of(model) is CLIENTS[row]
    assert len(AutoMixLLM(models=[model, model]).models) == 2
