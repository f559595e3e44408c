"""Progress on standard error: bars in a terminal, plain lines elsewhere, nothing when asked to be quiet.

Whatever takes long gets a `Progress`. Standard output is never touched, so `--json` stays clean.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console


class Progress(ABC):
    """Says what is going on."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Say one sentence."""

    @abstractmethod
    def bytes(self, label: str, total: int, done: int = 0) -> AbstractContextManager[Callable[[int], None]]:
        """Follow `total` bytes, of which `done` are there; yields a function that takes the bytes done so far."""

    @abstractmethod
    def waiting(self, label: str) -> AbstractContextManager[None]:
        """Follow something whose end can't be foreseen, such as loading a model."""


class Quiet(Progress):
    """Says nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def bytes(self, label: str, total: int, done: int = 0) -> AbstractContextManager[Callable[[int], None]]:
        """Do nothing."""
        return nullcontext(lambda _done: None)

    def waiting(self, label: str) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()


class Lines(Progress):
    """Plain lines, for a log or a pipe: one at the start, one each quarter."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def note(self, text: str) -> None:
        """Print the sentence."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def bytes(self, label: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
        """Print a line at the start and at each quarter of the way."""
        self.note(f"{label}: {size(total)}" + (f", {size(done)} of it are here already" if done else ""))
        quarter = 4 * done // max(total, 1)

        def at(count: int) -> None:
            nonlocal quarter
            reached = 4 * count // max(total, 1)
            if reached > quarter:
                quarter = reached
                self.note(f"{label}: {25 * quarter} %")

        yield at

    @contextmanager
    def waiting(self, label: str) -> Iterator[None]:
        """Print a line at the start."""
        self.note(label)
        yield


class Bars(Progress):
    """Bars in a terminal; they disappear when done, so that the screen keeps what matters."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        """Print the sentence above the bars."""
        self._console.print(text, style="dim", markup=False, highlight=False)

    @contextmanager
    def bytes(self, label: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
        """Show bytes, rate and time left."""
        from rich import progress as bars

        columns = (
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.DownloadColumn(),
            bars.TransferSpeedColumn(),
            bars.TimeRemainingColumn(compact=True),
        )
        with bars.Progress(*columns, console=self._console, transient=True) as shown:
            task = shown.add_task(label, total=total, completed=done)
            yield lambda count: shown.update(task, completed=count)

    @contextmanager
    def waiting(self, label: str) -> Iterator[None]:
        """Show a moving bar and the seconds gone by."""
        from rich import progress as bars

        columns = (bars.TextColumn("{task.description}", markup=False), bars.BarColumn(), bars.TimeElapsedColumn())
        with bars.Progress(*columns, console=self._console, transient=True) as shown:
            shown.add_task(label, total=None)
            yield


def progress(quiet: bool = False) -> Progress:
    """The right kind of progress for this standard error."""
    if quiet:
        return Quiet()
    if not sys.stderr.isatty():
        return Lines()
    from rich.console import Console

    return Bars(Console(stderr=True))


def size(count: int) -> str:
    """Bytes for people, in decimal units as disks and downloads are sold: 1_117_320_768 is "1.1 GB"."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}" if count < 10 * scale else f"{count / scale:.0f} {unit}"
    return f"{count} bytes"
