"""Figures go into the page that shows them, between two marks that bear the name of what made them."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def insert(page: str, name: str, text: str) -> None:
    """Put `text` between `<!-- name -->` and `<!-- end -->` of a page under docs; without them the run ends."""
    path = DOCS / page
    marks = re.compile(rf"(<!-- {re.escape(name)} -->\n)((?!<!-- end).)*(<!-- end -->)", re.DOTALL)
    whole, found = marks.subn(lambda match: f"{match[1]}\n{text}\n\n{match[3]}", path.read_text("utf-8"))
    if found != 1:
        raise SystemExit(f"{path} does not have the marks <!-- {name} --> and <!-- end --> once.")
    path.write_text(whole, "utf-8")
