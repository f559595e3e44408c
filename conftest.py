"""The code blocks of README.md and docs/ are tests: each page is run from top to bottom.

The pages build models as a reader would, `ChatOpenAI(model="gpt-4.1")` and the like. Here those names reach a server on
this machine, which is `provider` in a page's hidden blocks.
"""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser


def open_page(namespace: dict[str, Any]) -> None:
    """Start the provider, point the clients at it, and work in an empty folder."""
    from tests.loopback import OpenAIServer

    patch = pytest.MonkeyPatch()
    provider = OpenAIServer().__enter__()
    folder = tempfile.TemporaryDirectory()
    patch.setenv("OPENAI_BASE_URL", provider.url)
    patch.setenv("OPENAI_API_BASE", provider.url)
    patch.setenv("OPENAI_API_KEY", "a-key-for-the-loopback-server")
    patch.chdir(folder.name)
    namespace.update(provider=provider, _patch=patch, _folder=folder)


def close_page(namespace: dict[str, Any]) -> None:
    """Stop the provider, whose own errors fail the page, and put everything back."""
    namespace["_patch"].undo()
    namespace["_folder"].cleanup()
    namespace["provider"].__exit__(None, None, None)
    assert not namespace["provider"].errors, namespace["provider"].errors[0]


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    setup=open_page,
    teardown=close_page,
).pytest()
