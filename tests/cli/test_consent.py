"""What is shown, and asked, before a download."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from automix_cli import weights
from automix_core.errors import EngineError
from tests.cli.fakes import OTHER_WAYS, Notes, Play

FACTS = ("Toy Q4 by Nobody", "Apache-2.0", "3 wheels of the package index", "SHA-256")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def sits(monkeypatch: pytest.MonkeyPatch, keys: str) -> Terminal:
    """Somebody sits at a terminal and types that; returns what they see on standard error.

    To be called in the test itself: between a fixture and its test pytest puts its own streams back.
    """
    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(keys))
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def test_size_licence_and_origin_are_shown_and_then_asked(
    play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = sits(monkeypatch, "\n")
    weights.ensure([play.weights], None, Notes(), weights.asking())
    said = screen.getvalue()
    assert all(fact in said for fact in (*FACTS, str(cache)))
    assert said.endswith("Download 5.1 kB? [Y/n] ")
    assert (cache / "toy-q4.gguf").exists()


@pytest.mark.parametrize("keys", ["n\n", "No\n", "quit\n", ""])
def test_no_downloads_nothing_and_names_the_other_ways(
    play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    sits(monkeypatch, keys)
    with pytest.raises(EngineError, match="nothing was downloaded, as you wished") as caught:
        weights.ensure([play.weights], None, Notes(), weights.asking())
    assert all(way in str(caught.value) for way in OTHER_WAYS)
    assert play.calls() == []
    assert not cache.exists()


def test_yes_asks_nothing_and_still_shows(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = sits(monkeypatch, "n\n")
    notes = Notes()
    weights.ensure([play.weights], None, notes, weights.asking(yes=True))
    assert all(fact in notes.said[0] for fact in FACTS)
    assert screen.getvalue() == ""


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_nobody_at_a_terminal_is_asked_nothing(play: Play, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    sits(monkeypatch, "n\n")
    monkeypatch.setattr(sys, stream, io.StringIO("n\n"))
    notes = Notes()
    weights.ensure([play.weights], None, notes, weights.asking())
    assert all(fact in notes.said[0] for fact in FACTS)


def test_weights_that_are_there_need_no_question(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.ensure([play.weights], None, Notes())
    screen = sits(monkeypatch, "n\n")
    notes = Notes()
    weights.ensure([play.weights], None, notes, weights.asking())
    assert (notes.said, screen.getvalue()) == ([], "")


def test_what_is_there_already_is_not_counted(play: Play, cache: Path) -> None:
    whole = weights.describe([play.weights])
    play.says(3, "ERROR: something broke")
    with pytest.raises(EngineError):
        weights.ensure([play.weights], None, Notes())
    assert ": 5.1 kB, Apache" in whole
    assert ": 1.7 kB to go of 5.1 kB, Apache" in weights.describe([play.weights])
