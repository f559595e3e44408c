"""Reads `findings.txt`, the cells of the matrix that are known to fail."""

from __future__ import annotations

from pathlib import Path


def read(text: str) -> dict[str, str]:
    """Patterns of cells and the finding that explains each; a line `# ...` names the finding of the lines below it."""
    found: dict[str, str] = {}
    finding = ""
    for line in text.splitlines():
        if line.startswith("# "):
            finding = line[2:]
        elif line.strip():
            found[line.strip()] = finding
    return found


FINDINGS = read(Path(__file__).with_name("findings.txt").read_text("utf-8"))
