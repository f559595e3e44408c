"""How long a question takes under `timeout=2` when its steps send a byte each 0.25 s, children as they come.

    python -m benchmarks.faults.deadline [--rounds N] [--json]

Each framework and way of asking, with a drip in all steps, in the checks and the last model, and in the last model
alone. The seconds are those of the whole call, and what it gave is told. A call during which others kept this process
waiting is made again, four times at most; `busy` tells of how many that says nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from collections import Counter
from typing import Any

from .catalogue import BY_NAME
from .cell import urls_of
from .lag import Lag
from .run import TRIES, prepared
from .server import DRAFT, Cell, FaultServer, Step
from .ways import BUILD, WAYS, Setting, Way

LIMIT = 2.0
SLOW = BY_NAME["a byte each 0.25 s"]
PLACES: dict[str, tuple[Step, ...]] = {
    "all steps": ("draft", "checks", "answer"),
    "checks and last model": ("checks", "answer"),
    "last model": ("answer",),
}


def ask(server: FaultServer, way: Way, steps: tuple[Step, ...]) -> tuple[float, str]:
    """Seconds of one call, and how it ended."""
    cell = Cell.of(SLOW, *steps)
    model: Any = BUILD[way.framework](Setting("drip", cascade={"timeout": LIMIT}), urls_of(cell, server.open(cell), ""))
    began = time.monotonic()
    text, error, _ = way.collected(model)
    seconds = time.monotonic() - began
    cell.over.set()
    return seconds, type(error).__name__ if error else "draft" if text == DRAFT else "words"


def unhurried(lag: Lag, server: FaultServer, way: Way, steps: tuple[Step, ...]) -> tuple[float, str, bool]:
    """`ask`, again while others kept this process waiting; and whether they still did."""
    for _ in range(TRIES):
        began = time.monotonic()
        seconds, how = ask(server, way, steps)
        busy = lag.between(began, time.monotonic())
        if not busy:
            break
    return seconds, how, busy


def measure(rounds: int) -> list[dict[str, Any]]:
    rows = []
    with prepared(), FaultServer() as server, Lag().watched() as lag:
        for place, steps in PLACES.items():
            for way in WAYS:
                ask(server, way, ("answer",))  # what is loaded once is not timed
                found = [unhurried(lag, server, way, steps) for _ in range(rounds)]
                row: dict[str, Any] = {
                    "drip": place,
                    "way": way.name,
                    "ended": dict(Counter(how for _, how, _ in found)),
                }
                row |= {"longest_s": round(max(seconds for seconds, _, _ in found), 2)}
                rows.append(row | {"busy": sum(busy for _, _, busy in found)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    rows = measure(asked.rounds)
    if asked.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(
            f"{row['drip']:22} {row['way']:12} {row['longest_s']:5.2f} s  {row['ended']}{' busy' * bool(row['busy'])}"
        )
    print(f"longest: {max(row['longest_s'] for row in rows):.2f} s under timeout={LIMIT:g}")


if __name__ == "__main__":
    main()
