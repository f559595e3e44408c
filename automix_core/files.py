"""Writing a file whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write_atomic(path: Path, text: str) -> None:
    """Write `text` beside `path` and move it there, so that no reader and no crash sees half a file."""
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
