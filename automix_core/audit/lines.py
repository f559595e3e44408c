"""Appending lines to a file that several processes write: each line whole, none lost, none twice."""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from ..errors import ConfigError

if sys.platform != "win32":
    import fcntl

log = logging.getLogger("automix")

_PATIENCE, _PAUSE = 10, 0.02
"""How often, and how many seconds apart, a line without an end is looked at before it is taken for torn."""
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class Lines:
    """A file to which whole lines are appended, readable by its owner alone.

    Each line is one write at the end of the file, under a lock that other processes respect; what a full disk cut off
    is taken back, and a torn last line of somebody who was killed is removed before the next one. A file that has
    grown beyond `most_bytes` is renamed to the next free number (`outcomes.1.jsonl`) and begun anew. Where the file
    system has no locks that is said once, the file is never renamed, and a line that another process may still be
    writing is waited for before it is taken for torn.

    Raises `ConfigError` if the file can't be opened for appending.
    """

    def __init__(self, path: str | os.PathLike[str], most_bytes: int | None = None) -> None:
        self.path = Path(path)
        if most_bytes is not None and most_bytes < 1:
            raise ConfigError(f"The size at which {self.path} is rotated must be 1 byte or more, not {most_bytes}.")
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._locks = True
        try:
            os.close(self._open())
        except OSError as error:
            raise ConfigError(
                f"{self.path} can't be written: {error.strerror or error}; give a path in a folder that exists and "
                "that this process may write to."
            ) from None

    def append(self, line: str) -> None:
        """Write `line` and its end. Raises `OSError` if it can't be written; the file is then as it was."""
        data = line.encode() + b"\n"
        with self._lock, self._held() as file:
            end, written = _whole(file, 1 if self._locks else _PATIENCE), 0
            try:
                while written < len(data):
                    written += os.write(file, data[written:])
            except OSError:
                with suppress(OSError):
                    if os.fstat(file).st_size == end + written:  # else somebody wrote who had no lock either
                        os.ftruncate(file, end)
                raise
            if self._most_bytes is not None and end + len(data) >= self._most_bytes and self._locks:
                self._rotate()

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)

    @contextmanager
    def _held(self) -> Iterator[int]:
        """The file, locked; opened again if another process renamed it while we waited."""
        while True:
            file = self._open()
            try:
                self._hold(file)
                if self._is_current(file):
                    yield file
                    return
            finally:
                os.close(file)

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self.path.stat())
        except FileNotFoundError:
            return False

    def _hold(self, file: int) -> None:
        if sys.platform != "win32":
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                if self._locks:
                    self._locks = False
                    log.warning("The file system of %s has no locks; let one process alone write this file.", self.path)

    def _rotate(self) -> None:
        number = 1
        while (older := self.path.with_name(f"{self.path.stem}.{number}{self.path.suffix}")).exists():
            number += 1
        self.path.rename(older)


def _whole(file: int, looks: int) -> int:
    """The end of the last whole line, to which the file is cut back if the rest does not grow between `looks` at it."""
    size = os.fstat(file).st_size
    while size and _read(file, size - 1, 1) != b"\n" and looks > 1:
        time.sleep(_PAUSE)
        before, size = size, os.fstat(file).st_size
        looks = looks - 1 if before == size else _PATIENCE
    end = size
    while end and _read(file, end - 1, 1) != b"\n":
        start = max(0, end - 65536)
        found = _read(file, start, end - start).rfind(b"\n")
        end = start + found + 1 if found >= 0 else start
    if end != size:
        os.ftruncate(file, end)
    return end


def _read(file: int, start: int, length: int) -> bytes:
    os.lseek(file, start, os.SEEK_SET)
    return os.read(file, length)
