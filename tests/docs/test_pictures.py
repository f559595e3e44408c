"""The pictures of measured figures: what is drawn is what the ledgers say, and a script draws it anew alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import replays_picture

ROOT = Path(__file__).parents[2]
PICTURE = (ROOT / "docs" / "measured.svg").read_text("utf-8")
FIGURES = re.findall(r": (\d+) right at (\d+) % of the cost", PICTURE)


def test_the_picture_shows_what_the_page_of_benchmarks_lists() -> None:
    ledger = (ROOT / "docs" / "benchmarks.md").read_text("utf-8").partition("After: `python -m benchmarks.replays`")[2]
    listed = re.findall(r"^\| [^|]+ \| (\d+) \|[^|]*\| (\d+) %", ledger, re.MULTILINE)
    assert len(FIGURES) == len(replays_picture.SHOWN)
    assert set(FIGURES) <= set(listed)


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_sentence_beside_it_tells_the_same(page: str) -> None:
    """Fitted on signals: the cost's share; the default threshold: what it saves, which is the bad news."""
    text = re.sub(r"\s+", " ", (ROOT / page).read_text("utf-8"))
    (_, large), (_, default) = FIGURES[1:3]
    budget, signals = FIGURES[4], FIGURES[5]
    assert f"for {signals[1]} to {budget[1]} % of its cost" in text
    assert min(int(budget[0]), int(signals[0])) >= int(FIGURES[1][0])
    assert re.search(rf"default threshold saves {int(large) - int(default)} %", text)


def test_the_intervals_overlap_as_the_sentence_says() -> None:
    spans = [(int(low), int(high)) for low, high in re.findall(r">\d+ \((\d+) to (\d+)\)<", PICTURE)]
    assert len(spans) == len(FIGURES)
    assert max(low for low, _ in spans) < min(high for _, high in spans)


@pytest.mark.slow
def test_the_picture_is_what_the_script_draws() -> None:
    assert replays_picture.drawn() == PICTURE
