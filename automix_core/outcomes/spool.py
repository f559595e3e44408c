"""More rows than memory should hold, in temporary files that nobody else sees: arrays, and lines to be sorted."""

from __future__ import annotations

import heapq
import json
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .columns import Columns

_ARRAYS = ("scores", "costs", "verdicts", "probability", "verdict_cost", "empty", "free")
_NAMED = ("signals", "signal_cost", "query_signals")
_PERHAPS = ("seconds", "verdict_seconds", "tokens", "baseline")


class Spool:
    """Parts of columns, one after the other in a temporary file; iterated over as often as needed."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="automix-")  # noqa: SIM115 (open as long as this is)
        weakref.finalize(self, self._file.close)
        self._parts = 0

    def add(self, part: Columns) -> None:
        """Write one more part."""
        self._file.seek(0, 2)
        named = {name: list(getattr(part, name)) for name in _NAMED}
        perhaps = [name for name in _PERHAPS if getattr(part, name) is not None]
        head = {"names": part.names, "rows": len(part), "named": named, "perhaps": perhaps}
        self._write(np.frombuffer(json.dumps([head, part.ids]).encode(), dtype=np.uint8))
        for name in (*_ARRAYS, *perhaps):
            self._write_rows(getattr(part, name))
        for name, keys in named.items():
            for key in keys:
                self._write_rows(getattr(part, name)[key])
        self._parts += 1

    def __iter__(self) -> Iterator[Columns]:
        """Read them again."""
        self._file.seek(0)
        place = 0
        for _ in range(self._parts):
            self._file.seek(place)
            part = self._read_part()
            place = self._file.tell()
            yield part

    def _read_part(self) -> Columns:
        head, ids = json.loads(self._read().tobytes())
        rows = head["rows"]
        found: dict[str, Any] = {name: self._read_rows(rows) for name in (*_ARRAYS, *head["perhaps"])}
        for name, keys in head["named"].items():
            found[name] = {key: self._read_rows(rows) for key in keys}
        return Columns(ids=tuple(ids), names=tuple(head["names"]), **found)

    def _write_rows(self, values: NDArray[Any]) -> None:
        """Rows that are all alike are written once."""
        alike = np.array_equal(values, np.broadcast_to(values[:1], values.shape), equal_nan=values.dtype.kind == "f")
        self._write(values[:1] if alike else values)

    def _read_rows(self, rows: int) -> NDArray[Any]:
        values = self._read()
        return np.broadcast_to(values, (rows, *values.shape[1:])) if len(values) < rows else values

    def _write(self, values: NDArray[Any]) -> None:
        np.save(self._file, np.ascontiguousarray(values), allow_pickle=False)

    def _read(self) -> NDArray[Any]:
        return np.asarray(np.load(self._file, allow_pickle=False))


class SortedLines:
    """Lines of ASCII, given in any order and had in theirs; what passes `most` goes to temporary files."""

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._lines: list[str] = []
        self._runs: list[IO[str]] = []

    def add(self, lines: Iterable[str]) -> None:
        """Take in more lines, which hold no line break."""
        self._lines.extend(lines)
        if len(self._lines) > self._most:
            self._lines.sort()
            run = tempfile.TemporaryFile("w+", encoding="ascii", newline="\n", prefix="automix-")  # noqa: SIM115
            run.writelines(f"{line}\n" for line in self._lines)
            weakref.finalize(self, run.close)
            self._runs.append(run)
            self._lines = []

    def __iter__(self) -> Iterator[str]:
        """The lines in order."""
        self._lines.sort()
        for run in self._runs:
            run.seek(0)
        runs = ((line[:-1] for line in run) for run in self._runs)
        yield from heapq.merge(self._lines, *runs)
