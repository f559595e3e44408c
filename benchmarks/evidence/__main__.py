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

from automix_core import State, Tally, evaluate, fit, read_outcomes
from automix_core.decision import sorted_signals
from automix_core.evaluation.discrimination import auroc
from automix_core.evidence import TOKENS, UNFITTED, asked, textual
from automix_core.evidence.arrays import evidence_of
from automix_core.fitting.evidence import fit_evidence
from automix_core.fitting.family import family
from automix_core.fitting.fit import Objective, cost_weight_of, cross_fit
from automix_core.fitting.skips import cross_skips, usable
from automix_core.outcomes.columns import MISSING, Columns
from benchmarks.evidence.rules import candidates, dial
from benchmarks.evidence.saturated import table

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
    right = columns.scores[:, 0] >= 0.5
    print("AUROC of evidence learned from n labels, on the other drafts (mean of 40 draws), less fixed weights")
    for kind, missing in {"all free signals": (), "no echo": ("echo",), "no log-probabilities": TOKENS}.items():
        known = {name: values for name, values in columns.known(0).items() if name not in missing}
        weighted = unfitted(columns, *missing)
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
                fixed.append(auroc(weighted[test], right[test]) or 0.5)
            less = np.subtract(learned, fixed)
            print(f"  {kind:<22} n = {n:<4} {np.mean(learned):.3f}  less fixed {less.mean():+.3f} "
                  f"(standard deviation of a draw {less.std():.3f})")  # fmt: skip


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


def before(columns: Columns) -> None:
    """A choice before any draft, by signals of the query: what it wins on questions left out."""
    squad = Columns.of(read_outcomes(Path(__file__).with_name("outcomes-squad.jsonl")))
    print("skipping the small model by signals of the query: share skipped and reward won, questions held out")
    for name, some in {"three sets": columns, "squad": squad}.items():
        weight, _ = cost_weight_of(some, Objective())
        rewards = some.scores - weight * some.costs
        folds = np.array_split(np.argsort(some.coins, kind="stable"), 5)
        held_out = cross_fit(some, "pomdp", Objective(), weight)
        assert held_out is not None
        for of, reward in {"fit": held_out[0] - weight * held_out[1], "the small model alone": rewards[:, 0]}.items():
            gain = rewards[:, 1] - reward
            skipped = cross_skips(usable(some), gain, folds)
            won = np.where(skipped, gain, 0)
            print(f"  {name}, less {of}: {skipped.mean():.0%}, {won.mean():+.4f} "
                  f"(standard error {won.std() / np.sqrt(len(won)):.4f})")  # fmt: skip


MISLED = {"as they are": 10, "labels flipped on 20 %": 10, "signals shuffled": 40}
"""Draws of each kind."""


def misleading(columns: Columns) -> None:
    """Labels flipped on a fifth, signals shuffled: against the better single model by the same labels."""
    print("reward on others less that of the better single model by the same 100 labels")
    for kind, draws in MISLED.items():
        less = misled(columns, kind, draws)
        error = less.std(ddof=1) / np.sqrt(len(less))
        print(
            f"  {kind:<24} {draws} draws {less.mean():+.4f} (standard error {error:.4f}, lowest {less.min():+.4f})",
            flush=True,
        )


def misled(columns: Columns, kind: str, draws: int) -> Array:
    less = []
    for seed in range(draws):
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
        alone = (test.scores - weight * test.costs).mean(axis=0)[single]
        less.append(done.performance - weight * done.cost - alone)
    return np.array(less)


def saturated(columns: Columns) -> None:
    """A direct confidence most of which is above 0.99: points of the gap above the better single model."""
    print(
        "saturated confidences, p = sigma(6.9 + 2.8 z), P(right) = sigma(0.6 + slope z), cost 1 : 30; points of the gap"
    )
    print("\n".join(f"  {line}" for line in table()))


def speed(columns: Columns) -> None:
    """Textual signals on 4 kB against one pass of lower-casing and splitting; a decision by evidence."""
    words = [f"word{i % 700} number {i} of the context," for i in range(400)]
    context = " ".join(words)[:4096]
    draft = "The word12 number 12 of the context, and Paris."

    def taken(call: Callable[[], object]) -> float:
        return min(timeit.repeat(call, number=20, repeat=45, timer=time.process_time)) / 20 * 1e6

    one_pass = taken(lambda: context.lower().split())
    every = taken(lambda: textual("What is word12?", context, draft))
    signals = {name: float(values[0]) for name, values in columns.known(0).items()}
    evidence = taken(lambda: UNFITTED.of(signals))
    policy = fit(columns).policy
    start = time.process_time()
    evaluate(policy, columns)
    replayed = time.process_time() - start
    state = State((True, False), (Tally(), Tally()), (8, 8), signals=(sorted_signals(signals), ()))
    decided = taken(lambda: policy.decide(state))
    before = taken(lambda: asked("What is word12?", context))
    print("speed, microseconds of processor (least of 45)")
    print(f"  one pass {one_pass:.0f}, all textual signals {every:.0f}, all of the query {before:.0f}")
    print(f"  fixed-weight evidence {evidence:.1f}")
    print(f"  a decision of the fitted policy, evidence included {decided:.1f}")
    print(f"  evaluate on {len(columns)} outcomes: {replayed:.3f} s of processor")
    many = five(1000)
    best = family("pomdp", many).best(cost_weight_of(many, Objective())[0]).build()
    start = time.process_time()
    evaluate(best, many)
    print(f"  evaluate five models on 1,000 rows of confidences: {time.process_time() - start:.3f} s of processor")


def five(n: int) -> Columns:
    """Five models, each five times the price of the one before, the first four with direct confidences."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=n)
    right = rng.random((n, 5)) < 1 / (1 + np.exp(-(np.linspace(-0.5, 2, 5) + z[:, None])))
    said = 1 / (1 + np.exp(-(0.5 + 3 * right + rng.normal(size=(n, 5)))))
    said[:, -1] = np.nan
    price = np.zeros((n, 5, 4))
    price[:, :-1, 2] = 0.1
    return Columns(
        ids=tuple(map(str, range(n))),
        names=tuple(f"model {m}" for m in range(5)),
        scores=right.astype(float),
        costs=np.tile(5.0 ** np.arange(5), (n, 1)),
        verdicts=np.full((n, 5, 0), MISSING, dtype=np.int8),
        probability=said,
        verdict_cost=price,
        empty=np.zeros((n, 5), dtype=bool),
        free=np.zeros(n, dtype=bool),
    )


SECTIONS = {f.__name__: f for f in (free, few, worth, before, candidates, dial, misleading, saturated, speed)}


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
