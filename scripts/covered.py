"""Print what share of each package's lines and branches the tests ran, from `coverage json`; fail below the floor.

python scripts/covered.py coverage.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

FLOOR = 95.0
"""Per cent, of the lines and of the branches, of core and of each adapter."""


def shares(report: Path) -> dict[str, tuple[float, float]]:
    """Per cent of the lines and of the branches that ran, by package."""
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for file, found in json.loads(report.read_text("utf-8"))["files"].items():
        for place, name in enumerate(("covered_lines", "num_statements", "covered_branches", "num_branches")):
            counted[Path(file).parts[0]][place] += found["summary"][name]
    return {package: (100 * n[0] / n[1], 100 * n[2] / n[3]) for package, n in sorted(counted.items())}


if __name__ == "__main__":
    found = shares(Path(sys.argv[1]))
    for package, (lines, branches) in found.items():
        print(f"{package:<20} lines {lines:.1f} %, branches {branches:.1f} %")
    if len(found) < 3 or min(min(both) for both in found.values()) < FLOOR:
        sys.exit(f"Every package needs {FLOOR:.0f} % of both: write tests for what is not run (coverage report -m).")
