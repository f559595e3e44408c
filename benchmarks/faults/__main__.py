"""Break each step of a question in 38 ways, asked in seven, and grade what comes.

    python -m benchmarks.faults [--setting sensible|default] [--save] [--cells FILE]
                                [--faults NAME ...] [--steps draft checks answer] [--ways invoke ...]

The clients are the real ones, the server is on this machine. `sensible` makes children with `timeout=2, max_retries=1`;
`default` makes them as they come and gives the cascade `timeout=20`. `--save` writes the result, which the page
"Promises" of the documentation shows, or the rows of it that were run again. What the machine was too busy for is asked
again, four times at most.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .catalogue import BY_NAME as FAULTS_BY_NAME
from .run import SETTINGS, run
from .server import STEPS
from .table import about, counts, digest, exceptions, grid, load, merged, save
from .ways import BY_NAME as WAYS_BY_NAME


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--faults", nargs="+", choices=list(FAULTS_BY_NAME), metavar="NAME")
    parser.add_argument("--steps", nargs="+", default=list(STEPS), choices=STEPS)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS_BY_NAME))
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--save", action="store_true", help="write the result that the documentation shows")
    parser.add_argument("--cells", type=Path, help="write each cell, a line of JSON")
    asked = parser.parse_args()
    part = bool(asked.ways or len(asked.steps) < len(STEPS))
    if part and asked.save:
        parser.error("--save is for whole rows; leave out --steps and --ways.")
    kept = asked.save and (asked.faults or set(asked.setting) < set(SETTINGS))
    result = {**load(), **about()} if kept else {**about(), "settings": {}}
    lines = []
    for name in asked.setting:
        outcomes = run(
            SETTINGS[name],
            processes=asked.processes,
            threads=asked.threads,
            faults=asked.faults,
            steps=asked.steps,
            ways=asked.ways,
        )
        lines += [json.dumps(outcome.to_dict()) for outcome in outcomes]
        if part:
            print("\n".join(lines[-len(outcomes) :]))
            continue
        found = digest(SETTINGS[name], outcomes)
        if asked.faults and name in result["settings"]:
            found = merged(result["settings"][name], found)
        result["settings"][name] = found
        print(f"{name}\n\n{grid(found['cells'])}\n\n{counts(found['cells'])}\n")
        print("\n".join(exceptions(found["cells"])))
        print({key: value for key, value in found.items() if key != "cells"})
    if asked.cells:
        asked.cells.write_text("\n".join(lines) + "\n", "utf-8")
    if asked.save:
        save(result)


if __name__ == "__main__":
    main()
