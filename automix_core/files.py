"""Writing a file whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path


def write_atomic(path: Path, text: str) -> None:
    """Write `text` beside `path` and move it there, so that no reader and no crash sees half a file.

    A link stays a link, and a file keeps its permissions. A device or a pipe, such as /dev/stdout, is written to as it
    is: nothing may be put in its place.
    """
    if not path.name or path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        with path.open("w", encoding="utf-8") as file:
            file.write(text)
        return
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
