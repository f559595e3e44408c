"""Attacks on checks, counted: python -m benchmarks.injections [verdicts | fences | thoughts | corpus]."""

from __future__ import annotations

import sys

from benchmarks.injections import fences, verdicts


def main(which: list[str]) -> None:
    """Print the tables asked for, or all."""
    shows = {"verdicts": verdicts.show, "fences": fences.show}
    for name in which or shows:
        if name not in shows:
            sys.exit(f"{name!r} is none of {', '.join(shows)}.")
        shows[name]()
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
