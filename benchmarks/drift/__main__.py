"""How often drift tests ring without drift, and how soon after one: `python -m benchmarks.drift [--runs 1000]`.

Evidence of right and wrong drafts comes from two Beta distributions, rounded to steps of an eighth in half of the runs
(confidences of eight verdicts: many ties). Drift: the share of right drafts, or the mean score, falls by ten points.
"""

from __future__ import annotations

import argparse
import logging
import statistics
from random import Random

from automix_core.drift.monitor import DriftMonitor

CALLS, ALPHA, SCORE, AUDITED = 10_000, 0.05, 0.8, 0.1


def evidence(random: Random, right: float, coarse: bool) -> float:
    """The evidence of one draft where the share `right` of drafts is right."""
    drawn = random.betavariate(4, 1.5) if random.random() < right else random.betavariate(1.5, 2.5)
    return round(drawn * 8) / 8 if coarse else drawn


def rings(seed: int, calls: int, change: int | None) -> dict[str, int | None]:
    """The call at which each test rang, None if it did not, with a drop of ten points at `change`."""
    random, monitor = Random(seed), DriftMonitor(ALPHA, expected=SCORE, margin=0.0, seed=seed)
    first: dict[str, int | None] = {"evidence": None, "score": None}
    for call in range(calls):
        fallen = 0.1 if change is not None and call >= change else 0.0
        if monitor.observe(evidence(random, 0.7 - fallen, seed % 2 == 0)):
            first["evidence"] = call
        if random.random() < AUDITED and monitor.observe_score(float(random.random() < SCORE - fallen)):
            first["score"] = call
        if None not in first.values():
            break
    return first


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    logging.getLogger("automix").setLevel(logging.ERROR)
    still = [rings(seed, CALLS, None) for seed in range(runs)]
    print(f"{runs} runs of {CALLS} calls without drift; each test may ring in {ALPHA / 2:.1%} of them")
    for test in ("evidence", "score"):
        rang = sum(run[test] is not None for run in still)
        print(f"  {test:<9} rang in {rang} ({rang / runs:.1%})")
    for change in (500, 2_000, 5_000):
        moved = [rings(seed, change + 20_000, change) for seed in range(max(20, runs // 20))]
        print(f"a drop of ten points at call {change} ({len(moved)} runs of up to 20,000 calls after it)")
        for test in ("evidence", "score"):
            waits = [at - change for run in moved if (at := run[test]) is not None and at >= change]
            median = f"{statistics.median(waits):.0f}" if waits else "-"
            latest = f"{sorted(waits)[int(0.9 * (len(waits) - 1))]:.0f}" if waits else "-"
            print(f"  {test:<9} noticed in {len(waits)} of {len(moved)}, after {median} calls; nine in ten by {latest}")


if __name__ == "__main__":
    main()
