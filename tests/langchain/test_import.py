"""Importing is quiet and light: no host beyond langchain-core, no socket, no thread, no warning."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    """The output of `code` in a fresh interpreter in which a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


PUBLIC = {"AutoMixChatModel", "SelfVerifier", "MetaVerifier", "with_context", "collect_routes", "route_of"}
HEAVY = {"langchain_openai", "langchain", "langgraph", "openai", "numpy", "scipy", "llama_index", "typer", "rich"}
OURS = ("automix_cli", "llamaindex_automix")


def test_the_public_names_bring_nothing_heavy() -> None:
    out = run(
        "import sys, langchain_automix as it\n"
        "print(*it.__all__)\n"
        "for name in it.__all__: getattr(it, name)\n"
        "print(*sys.modules)"
    )
    names, loaded = (line.split() for line in out.splitlines())
    assert set(names) >= PUBLIC
    assert not HEAVY & set(loaded)
    assert not [name for name in loaded if name.startswith(OURS)]


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


def test_optional_packages_may_be_absent() -> None:
    missing = ["langgraph", "langchain", "langchain_openai", "opentelemetry", "openai", "numpy"]
    run(
        f"import sys\nfor name in {missing!r}: sys.modules[name] = None\n"
        "import langchain_automix\nlangchain_automix.AutoMixChatModel"
    )


def test_the_packages_are_typed() -> None:
    from importlib.resources import files

    for package in ("langchain_automix", "automix_core"):
        assert files(package).joinpath("py.typed").is_file()
