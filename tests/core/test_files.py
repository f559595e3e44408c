"""Writing files: whole or not at all, and never in the place of what is no file."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from automix_core.errors import DataError
from automix_core.files import read_lines, read_text, write_atomic


def test_what_was_there_stays_if_writing_fails(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    write_atomic(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(file, "new \ud800")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes are other things there")
def test_a_link_stays_a_link_and_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    file, link = tmp_path / "real.json", tmp_path / "link.json"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_link_to_nothing_makes_the_file_that_it_names(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "real.json")
    write_atomic(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(pipe.read_text()))
    reader.start()
    write_atomic(pipe, "through")
    reader.join(timeout=30)
    assert said == ["through"]
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no open files under /dev there")
def test_what_dev_names_is_written_to_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "redirected"
    with file.open("w") as opened:
        write_atomic(Path(f"/dev/fd/{opened.fileno()}"), "text")
        assert os.fstat(opened.fileno()).st_ino == file.stat().st_ino
    assert file.read_text() == "text"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path, "text")
    assert list(tmp_path.iterdir()) == []


def test_text_from_windows(tmp_path: Path) -> None:
    """A byte order mark is no part of the text, and UTF-16 is called by its name."""
    file = tmp_path / "text"
    file.write_bytes(b"\xef\xbb\xbfone\r\n\r\ntwo")
    assert read_text(file) == "one\r\n\r\ntwo"
    assert [(line, text.strip()) for line, text in read_lines(file)] == [(1, "one"), (3, "two")]
    file.write_bytes("one".encode("utf-16"))
    for read in (read_text, lambda path: list(read_lines(path))):
        with pytest.raises(DataError, match="is UTF-16, not UTF-8 text"):
            read(file)


def test_the_line_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(b"one\n\ncaf\xe9\nfour\n")
    for read in (read_text, lambda path: list(read_lines(path))):
        with pytest.raises(DataError, match="text, line 3: not UTF-8 text; save the file as UTF-8"):
            read(file)


def test_what_is_too_long_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(b"123456789\n12345678901\n")
    with pytest.raises(DataError, match="is longer than 10 bytes"):
        read_text(file, 10)
    with pytest.raises(DataError, match="line 2: longer than 10 bytes"):
        list(read_lines(file, 10))
