"""Importing is quiet and light: no host beyond langchain-core, no socket, no thread, no warning."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> str:
    """The output of `code` in a fresh interpreter in which a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_public_names_are_what_the_design_says() -> None:
    names = run("import langchain_automix as it; print(*sorted(it.__all__))").split()
    assert {"AutoMixChatModel", "SelfVerifier", "MetaVerifier", "with_context", "collect_routes", "route_of"} <= set(
        names
    )


HEAVY = (
    "langchain_openai",
    "langchain",
    "langgraph",
    "openai",
    "numpy",
    "scipy",
    "llama_index",
    "typer",
    "rich",
    "torch",
)


def test_nothing_heavy_is_imported() -> None:
    loaded = run("import sys, langchain_automix\nlangchain_automix.AutoMixChatModel\nprint(*sys.modules)").split()
    assert not set(HEAVY) & set(loaded)
    assert not [name for name in loaded if name.startswith(("automix_cli", "llamaindex_automix"))]


def test_import_and_use_open_no_socket_and_leave_no_thread() -> None:
    out = run(
        "import socket, threading\n"
        "def refuse(*a, **k): raise AssertionError('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "from langchain_core.language_models import GenericFakeChatModel as Fake\n"
        "from langchain_core.messages import AIMessage\n"
        "from langchain_automix import AutoMixChatModel\n"
        "fakes = [Fake(messages=iter([AIMessage(t)])) for t in ('draft', 'answer')]\n"
        "llm = AutoMixChatModel(models=fakes, verifier=lambda c, q, a, n: [False] * n)\n"
        "print(llm.invoke('hello').text, threading.active_count())"
    )
    assert out.split() == ["answer", "1"]


@pytest.mark.parametrize("missing", ["langgraph", "langchain", "langchain_openai", "opentelemetry"])
def test_optional_packages_may_be_absent(missing: str) -> None:
    run(f"import sys; sys.modules[{missing!r}] = None; import langchain_automix; langchain_automix.AutoMixChatModel")


def test_the_packages_are_typed() -> None:
    from importlib.resources import files

    for package in ("langchain_automix", "automix_core"):
        assert files(package).joinpath("py.typed").is_file()
