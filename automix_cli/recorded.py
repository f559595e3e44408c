"""Recorded outcomes, as policies are fitted and judged on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automix_cli.prices import repriced
from automix_cli.printing import naming, write
from automix_cli.progress import Progress
from automix_core.outcomes.outcome import Outcome
from automix_core.outcomes.parquet import SUFFIX, arrow, parts, write_rows

if TYPE_CHECKING:
    from automix_core.outcomes.stored import Beside, Stored

_LONG = 50_000_000
"""Bytes of a file whose reading takes so long that its progress is shown."""


@contextmanager
def reading(path: Path, shown: Progress) -> Iterator[Callable[[int], None]]:
    """Follow the bytes that are read of `path`, where they are many."""
    if (size := _size(path)) <= _LONG:
        yield lambda _done: None
        return
    with shown.bytes(f"reading {path.name}", size) as told:
        yield told


def _size(path: Path) -> int:
    """Bytes of a file or of the parts in a folder; what is not there is said when it is read."""
    try:
        return sum(part.stat().st_size for part in parts(path))
    except OSError:
        return 0


def stored(
    path: Path,
    shown: Progress,
    prices: Sequence[str] = (),
    *,
    beside: Beside | None = None,
    apart: Callable[[str], bool] | None = None,
) -> tuple[Stored, list[str]]:
    """The outcomes in `path` that policies are about, at the prices given with --price, and a sentence where others,
    which a policy is not asked about, are left out.

    Raises `DataError` for what can't be read, `ConfigError` for a price that is none.
    """
    from automix_core.outcomes.stored import read_stored

    def change(outcomes: list[Outcome]) -> list[Outcome]:
        with naming(path):
            return repriced(outcomes, prices)

    with reading(path, shown) as told:
        found = read_stored(path, change=change if prices else None, beside=beside, apart=apart, told=told)
    left = f"{found.left} outcomes of calls without context are left out: no policy is asked about those."
    return found, [left] if found.left else []


def as_parquet(output: Path) -> bool:
    """Whether outcomes are to be written as Parquet, by the name. Raises `ConfigError` where what that needs lacks."""
    if output.suffix.lower() != SUFFIX:
        return False
    arrow()
    return True


def write_outcomes(output: Path, records: Iterable[dict[str, Any]]) -> int:
    """Write outcomes as Parquet or JSON Lines, by the name, whole or not at all; how many there were.

    A new file is its owner's alone to read. Raises `DataError` if it can't be written.
    """
    if as_parquet(output):
        return write_rows(output, records, private=True)
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        for record in records:
            count += 1
            yield json.dumps(record, ensure_ascii=False) + "\n"

    write(output, lines(), private=True)
    return count
