"""Pages made of the code are what the code says today: commands, parameters, public names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import pages

MADE = pages.pages()


@pytest.mark.parametrize("path", MADE, ids=lambda path: str(path.relative_to(pages.DOCS)))
def test_the_page_is_what_the_script_writes(path: Path) -> None:
    assert path.read_text("utf-8") == MADE[path], "run scripts/pages.py"


def test_every_option_and_keyword_is_explained() -> None:
    rows = [row for text in MADE.values() for row in re.findall(r"^\| `.*\|$", text, re.MULTILINE)]
    assert len(rows) > 150
    assert [row for row in rows if re.match(r"\| `[^|]*` \|\s*\|", row)] == []


def test_a_page_that_is_not_it_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pages.main(["--check"]) == 0
    other = {next(iter(MADE)): "something else"}
    assert pages.stale(lambda: other) == ["docs/cli/reference.md"]
    assert capsys.readouterr().out == ""
