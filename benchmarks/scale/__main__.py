"""Seconds and memory of `fit`, `evaluate` and `watch` by the number of outcomes.

    python -m benchmarks.scale --sizes 1e4,1e5,1e6 [--format parquet] [--signals] [--folder DIR]

Simulates the rows from a seed, writes the file, runs each command in a process of its own and prints the peak of its
resident memory and its seconds, on the clock and of the processor. A file that the folder holds already is used again.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.scale.child import run
from benchmarks.scale.rows import write


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1e4,1e5,1e6")
    parser.add_argument("--format", choices=("jsonl", "parquet"), default="jsonl")
    parser.add_argument("--signals", action="store_true", help="with two continuous signals a draft")
    parser.add_argument("--commands", default="fit,evaluate,watch")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{date.today()}, {asked.format}{', two signals' if asked.signals else ''}")
        print(f"{'rows':>10} {'file, MB':>9} {'command':<10} {'seconds':>8} {'of CPU':>8} {'peak MB':>8}")
        for size in (int(float(text)) for text in asked.sizes.split(",")):
            _size(folder, size, asked)


def _size(folder: Path, size: int, asked: argparse.Namespace) -> None:
    path = folder / f"rows-{size}{'-signals' if asked.signals else ''}.{asked.format}"
    if not path.exists():
        write(path, size, signals=asked.signals)
    policy, output = path.with_suffix(".policy.json"), path.with_suffix(".out")
    arguments = {
        "fit": ["fit", str(path), "-o", str(policy)],
        "evaluate": ["evaluate", str(policy), str(path), "--decisions", str(path.with_suffix(".decisions"))],
        "watch": ["watch", str(path), "--policy", str(policy)],
    }
    for command in asked.commands.split(","):
        took = run(arguments[command], output)
        ended = "" if took.code == 0 else f"  exit code {took.code}: {took.said.strip()[-200:]}"
        megabytes = path.stat().st_size / 1e6
        figures = f"{took.seconds:>8.1f} {took.computing:>8.1f} {took.memory:>8.0f}"
        print(f"{size:>10} {megabytes:>9.1f} {command:<10} {figures}{ended}", flush=True)


if __name__ == "__main__":
    main()
