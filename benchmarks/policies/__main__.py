"""Every table on policies, in one run.

    python -m benchmarks.policies [--seeds 6] [--peer PYTHON] [--only NAME ...] [--write docs/benchmarks-policies.md]

`--peer` is a Python with automix-llm 1.0.3; without it an environment is made in a temporary folder. `--no-library`
leaves it out. With --write the page is written; without, it is printed.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.policies import lattice, mixup, real, speed, tables, three, verdicts
from benchmarks.policies.library import Library
from benchmarks.policies.worlds import World

LABELS = (25, 50, 100, 200, 500, 1000)
_MANY = 8
"""Times the seeds for the cells at n = 50, whose lowest is asked for."""
INTRODUCTION = """# Benchmarks: policies

Written by `python -m benchmarks.policies --write docs/benchmarks-policies.md` ({machine}); the page's source notes the
number of seeds above each section, and `--only` writes some sections again.

The worlds are those of `benchmarks/policies/worlds.json`: four tasks, six verifiers, each clean and with 40 % of
queries on which the verifier does something that no state explains; five cost ratios, four ways of paying for verdicts,
three cost weights. A **point** is 1 % of that world's gap between the large and the small model's score; figures are
points of reward above the better single model, exact for the policy that was learned, with standard errors over worlds
and samples. The library is `automix-llm` 1.0.3 in an environment of its own: its own candidates, chosen by training
reward at the cost weight, which is kinder to it than its own ratio; it and the KDE POMDP always pay for eight verdicts.
"""


def main() -> None:
    """Run the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--peer", help="a Python with automix-llm 1.0.3")
    parser.add_argument("--no-library", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(SECTIONS))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    parts = _written(given.write)
    with tempfile.TemporaryDirectory() as folder:
        library = None if given.no_library else Library(given.peer, Path(folder))
        for name in given.only or SECTIONS:
            start = time.monotonic()
            parts[name] = f"<!-- {name}, seeds {given.seeds} -->\n\n{SECTIONS[name](library, given.seeds)}"
            print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
            if given.write:
                given.write.write_text(_page(parts), encoding="utf-8")
    if not given.write:
        print(_page(parts))


def _written(path: Path | None) -> dict[str, str]:
    """The sections of a page written before, by name."""
    if path is None or not path.exists():
        return {}
    pieces = re.split(r"(?m)^(?=<!-- \w+, seeds \d+ -->$)", path.read_text(encoding="utf-8"))
    return {piece[5:].partition(",")[0]: piece.rstrip() + "\n" for piece in pieces[1:]}


def _page(parts: dict[str, str]) -> str:
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    return "\n".join([INTRODUCTION.format(machine=machine), *(parts[name] for name in SECTIONS if name in parts)])


def grid(rows: list[list[str]]) -> str:
    """A Markdown table."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def exactness(library: Library | None, seeds: int) -> str:
    """How far the benchmark's vectorised recursion is from the library's solver."""
    apart = max(lattice.check(world) for world in (World("quality", "strong"), World("hard", "nonmono", True)))
    return (
        "## Exactness\n\nThe solver equals brute force over all ordered sequences of verdicts on random small problems "
        "of two, three and four models (`tests/core/test_pomdp.py`), and the KDE POMDP equals the paper's formula "
        "spelled out (`tests/core/test_fitting.py`). The recursion used below for many prices at once differs from the "
        f"solver by at most {apart:.1e} in reward.\n"
    )


def decisions(library: Library | None, seeds: int) -> str:
    """C1: the decision alone."""
    rows = tables.regret(LABELS, max(1, seeds // 3), library)
    return (
        "## The decision alone\n\nEight verdicts forced and free, 1:50: points lost to a policy that knows the truth; "
        f"clean, misspecified and soft worlds, {max(1, seeds // 3)} seeds. Less is better.\n\n" + grid(rows)
    )


def prices(library: Library | None, seeds: int) -> str:
    """C2: every price and number of labels."""
    runs = {n: tables.cells(n, seeds, library) for n in LABELS}
    parts = ["## Reward by number of labels\n\nPooled over everything.\n", grid(tables.by_labels(runs))]
    for n in (50, 200):
        parts += [f"### n = {n}\n\nPooled over cost ratios.\n", grid(tables.by_way(runs[n]))]
        parts += ["At 1:50, as in the paper's first version.\n", grid(tables.by_way(runs[n], 50))]
        parts += ["Paired differences.\n"]
        if library is not None:
            parts += [grid(tables.margin(runs[n], "library POMDP"))]
        parts += [
            grid(tables.margin(runs[n], "paper KDE POMDP")),
            grid(tables.margin(runs[n], "average of three curves")),
        ]
        parts += ["Ours by cost ratio.\n", grid(tables.by_ratio(runs[n]))]
    few = tables.cells(50, _MANY * seeds, None)
    low, theirs, single = (tables.worst(few, method) for method in ("ours", "average of three curves", tables.SINGLE))
    parts += [
        f"With {_MANY * seeds} seeds at n = 50 the lowest pooled cell (ratio x way of paying x clean or misspecified) "
        f"is {low:.2f} points for ours, {theirs:.2f} for the average of three curves and {single:.2f} for whichever "
        "single model was the better in training. The mean over all cells is "
        f"{tables.by_labels({50: few})[METHOD][1]} points for ours.\n",
        "### By verifier\n",
        grid(tables.by_verifier(runs)),
    ]
    return "\n".join(parts)


METHOD = 1 + tables.METHODS.index("ours")


def savings(library: Library | None, seeds: int) -> str:
    """C4: verdicts saved."""
    return (
        "## Verdicts saved\n\nAgainst always drawing eight, where verification matters; 1:50, three kappas. "
        "Curtailment takes the same route on every sequence of verdicts (a property test), so it loses nothing.\n\n"
        + grid(verdicts.saved(200, 1))
    )


def models(library: Library | None, seeds: int) -> str:
    """C8: three models."""
    rows = three.table((50, 200), max(2, seeds // 2))
    return (
        f"## Three models\n\nCosts 1, 10 and 100; {max(2, seeds // 2)} seeds and three kappas. Checking a draft costs "
        "the price of the model that checks. Points of the gap between the last and the first model, above the better "
        "single model.\n\n" + grid(rows)
    )


def outcomes(library: Library | None, seeds: int) -> str:
    """The paper's metric on real outcomes."""
    rows, remarks = real.real(library)
    return f"## Real outcomes\n\n{remarks}\n\n{grid(rows)}"


def times(library: Library | None, seeds: int) -> str:
    """Speed."""
    return (
        "## Speed\n\n1,000 training and 5,000 test rows, medians of five rounds, in memory as columns (the library: a "
        "data frame).\n\n" + grid(speed.speed(library)) + "\n" + grid(speed.decision())
    )


def mixing(library: Library | None, seeds: int) -> str:
    """The trial of Mixup."""
    return (
        "## A trial: mixing labelled outcomes\n\nMean points over all cells, and the paired difference to no mixing. "
        "`alike` mixes only outcomes whose small drafts score alike.\n\n" + grid(mixup.trial((25, 50), 2 * seeds))
    )


SECTIONS: dict[str, Callable[[Library | None, int], str]] = {
    "exactness": exactness,
    "decisions": decisions,
    "prices": prices,
    "savings": savings,
    "models": models,
    "outcomes": outcomes,
    "times": times,
    "mixing": mixing,
}

if __name__ == "__main__":
    main()
