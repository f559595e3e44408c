"""Print the lowest versions that pyproject.toml allows, for the base install and the named extras."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def floors(project: dict[str, list[str]], extras: list[str]) -> list[str]:
    """`name==floor` of every requirement; one without a floor is an error in pyproject.toml."""
    optional = project["optional-dependencies"]
    wanted = project["dependencies"] + [line for extra in extras for line in optional[extra]]  # type: ignore[call-overload]
    found = []
    for line in wanted:
        match = re.match(r"([\w.-]+)>=([\w.]+)", line)
        if match is None:
            sys.exit(f"pyproject.toml: {line!r} has no floor; write name>=version.")
        found.append(f"{match[1]}=={match[2]}")
    return found


if __name__ == "__main__":
    document = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    print(*floors(document["project"], sys.argv[1:]))
