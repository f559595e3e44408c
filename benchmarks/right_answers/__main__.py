"""What a right answer costs, in money, tokens and seconds: AutoMix, single models, fixed thresholds and cascadeflow.

    python -m benchmarks.right_answers [--only NAME ...] [--prices RATIO ...] [--repeats N] [--json]
    python -m benchmarks.right_answers record SIGNALS SQUAD --peer-python PATH

The questions were answered by the embedded pair, 0.5B and 1.5B, and the drafts checked; what is kept, here and in
`benchmarks/evidence`, are numbers. `record` makes those here anew from the files with texts: it runs the agent of
cascadeflow 1.2.0 (`pip install "cascadeflow==1.2.0"` in an environment of its own) over the recorded drafts and answers
and keeps how often it asked which model.

A policy that learns is judged on questions that it was not fitted on: five folds, N times over. Costs are in input
tokens of the small model, of which an output token costs four; a token of the large model costs RATIO of the small
one's. An answer is right from a score of a half on. Intervals hold 95 % of 1,000 resamples of the questions.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.right_answers.contestants import everyone
from benchmarks.right_answers.record import record
from benchmarks.right_answers.sets import squad, three_sets
from benchmarks.right_answers.table import compared, shown

SETS = {"three-sets": three_sets, "squad": squad}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["show", "record"], default="show")
    parser.add_argument("files", type=Path, nargs="*", help="with record: SIGNALS SQUAD")
    parser.add_argument("--peer-python", help="the interpreter of an environment with cascadeflow 1.2.0")
    parser.add_argument("--only", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--prices", type=float, nargs="*", default=[50, 10, 2.4], metavar="RATIO")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.what == "record":
        if len(given.files) != 2 or not given.peer_python:
            parser.error("record needs SIGNALS SQUAD --peer-python PATH")
        signals, questions = given.files
        record(signals, questions, given.peer_python)
        return
    for name in given.only:
        recorded = SETS[name]()
        if recorded.remark and not given.json:
            print(f"{recorded.remark}\n")
        for price in given.prices:
            told = compared(everyone(recorded.at(price), given.repeats))
            title = {"questions": name, "n": len(recorded.columns), "price": price, "repeats": given.repeats}
            if given.json:
                print(json.dumps({**title, "contestants": told}), flush=True)
            else:
                print(f"## {name}, {title['n']} questions, 1 : {price:g}\n\n{shown(told)}\n", flush=True)


if __name__ == "__main__":
    main()
