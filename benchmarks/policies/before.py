"""Every simulated world by today's fit against that of an earlier checkout, with the same samples.

    git worktree add ../before c659b6b
    python -m benchmarks.policies.before ../before [--seeds 3]

Prints, for each number of labels, in how many cells (world, sample, price) the points differ, and the worst.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LABELS = (25, 50, 200, 1000)
ASK = """
import sys
import numpy as np
from benchmarks.policies import tables
found = {}
for n in map(int, sys.argv[3:]):
    cells = tables.cells(n, int(sys.argv[2]), None)
    found[str(n)] = np.array([cell.points[-1] for cell in cells])
np.savez(sys.argv[1], **found)
"""


def points(checkout: Path, seeds: int, folder: Path) -> dict[str, NDArray[np.float64]]:
    """Points of `fit` by number of labels, [world and sample, price], as the code in `checkout` has them."""
    file = folder / "points.npz"
    asked = [sys.executable, "-c", ASK, str(file), str(seeds), *map(str, LABELS)]
    subprocess.run(asked, cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)}, check=True)
    with np.load(file) as found:
        return {n: found[n] for n in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        today = points(Path(__file__).resolve().parents[2], given.seeds, Path(folder))
        before = points(given.before.resolve(), given.seeds, Path(folder))
    for n, now in today.items():
        less = now - before[n]
        other = int((np.abs(less) > 1e-9).sum())
        print(f"n = {n:<5} {less.size} cells, {other} differ; mean {less.mean():+.3f} points, worst {less.min():+.3f}")


if __name__ == "__main__":
    main()
