from __future__ import annotations

import io

import pytest
from rich.console import Console

from automix_cli.progress import Bars, Lines, Quiet, progress, size


def test_lines_say_the_quarters() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    with lines.bytes("downloading x", 1000, 300) as at:
        for done in (310, 490, 510, 520, 1000):
            at(done)
    with lines.waiting("loading x"):
        lines.note("a note")
    assert stream.getvalue().splitlines() == [
        "downloading x: 1.0 kB, 300 bytes of it are here already",
        "downloading x: 50 %",
        "downloading x: 100 %",
        "loading x",
        "a note",
    ]


def test_bars_show_and_disappear() -> None:
    stream = io.StringIO()
    bars = Bars(Console(file=stream, force_terminal=True, width=100))
    with bars.bytes("downloading [x]", 1000) as at:
        at(1000)
    with bars.waiting("loading"):
        bars.note("see [here]")
    said = stream.getvalue()
    assert "downloading [x]" in said
    assert "see [here]" in said


def test_standard_error_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(progress(quiet=True), Quiet)
    assert isinstance(progress(), Lines)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert isinstance(progress(), Bars)


@pytest.mark.parametrize(
    ("count", "words"),
    [(12, "12 bytes"), (1500, "1.5 kB"), (98_362_432, "98 MB"), (9_836_243, "9.8 MB"), (1_117_320_768, "1.1 GB")],
)
def test_sizes_are_for_people(count: int, words: str) -> None:
    assert size(count) == words
