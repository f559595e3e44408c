"""Reads `findings.txt`, the cells of the matrix that are known to fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """Why some cells fail, and whether they are run all the same."""

    words: str
    run: bool = True


def read(text: str) -> dict[str, Finding]:
    """Patterns of cells, as `framework/test:client-*`, and the finding that explains each.

    A line `# ...` names the finding of the lines below it; cells after `! ` are not run, as they take minutes to fail.
    """
    found: dict[str, Finding] = {}
    words = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("# "):
            words = line[2:]
        else:
            found[line.removeprefix("! ")] = Finding(words, run=not line.startswith("! "))
    return found


FINDINGS = read(Path(__file__).with_name("findings.txt").read_text("utf-8"))
