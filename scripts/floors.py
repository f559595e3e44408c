"""Print the lowest versions that pyproject.toml allows, for the base install and the named extras."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any


def requirements(project: dict[str, Any], extra: str) -> list[str]:
    """What an extra brings, and the extras of our own that it names."""
    found = []
    for line in project["optional-dependencies"][extra]:
        ours = re.fullmatch(rf"{project['name']}\[([\w,]+)\]", line)
        found += [need for name in ours[1].split(",") for need in requirements(project, name)] if ours else [line]
    return found


def floors(project: dict[str, Any], extras: list[str]) -> list[str]:
    """`name==floor` of every requirement; one without a floor is an error in pyproject.toml."""
    found = []
    for line in project["dependencies"] + [need for extra in extras for need in requirements(project, extra)]:
        match = re.match(r"([\w.-]+)>=([\w.]+)", line)
        if match is None:
            sys.exit(f"pyproject.toml: {line!r} has no floor; write name>=version.")
        found.append(f"{match[1]}=={match[2]}")
    return sorted(set(found))


if __name__ == "__main__":
    document = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    print(*floors(document["project"], sys.argv[1:]))
