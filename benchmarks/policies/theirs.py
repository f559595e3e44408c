"""Runs inside the environment of `automix-llm` 1.0.3: its own classes on data sets from standard input.

    PYTHON theirs.py candidates < sets.json       its candidates' decisions at each of the 9 confidences, for each set
    PYTHON theirs.py time < sets.json             seconds of train and of evaluate, and what they gave
    PYTHON theirs.py train < sets.json            trained as shipped on one set, decisions on another

A set has "confidence", "small", "large" (scores). Needs nothing of AutoMix; only the standard library and what
`automix-llm` itself needs.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pandas as pd
from automix import POMDP, Automix, Threshold

BINS = 8
COLUMNS = {"confidence": "p_ver_13b", "small": "llama13b_f1", "large": "llama70b_f1"}


def frame(data: dict[str, list[float]]) -> pd.DataFrame:
    """The library's columns, with the categories that its POMDP needs."""
    table = pd.DataFrame({name: data[key] for key, name in COLUMNS.items()})
    small, large = table["llama13b_f1"], table["llama70b_f1"]
    table["category"] = "HOPELESS"
    table.loc[small > 0.5, "category"] = "GOOD"
    table.loc[large > small, "category"] = "NEEDY"
    return table


def candidates(data: dict[str, list[float]]) -> dict[str, list[list[int]]]:
    """What each candidate of the library decides at confidences 0/8 to 8/8."""
    table = frame(data)
    levels = pd.DataFrame({"p_ver_13b": [i / BINS for i in range(BINS + 1)]})
    found = {}
    for name, method in (("POMDP", POMDP(num_bins=BINS)), ("Threshold", Threshold(num_bins=BINS))):
        params = method.generate_points(table)
        found[name] = sorted({tuple(int(x) for x in method.run(levels, param)) for param in params})
    return {name: [list(decision) for decision in decisions] for name, decisions in found.items()}


def timed(sets: dict[str, Any]) -> dict[str, Any]:
    """Train on one set, evaluate on the other, as the library does it."""
    train, test = frame(sets["train"]), frame(sets["test"])
    router = Automix(POMDP(num_bins=BINS), costs=[1, 50], verifier_cost=1)
    start = time.perf_counter()
    router.train(train)
    middle = time.perf_counter()
    found = router.evaluate(test, return_dict=True)
    return {
        "train": middle - start,
        "evaluate": time.perf_counter() - middle,
        "performance": float(found["avg_performance"]),
        "cost": float(found["avg_cost"]),
    }


def trained(sets: dict[str, Any]) -> dict[str, Any]:
    """The routing decisions on the test set after training as shipped, for each method."""
    train, test = frame(sets["train"]), frame(sets["test"])
    found = {}
    for name, method in (("POMDP", POMDP(num_bins=BINS)), ("Threshold", Threshold(num_bins=BINS))):
        router = Automix(method, costs=sets["costs"], verifier_cost=sets["verifier_cost"])
        router.train(train)
        found[name] = [bool(x) for x in method.run(test, router.best_param)]
    return found


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    if sys.argv[1] == "candidates":
        json.dump([candidates(each) for each in asked], sys.stdout)
    elif sys.argv[1] == "train":
        json.dump([trained(each) for each in asked], sys.stdout)
    else:
        json.dump(timed(asked), sys.stdout)
