"""One word for one thing, in all that users read: pages, help, errors, docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_pages import ROOT

PACKAGES = ("automix_core", "automix_cli", "langchain_automix", "llamaindex_automix")
READ = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "docs").rglob("*.ipynb"))]
SAID = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]

AVOIDED = {
    "fix": r"\bmend(s|ed|ing)?\b",
    "expensive": r"\bdear(er|est)?\b",
    "framework": r"\bhosts?'|\b(both|either|each|other|another|the) hosts?\b",
    "with an option or a variable": r"\bby `?(--[a-z]|AUTOMIX_)",
    "that can't be read, is not a ...": r"\b(knows no model|is no text)\b",
}
"""What is to be written, and what was once written in its place."""
MEANT = re.compile(r"redirects to\s+another host")
"""A host that is a computer."""


def strings(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module: docstrings, help, errors, reasons."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def found(text: str) -> list[str]:
    """The words in `text` that are avoided."""
    left = MEANT.sub("", text)
    return [match[0] for word in AVOIDED.values() for match in re.finditer(word, left, re.IGNORECASE)]


@pytest.mark.parametrize("page", READ, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_use_the_words_of_the_glossary(page: Path) -> None:
    assert found(page.read_text("utf-8")) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_what_the_packages_say_does_too(package: str) -> None:
    said = {f"{file.relative_to(ROOT)}:{line}": found(text) for file in SAID for line, text in strings(file)}
    assert {place: words for place, words in said.items() if words and place.startswith(package)} == {}


@pytest.mark.parametrize(
    "text",
    [
        "It was mended.",
        "the dearest model",
        "Each host's own",
        "in both hosts",
        "choose another by --large",
        "set it by `AUTOMIX_WEIGHTS`",
        "it knows no model x",
    ],
)
def test_a_word_that_is_avoided_is_found(text: str) -> None:
    assert found(text) != []


def test_the_glossary_has_the_words_of_routes_and_policies_in_order() -> None:
    """Actions, sources of figures, and what the pages speak of; one line a word, sorted."""
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    words = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")][1:]
    assert words == sorted(words)
    assert len(set(words)) == len(words)
    actions = {"accept", "escalate", "direct", "bypass", "fallback", "finish", "measure"}
    assert actions | {"check", "fit", "errand", "signal", "evidence", "audit", "hedge", "framework"} <= set(words)
