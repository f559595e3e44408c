"""Appending lines: whole, once, by several processes, also where somebody is killed or the disk is full."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from automix_core.audit.lines import Lines
from automix_core.errors import ConfigError

WRITER = """
import json, sys
from automix_core.audit.lines import Lines
lines, me = Lines(sys.argv[1], int(sys.argv[3]) or None), sys.argv[2]
for n in range(10**9 if me.startswith("k") else 300):
    lines.append(json.dumps({"by": me, "n": n, "pad": "x" * (n % 700)}))
    print(n, flush=True)
"""


def start(path: Path, name: str, most: int = 0) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(most)], stdout=subprocess.PIPE)


def test_each_line_is_written_whole_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "o.jsonl")
    lines.append("a")
    lines.append("b")
    assert (tmp_path / "o.jsonl").read_text() == "a\nb\n"
    assert stat.S_IMODE((tmp_path / "o.jsonl").stat().st_mode) == 0o600


def test_processes_write_side_by_side_and_rotate_without_losing_a_line(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    writers = [start(path, name, 30_000) for name in "abc"]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    files = list(tmp_path.glob("o*.jsonl"))
    assert len(files) > 3
    found = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert sorted((r["by"], r["n"]) for r in found) == [(by, n) for by in "abc" for n in range(300)]


def test_who_is_killed_leaves_whole_lines_and_every_line_it_finished(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    for round_ in range(5):
        writer = start(path, f"k{round_}")
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.02 * round_)
        writer.send_signal(signal.SIGKILL)
        told = [line for line in writer.communicate()[0].split(b"\n") if line]
        Lines(path).append(json.dumps({"by": "after", "n": round_}))
        found = [json.loads(line) for line in path.read_text().splitlines()]
        mine = [r["n"] for r in found if r["by"] == f"k{round_}"]
        assert mine == list(range(len(mine)))
        assert len(mine) > (int(told[-2]) if len(told) > 1 else 0)


def test_a_torn_last_line_is_removed_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text('{"n": 1}\n{"n": ' + "9" * 200_000)
    Lines(path).append('{"n": 2}')
    assert path.read_text() == '{"n": 1}\n{"n": 2}\n'


def test_what_a_full_disk_cut_off_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "o.jsonl"
    lines = Lines(path)
    lines.append("first")
    real = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) > 10:
            return real(file, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        lines.append("this line is longer")
    monkeypatch.undo()
    assert path.read_text() == "first\n"


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing.*o\.jsonl can't be written"):
        Lines(tmp_path / "missing" / "o.jsonl")
    with pytest.raises(ConfigError, match="can't be written: Is a directory"):
        Lines(tmp_path)
    with pytest.raises(ConfigError, match="1 byte or more"):
        Lines(tmp_path / "o.jsonl", 0)


def test_what_the_system_writes_in_parts_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, real = Lines(tmp_path / "o.jsonl"), os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:3]))
    lines.append("a line of more than one part")
    monkeypatch.undo()
    assert lines.path.read_text() == "a line of more than one part\n"


def test_a_file_of_nothing_but_a_torn_line_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text("9" * 100_000)
    Lines(path).append("first")
    assert path.read_text() == "first\n"


def test_an_older_file_is_never_renamed_over(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "o.jsonl", 4)
    for line in ("one", "two", "six"):
        lines.append(line)
    kept = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert kept == {"o.1.jsonl": "one\n", "o.2.jsonl": "two\n", "o.3.jsonl": "six\n"}


@pytest.mark.parametrize("fate", ["renamed", "removed"])
def test_a_line_goes_to_the_file_at_the_path_though_another_was_moved_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    """Another process rotates or removes the file between our opening and our lock."""
    lines, hold = Lines(tmp_path / "o.jsonl"), Lines._hold
    lines.append("before")
    begun: list[int] = []

    def moved(self: Lines, file: int) -> None:
        if not begun:
            self.path.rename(tmp_path / "o.1.jsonl")
            if fate == "renamed":
                self.path.touch()
        begun.append(file)
        hold(self, file)

    monkeypatch.setattr(Lines, "_hold", moved)
    lines.append("after")
    assert len(begun) == 2
    assert ((tmp_path / "o.1.jsonl").read_text(), lines.path.read_text()) == ("before\n", "after\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks on Windows")
def test_a_file_system_without_locks_is_written_to_and_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    lines = Lines(tmp_path / "o.jsonl")
    monkeypatch.setattr("fcntl.flock", refuse)
    lines.append("a")
    lines.append("b")
    assert lines.path.read_text() == "a\nb\n"
    assert caplog.text.count("has no locks; let one process alone write this file") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks on Windows")
def test_processes_without_locks_lose_nothing_and_rename_nothing(tmp_path: Path) -> None:
    """Lines of up to 700 characters, as in the test with locks, and every tenth of half a million."""
    broken = "import errno, fcntl\ndef flock(*_):\n    raise OSError(errno.ENOLCK, 'no locks')\nfcntl.flock = flock\n"
    code = broken + WRITER.replace("n % 700", "n % 10 and n % 700 or 500_000").replace("300)", "40)")
    path = tmp_path / "o.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name, "30000"], stdout=subprocess.PIPE, stderr=-1)
        for name in "abc"
    ]
    for writer in writers:
        said = writer.communicate(timeout=120)[1]
        assert writer.returncode == 0
        assert said.count(b"has no locks") == 1
    assert list(tmp_path.iterdir()) == [path]
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((r["by"], r["n"]) for r in found) == [(by, n) for by in "abc" for n in range(40)]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks on Windows")
def test_a_torn_line_is_cut_off_without_locks_too_once_nobody_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    path = tmp_path / "o.jsonl"
    path.write_text('{"n": 1}\n{"n": 2')
    slept: list[float] = []

    def grow(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            with path.open("a") as file:
                file.write("22")

    monkeypatch.setattr("fcntl.flock", refuse)
    monkeypatch.setattr("automix_core.audit.lines.time.sleep", grow)
    Lines(path).append('{"n": 3}')
    assert path.read_text() == '{"n": 1}\n{"n": 3}\n'
    assert len(slept) == 10


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks on Windows")
def test_a_lock_that_fails_for_another_reason_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: int, how: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    lines = Lines(tmp_path / "o.jsonl")
    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(OSError, match="Input/output"):
        lines.append("a")
    assert lines.path.read_text() == ""
