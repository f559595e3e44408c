"""The folder that keeps downloaded weights, the lock that guards it, and the check of a file's SHA-256.

Hashing a gigabyte takes seconds, so it is done once: a small stamp beside the file remembers its size and time of
change as they were when the checksum was right.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from automix_cli.progress import Progress
    from automix_cli.weights.registry import Weights

_BLOCK = 1 << 20


def cache_folder() -> Path:
    """AUTOMIX_CACHE_DIR, or the platform's folder for a user's caches; it need not exist."""
    if chosen := os.environ.get("AUTOMIX_CACHE_DIR"):
        return Path(os.path.expanduser(chosen)).absolute()  # a ~user nobody knows is left as it is
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "automix"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "automix" / "Cache"
    base = Path(os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache"))
    return (base if base.is_absolute() else Path.home() / ".cache") / "automix"


def is_stamped(file: Path, weights: Weights) -> bool:
    """Whether the file was checked before and has not changed since."""
    try:
        stamp = json.loads(_stamp(file).read_text("utf-8"))
        return bool(stamp == _facts(file, weights))
    except (OSError, ValueError):
        return False


def is_right(file: Path, weights: Weights, progress: Progress) -> bool:
    """Whether the file is the expected one, by its stamp, or by its size and SHA-256, which are then stamped."""
    if is_stamped(file, weights):
        return True
    right = has_checksum(file, weights, progress)
    if right:
        stamp(file, weights)
    return right


def has_checksum(file: Path, weights: Weights, progress: Progress) -> bool:
    """Whether the file's size and SHA-256 are the expected ones; reads the whole file unless its size tells."""
    if file.stat().st_size != weights.bytes:
        return False
    digest, done = hashlib.sha256(), 0
    with progress.bytes(f"checking {weights.name}", weights.bytes) as at, file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            done += len(block)
            at(done)
    return digest.hexdigest() == weights.sha256


def stamp(file: Path, weights: Weights) -> None:
    """Remember that the file's checksum was right; a folder that can't be written only costs the next check."""
    with suppress(OSError):
        _stamp(file).write_text(json.dumps(_facts(file, weights)), "utf-8")


def remove(file: Path) -> None:
    """Remove a weights file and its stamp."""
    file.unlink(missing_ok=True)
    _stamp(file).unlink(missing_ok=True)


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[BinaryIO]:
    """Hold the lock file at `path` against other processes; the system frees it when its holder dies.

    `waiting` is called once if somebody else holds it. Yields the open file. Raises OSError if it can't be made.
    """
    with path.open("ab") as stream:
        told = False
        while not _try_lock(stream):
            if not told:
                waiting()
                told = True
            time.sleep(0.2)
        yield stream  # closing the file frees the lock; the file stays, as removing it would let two in


if sys.platform == "win32":
    import msvcrt

    def _try_lock(stream: BinaryIO) -> bool:
        try:
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(stream: BinaryIO) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _stamp(file: Path) -> Path:
    return file.with_name(file.name + ".checked")


def _facts(file: Path, weights: Weights) -> dict[str, object]:
    facts = file.stat()
    return {"bytes": facts.st_size, "changed": facts.st_mtime_ns, "sha256": weights.sha256}
