"""What signals of a draft are worth: AUROC on real drafts, learning from few labels, saturated and misleading numbers.

    python -m benchmarks.evidence [--outcomes FILE] [--only NAME ...]

The outcomes are those beside this file (`numbers.py` made them, from texts that are not committed) or any file of
outcomes with signals whose ids begin with their set's name and a hyphen.
"""

from __future__ import annotations

import argparse
import time
import timeit
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automix_core import Threshold, evaluate, fit, read_outcomes
from automix_core.evaluation.discrimination import auroc
from automix_core.evidence import TOKENS, UNFITTED, textual
from automix_core.fitting.evidence import evidence_of, fit_evidence, platt
from automix_core.fitting.family import family
from automix_core.fitting.fit import Objective, cost_weight_of
from automix_core.outcomes.columns import MISSING, Columns
from automix_core.policies import EvidenceThreshold

Array = NDArray[np.float64]
DRAWS = 2000


def free(columns: Columns) -> None:
    """Free signals by fixed weights against eight verdicts, pooled and by set, and their difference."""
    right, sets = columns.scores[:, 0] >= 0.5, np.array([name.partition("-")[0] for name in columns.ids])
    said = columns.tallies[:, 0].astype(float)
    verdicts = said[:, 0] / np.maximum(said[:, :2].sum(axis=1), 1)
    verdicts[said[:, :2].sum(axis=1) == 0] = 0.5
    known = columns.known(0)
    mixes = {
        "eight verdicts": verdicts,
        "all free signals": unfitted(columns),
        'source "prompt": no echo': unfitted(columns, "echo"),
        "no log-probabilities": unfitted(columns, *TOKENS),
        'no log-probabilities, source "prompt"': unfitted(columns, "echo", *TOKENS),
        **{name: -v if name in ("echo", "unsupported_numbers") else v for name, v in sorted(known.items())},
    }
    groups = {f"pooled ({len(sets)})": np.ones(len(sets), bool)}
    groups |= {f"{name} ({(sets == name).sum()})": sets == name for name in sorted(set(sets))}
    print("AUROC, nothing fitted (95 % bootstrap over drafts)")
    for name, values in mixes.items():
        print(f"  {name:<38}" + "  ".join(f"{g} {span(values[rows], right[rows])}" for g, rows in groups.items()))
    for name, rows in groups.items():
        less = differences(unfitted(columns)[rows], verdicts[rows], right[rows])
        print(f"  free less verdicts, {name}: {less.mean():+.3f} ({np.quantile(less, 0.025):+.3f} to "
              f"{np.quantile(less, 0.975):+.3f})")  # fmt: skip


def unfitted(columns: Columns, *missing: str) -> Array:
    known = {name: values for name, values in columns.known(0).items() if name not in missing}
    return evidence_of(UNFITTED, known, len(columns))


def span(values: Array, right: NDArray[np.bool_]) -> str:
    rng = np.random.default_rng(0)
    drawn = [auroc(values[p], right[p]) for p in rng.integers(len(values), size=(DRAWS, len(values)))]
    low, high = np.quantile([a for a in drawn if a is not None], [0.025, 0.975])
    return f"{auroc(values, right):.3f} ({low:.2f}-{high:.2f})"


def differences(one: Array, other: Array, right: NDArray[np.bool_]) -> Array:
    rng = np.random.default_rng(0)
    found = []
    for place in rng.integers(len(one), size=(DRAWS, len(one))):
        a, b = auroc(one[place], right[place]), auroc(other[place], right[place])
        if a is not None and b is not None:
            found.append(a - b)
    return np.array(found)


def few(columns: Columns) -> None:
    """Evidence learned from some labels, on the other drafts, against fixed weights on the same drafts."""
    right, known = columns.scores[:, 0] >= 0.5, columns.known(0)
    print("AUROC of evidence learned from n labels, on the other drafts (mean of 40 draws), less fixed weights")
    for n in (25, 50, 100):
        learned, fixed = [], []
        for seed in range(40):
            order = np.random.default_rng(seed).permutation(len(columns))
            train, test = order[:n], order[n:]
            part = fit_evidence({name: v[train] for name, v in known.items()}, right[train].astype(float))
            if part is None:
                continue
            values = evidence_of(part, {name: v[test] for name, v in known.items()}, len(test))
            learned.append(auroc(values, right[test]) or 0.5)
            fixed.append(auroc(unfitted(columns)[test], right[test]) or 0.5)
        less = np.subtract(learned, fixed)
        print(f"  n = {n:<4} {np.mean(learned):.3f}  less fixed {less.mean():+.3f} (lowest {less.min():+.3f})")


def worth(columns: Columns) -> None:
    """What `fit` makes of verdicts, of signals and of both, on questions held out."""
    bare = replace(columns, signals={})
    unchecked = replace(columns, verdicts=np.full((len(columns), 2, 0), MISSING, dtype=np.int8))
    print("fit at the default objective; questions held out (five folds), less always-large")
    for name, some in {"verdicts": bare, "signals": unchecked, "both": columns}.items():
        fitted = fit(some)
        large = next(a for a in fitted.against if a.name == columns.names[-1])
        share = 100 * large.cost.mean / columns.costs[:, -1].mean()
        print(f"  {name:<9} score {large.score}, cost {share:+.1f} %, reward {large.reward}")


def unlabelled(columns: Columns) -> None:
    """Rules that need no labels, by set: score, cost in per cent of always-large, share escalated."""
    sets = np.array([name.partition("-")[0] for name in columns.ids])
    groups = {"all": columns, **{name: columns.rows(sets == name) for name in sorted(set(sets))}}
    rules = [Threshold(0.75), *map(EvidenceThreshold, (0.6, 0.7, 0.75, 0.8)), EvidenceThreshold(0.85, 0.6)]
    print("without labels: score, % of always-large's cost, share escalated; always-large's score in brackets")
    for rule in rules:
        told = []
        for name, some in groups.items():
            done, large, cost = evaluate(rule, some), some.scores[:, -1].mean(), some.costs[:, -1].mean()
            part = f"{100 * done.cost / cost:.0f} % {done.route_share:.2f}"
            told.append(f"{name} {done.performance:.3f} ({large:.3f}) {part}")
        print(f"  {rule!r:<38}" + "  ".join(told))


def misleading(columns: Columns) -> None:
    """Labels flipped on a fifth, signals shuffled: against the better single model by the same labels."""
    print("reward on others less that of the better single model by the same 100 labels (mean of 20 draws)")
    for kind in ("as they are", "labels flipped on 20 %", "signals shuffled"):
        less = []
        for seed in range(20):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(columns))
            scores, signals = columns.scores.copy(), dict(columns.signals)
            if kind.startswith("labels"):
                flipped = rng.random(len(columns)) < 0.2
                scores[flipped] = 1 - scores[flipped]
            if kind.startswith("signals"):
                signals = {name: values[rng.permutation(len(columns))] for name, values in signals.items()}
            train = replace(columns, scores=scores, signals=signals).rows(order[:100])
            test = replace(columns, signals=signals).rows(order[100:])
            fitted = fit(train)
            weight = fitted.cost_weight
            single = (train.scores - weight * train.costs).mean(axis=0).argmax()
            done = evaluate(fitted.policy, test)
            less.append(
                done.performance - weight * done.cost - (test.scores - weight * test.costs).mean(axis=0)[single]
            )
        print(f"  {kind:<24} {np.mean(less):+.4f} (standard error {np.std(less) / np.sqrt(len(less)):.4f})")


def saturated(columns: Columns) -> None:
    """A direct confidence most of which is above 0.99: points of the gap above the better single model."""
    print(
        "saturated confidences, p = sigma(6.9 + 2.8 z), P(right) = sigma(0.6 + slope z), cost 1 : 30; points of the gap"
    )
    for slope in (0.8, 1.6, 3.2):
        for n in (50, 200, 1000):
            rows = [saturated_row(n, slope, seed) for seed in range(24 if n < 1000 else 8)]
            pomdp, threshold, slopes = np.mean(rows, axis=0)
            print(f"  slope {slope}, n = {n:<5} pomdp {pomdp:5.1f}  threshold {threshold:5.1f}  Platt {slopes:5.1f}")


def saturated_row(n: int, slope: float, seed: int) -> list[float]:
    train, test = world(n, slope, seed), world(20_000, slope, 1000 + seed)
    weight, _ = cost_weight_of(train, Objective())
    means, costs = test.scores.mean(axis=0), test.costs.mean(axis=0)
    best = float((means - weight * costs).max())
    found = []
    for method in ("pomdp", "threshold"):
        done = evaluate(family(method, train).best(weight).build(), test)
        found.append(done.performance - weight * done.cost)
    odds = [np.log(c.probability[:, 0]) - np.log1p(-c.probability[:, 0]) for c in (train, test)]
    z = [(each - odds[0].mean()) / odds[0].std() for each in odds]
    rise, bias = platt(z[0], train.scores[:, 0])
    keep = train.scores[:, 1].mean() - 1 / (1 + np.exp(-(rise * z[1] + bias))) <= weight * 30
    score = np.where(keep, test.scores[:, 0], test.scores[:, 1]).mean()
    found.append(score - weight * (1.5 + 30 * (~keep).mean()))
    return [100 * (reward - best) / (means[1] - means[0]) for reward in found]


def world(n: int, slope: float, seed: int) -> Columns:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    p = 1 / (1 + np.exp(-np.log(10) * (3 + 1.2 * z)))
    right = rng.random(n) < 1 / (1 + np.exp(-(0.6 + slope * z)))
    return Columns(
        ids=tuple(f"{seed}-{i}" for i in range(n)),
        names=("small", "large"),
        scores=np.stack([right, rng.random(n) < 0.9], axis=1).astype(float),
        costs=np.tile([1.0, 30.0], (n, 1)),
        verdicts=np.full((n, 2, 0), MISSING, dtype=np.int8),
        probability=np.stack([np.clip(p, 0, 1 - 1e-12), np.full(n, np.nan)], axis=1),
        verdict_cost=np.tile([[0, 0, 0.5, 0], [0, 0, 0, 0]], (n, 1, 1)).astype(float),
        empty=np.zeros((n, 2), dtype=bool),
        free=np.zeros(n, dtype=bool),
    )


def speed(columns: Columns) -> None:
    """Textual signals on 4 kB against one pass of lower-casing and splitting; a decision by evidence."""
    words = [f"word{i % 700} number {i} of the context," for i in range(400)]
    context = " ".join(words)[:4096]
    draft = "The word12 number 12 of the context, and Paris."

    def taken(call: Callable[[], object]) -> float:
        return min(timeit.repeat(call, number=200, repeat=9)) / 200 * 1e6

    one_pass = taken(lambda: context.lower().split())
    every = taken(lambda: textual("What is word12?", context, draft))
    signals = {name: float(values[0]) for name, values in columns.known(0).items()}
    evidence = taken(lambda: UNFITTED.of(signals))
    policy = fit(columns).policy
    start = time.process_time()
    evaluate(policy, columns)
    replayed = time.process_time() - start
    print("speed, microseconds (least of nine)")
    print(f"  one pass {one_pass:.0f}, all textual signals {every:.0f}, evidence {evidence:.1f}")
    print(f"  evaluate on {len(columns)} outcomes: {replayed:.3f} s")


SECTIONS = {f.__name__: f for f in (free, few, worth, unlabelled, misleading, saturated, speed)}


def main() -> None:
    """Print the sections that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outcomes", type=Path, default=Path(__file__).with_name("outcomes-embedded.jsonl"))
    parser.add_argument("--only", nargs="*", choices=list(SECTIONS))
    given = parser.parse_args()
    columns = Columns.of(read_outcomes(given.outcomes))
    for name in given.only or SECTIONS:
        SECTIONS[name](columns)
        print()


if __name__ == "__main__":
    main()
