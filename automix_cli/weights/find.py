"""Where a model's weights are: the folder given, else the cache; else they have to be fetched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from automix_cli.progress import size
from automix_cli.weights import cache
from automix_cli.weights.fetch import OTHER_WAYS, check_room, fetch, remaining
from automix_core.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from automix_cli.progress import Progress
    from automix_cli.weights.registry import Weights


def given_folder(folder: Path | str | None = None) -> Path | None:
    """The weights folder a user named: `folder`, else AUTOMIX_WEIGHTS, else none."""
    chosen = folder or os.environ.get("AUTOMIX_WEIGHTS")
    return Path(os.path.expanduser(chosen)) if chosen else None  # a ~user nobody knows is left as it is


def find(weights: Weights, folder: Path | str | None = None, progress: Progress | None = None) -> Path | None:
    """The file with the weights, or None if they have to be fetched; no network.

    With a weights folder (the argument, else AUTOMIX_WEIGHTS) only that is looked at, and any GGUF file of an accepted
    name is taken; `progress` is told if it is not the file known here. A file in the cache is checked by SHA-256 the
    first time, with `progress`; without it a file never checked counts as there.

    Raises:
        EngineError: the weights folder doesn't exist or has no such file, or the file is no GGUF file.
    """
    given = given_folder(folder)
    if given is not None:
        return _in_folder(weights, given, progress)
    target = cache.cache_folder() / weights.filename
    if not target.is_file():
        return None
    if progress is None:
        return target if target.stat().st_size == weights.bytes else None
    return target if cache.is_right(target, weights, progress) else None


def missing(wanted: Sequence[Weights], folder: Path | str | None = None) -> list[Weights]:
    """Those of the wanted weights that would have to be downloaded."""
    return [weights for weights in wanted if find(weights, folder) is None]


def ensure(
    wanted: Sequence[Weights],
    folder: Path | str | None,
    progress: Progress,
    agree: Callable[[Sequence[Weights]], bool] | None = None,
) -> list[Path]:
    """The files of all the wanted weights, in their order, after fetching what is missing.

    Before the first byte is downloaded the room for all of them is checked, and what is to come is shown: by `agree`,
    which returns whether to go on (`asking` makes one), else by `progress`.

    Raises:
        EngineError: one sentence with the cause and the other ways.
    """
    found = [find(weights, folder, progress) for weights in wanted]
    into = cache.cache_folder()
    absent = [weights for weights, file in zip(wanted, found, strict=True) if file is None]
    check_room(absent, into)
    if absent and agree is None:
        progress.note(describe(absent))
    elif absent and agree is not None and not agree(absent):
        raise EngineError(f"nothing was downloaded, as you wished; {OTHER_WAYS}")
    return [file or fetch(weights, into, progress) for weights, file in zip(wanted, found, strict=True)]


def describe(wanted: Sequence[Weights]) -> str:
    """What a download would bring, a line a model: size, licence, origin; then where to."""
    lines = [
        f"{weights.title} by {weights.publisher}: {_to_come(weights)}, {weights.licence}, from {weights.origin}"
        for weights in wanted
    ]
    return "\n".join([*lines, f"into {cache.cache_folder()}; used as data only, and only if the SHA-256 is right"])


def _to_come(weights: Weights) -> str:
    rest = remaining(weights)
    whole = size(weights.download)
    return whole if rest == weights.download else f"{size(rest)} to go of {whole}"


def _in_folder(weights: Weights, folder: Path, progress: Progress | None) -> Path:
    if not folder.is_dir():
        raise EngineError(f"the weights folder {folder} does not exist; {OTHER_WAYS}")
    names = [name.lower() for name in weights.filenames]
    there = {path.name.lower(): path for path in folder.iterdir() if path.name.lower() in names}
    if not there:
        raise EngineError(
            f"the weights folder {folder} has no {weights.filename} "
            f"(accepted too: {', '.join(weights.filenames[1:])}); "
            f"put it there, unset AUTOMIX_WEIGHTS and leave --weights out to download it, "
            f"or use any OpenAI-compatible server with --small URL#model --large URL#model"
        )
    file = next(there[name] for name in names if name in there)
    try:
        with file.open("rb") as stream:
            magic = stream.read(4)
    except OSError as error:
        raise EngineError(f"{file} can't be read: {error.strerror or error}; {OTHER_WAYS}") from error
    if magic != b"GGUF":
        raise EngineError(f"{file} is not a GGUF file; put the right one there, or {OTHER_WAYS}")
    if progress is not None and file.stat().st_size != weights.bytes:
        progress.note(f"{file} is not the file known as {weights.name} (its size differs); it is used all the same")
    return file
