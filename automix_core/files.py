"""Reading text as people's programs save it, and writing a file whole or not at all."""

from __future__ import annotations

import codecs
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DataError

MOST = 50_000_000
"""Bytes of a file, or of a line of JSON Lines, that is read at all: what is larger was not meant."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str | os.PathLike[str], most: int = MOST) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    Raises `DataError` if it can't be read, is longer than `most` bytes or is no UTF-8, which names the line.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None
    if len(data) > most:
        raise DataError(f"{path} is longer than {most:,} bytes; is it the right file?")
    _refuse_utf16(path, data)
    return _text(path, data.removeprefix(codecs.BOM_UTF8), 1)


def read_lines(path: str | os.PathLike[str], most: int = MOST) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file that are not blank, with their numbers. Raises `DataError` as `read_text` does."""
    try:
        with Path(path).open("rb") as file:
            number = 0
            while line := file.readline(most + 1):
                number += 1
                if len(line) > most:
                    raise DataError(f"{path}, line {number}: longer than {most:,} bytes; is it the right file?")
                if number == 1:
                    _refuse_utf16(path, line)
                    line = line.removeprefix(codecs.BOM_UTF8)
                if (text := _text(path, line, number)).strip():
                    yield number, text
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from None


def _refuse_utf16(path: str | os.PathLike[str], data: bytes) -> None:
    if data.startswith(_UTF16):
        raise DataError(f"{path} is UTF-16, not UTF-8 text (older PowerShells write it so); save it as UTF-8.")


def _text(path: str | os.PathLike[str], data: bytes, first: int) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first + data.count(b"\n", 0, error.start)
        raise DataError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8.") from None


def private_file(path: str, flags: int) -> int:
    """An opener for `open`: a file made anew is its owner's alone to read and write."""
    return os.open(path, flags, 0o600)


def write_atomic(path: Path, text: str | Iterable[str], *, private: bool = False) -> None:
    """Write `text` or its pieces beside `path` and move it there, so that no reader and no crash sees half a file.

    A link stays a link, and a file keeps its permissions; a new one that is `private` is its owner's alone to read. A
    device or a pipe, such as /dev/stdout, is written to as it is: nothing may be put in its place.
    """
    if not path.name or path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    pieces = [text] if isinstance(text, str) else text
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        with path.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
        return
    with replacing(path, private=private) as beside, open(beside, "w", encoding="utf-8") as file:
        file.writelines(pieces)


@contextmanager
def replacing(path: str | os.PathLike[str], *, private: bool = False) -> Iterator[Path]:
    """A file beside `path`, to be written within the block, that takes its place if that ends well, and else is gone.

    A link stays a link, and a file keeps its permissions; a new one that is `private` is its owner's alone to read.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if private:
            beside.unlink(missing_ok=True)
            os.close(private_file(str(beside), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        yield beside
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
