"""How figures are printed, the same in every command that reports."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from automix_core.errors import ConfigError, DataError
from automix_core.files import write_atomic
from automix_core.outcomes.kinds import Kind, mistaken

if TYPE_CHECKING:
    from automix_core.evaluation.intervals import Interval


def legible() -> None:
    """Let standard output print a question mark for what its encoding can't say, in place of failing half-way."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def write(path: Path, text: str | Iterable[str], *, private: bool = False) -> None:
    """Write `text`, or its pieces, to `path`, whole or not at all; a new file may be `private`.

    Raises `DataError` if it can't be written.
    """
    try:
        write_atomic(path, text, private=private)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror or error}.") from None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors about the outcomes as a whole say which file they are in."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def print_json(value: Any) -> None:
    """One JSON document on standard output, escaped where its encoding needs that.

    Raises `DataError` for NaN or an infinite number.
    """
    spells = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    try:
        text = json.dumps(value, ensure_ascii=not spells, allow_nan=False, indent=2)
    except ValueError:
        raise DataError("A figure is not finite: a cost or a cost weight is too large or too small.") from None
    typer.echo(text)


def say(text: str) -> None:
    """Lines for people on standard output; a sign that its encoding can't say is a question mark.

    Not `typer.echo`, which sends UTF-8 to terminals that know only ASCII.
    """
    sys.stdout.write(f"{text}\n")


def outputs(*paths: Path | None, inputs: Sequence[Path | None] = ()) -> None:
    """Check where results are to be written. Raises `ConfigError` for a folder, or for a file named twice."""
    written = [path for path in paths if path is not None]
    for path in written:
        if not path.name or path.is_dir():
            raise ConfigError(f"{path} is a folder; name a file to write.")
    seen: set[str] = set()
    for path in [*filter(None, inputs), *written]:
        place = os.path.realpath(path)
        if place in seen:
            raise ConfigError(f"{path} is named twice; it would be overwritten.")
        seen.add(place)


def not_over(path: Path, kind: Kind) -> None:
    """Refuse to write over a file of ours of another kind: two arguments were swapped. Raises `ConfigError`."""
    try:
        with path.open("rb") as file:
            first = file.readline(1 << 20).decode("utf-8-sig")
    except (OSError, ValueError):
        return
    if wrong := mistaken(first, kind):
        raise ConfigError(f"{path} would be overwritten, and {wrong.partition(';')[0]}; name another file to write.")


def bounds(interval: Interval | None) -> dict[str, float] | None:
    """An interval as JSON has it."""
    return None if interval is None else {"mean": interval.mean, "low": interval.low, "high": interval.high}


def number(value: float | None, digits: int = 4) -> str:
    """A figure for people; what is undefined is said to be."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def amount(value: float) -> str:
    """Money or another cost for people: four figures, and no powers of ten where whole units say it."""
    return f"{value:,.0f}" if 1000 <= value < 1e12 else f"{value:.4g}"


def span(interval: Interval | None, form: str = ".4f") -> str:
    """An interval for people, its numbers in the format `form`."""
    if interval is None:
        return ""
    return f"{interval.mean:+{form}} ({interval.low:+{form}} to {interval.high:+{form}})"
