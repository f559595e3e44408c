"""What audits cost the calls they are about, and whether anything is lost when writers are killed.

python -m benchmarks.audits [delay | kills] [--rounds N] [--load SHARE] [--kills N] [--json]
"""

from __future__ import annotations

import argparse
import json
import logging
from typing import Any

from benchmarks.audits.cascades import cascades
from benchmarks.audits.delay import compare
from benchmarks.audits.kills import WRITERS, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["delay", "kills"])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--load", type=float, default=0.27, help="share of the interpreter that audited calls take")
    parser.add_argument("--kills", type=int, default=200, help=f"how often all {WRITERS} writers are killed")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    logging.getLogger("automix").setLevel(logging.ERROR)
    found: dict[str, Any] = {}
    if asked.what != "kills":
        with cascades() as all_of_them:
            found["delay"] = {name: compare(build, asked.rounds, asked.load) for name, build in all_of_them.items()}
    if asked.what != "delay":
        found["kills"] = measure(asked.kills)
    print(json.dumps(found) if asked.json else told(found))


def told(found: dict[str, Any]) -> str:
    """The figures as tables for people."""
    lines = []
    for name, row in found.get("delay", {}).items():
        lines.append(
            f"{name}: {row['pairs']} pairs, a call every {row['gap_ms']} ms, load {row['load']:.0%}\n"
            f"  p50 {row['off_p50_ms']} -> {row['on_p50_ms']} ms, p99 {row['off_p99_ms']} -> {row['on_p99_ms']} ms\n"
            f"  added, paired: p50 {row['added_p50_ms']} ms, p99 {row['added_p99_ms']} ms; "
            f"two unaudited: p50 {row['noise_p50_ms']} ms, p99 {row['noise_p99_ms']} ms"
        )
    if "kills" in found:
        lines += [f"{name.replace('_', ' ')}: {value}" for name, value in found["kills"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
