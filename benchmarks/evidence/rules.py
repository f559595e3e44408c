"""Rules that need no labels, on every set: the candidate default against the default, and the dial's transfer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automix_core import Share, Threshold, read_outcomes
from automix_core.evaluation.intervals import between, resampled_means
from automix_core.evaluation.replay import replay
from automix_core.evidence import UNFITTED
from automix_core.evidence.arrays import evidence_of
from automix_core.outcomes.columns import Columns
from automix_core.policies import EvidenceThreshold

Array = NDArray[np.float64]
HERE = Path(__file__).parent
DEFAULT = Threshold(0.75)
CANDIDATES = tuple(EvidenceThreshold(keep, low) for keep, low in ((0.7, 0.5), (0.8, 0.6), (0.85, 0.6), (0.9, 0.5)))
"""Keep at once, check only between the two, escalate at once."""


def sets(columns: Columns) -> dict[str, Columns]:
    """The sets that the fixed weights were looked at on, and the one that they were not: 145 of `outcomes-squad`."""
    names = np.array([name.partition("-")[0] for name in columns.ids])
    found = {name: columns.rows(names == name) for name in sorted(set(names))}
    return found | {"squad": Columns.of(read_outcomes(HERE / "outcomes-squad.jsonl"))}


def candidates(columns: Columns) -> None:
    """Each candidate less the default, by set, paired: score, and cost in per cent of always-large's."""
    groups = sets(columns)
    print(f"less {DEFAULT!r}, 95 % bootstrap over questions: score; cost in % of always-large's")
    for name, some in groups.items():
        base, large = replay(DEFAULT, some), some.costs[:, -1].mean()
        print(f"  {name} ({len(some)}): {DEFAULT!r} scores {base.score.mean():.3f} at "
              f"{100 * base.cost.mean() / large:.0f} %, always large {some.scores[:, -1].mean():.3f}")  # fmt: skip
    for rule in CANDIDATES:
        told, wins = [], True
        for name, some in groups.items():
            base, done, large = replay(DEFAULT, some), replay(rule, some), some.costs[:, -1].mean()
            less = np.column_stack([done.score - base.score, 100 * (done.cost - base.cost) / large])
            draws, means = resampled_means(less), less.mean(axis=0)
            score, cost = (between(float(means[i]), draws[:, i]) for i in (0, 1))
            told.append(f"{name} {span(score, 3)}; {span(cost, 0)}")
            wins &= score.mean >= 0 and cost.mean < 0
        print(f"  {rule!r}: {'wins on each' if wins else 'does not win on each'}\n    " + "\n    ".join(told))


def dial(columns: Columns) -> None:
    """`Share` on traffic in the order recorded: the share it escalates and the score above that of chance."""
    print("Share, nothing fitted: share escalated; score above a coin with that share (95 %)")
    for name, some in {"all embedded": columns, **sets(columns)}.items():
        told = [f"{share}: {dialled(share, some)}" for share in (0.2, 0.4, 0.6, 0.8)]
        print(f"  {name} ({len(some)})  " + "  ".join(told))


def dialled(share: float, columns: Columns) -> str:
    dial, known = Share(share), columns.known(0)
    evidence = evidence_of(UNFITTED, known, len(columns))
    kept = np.zeros(len(columns), dtype=bool)
    for row, value in enumerate(evidence.tolist()):
        rule = dial.policy()
        kept[row] = isinstance(rule, EvidenceThreshold) and value >= rule.keep
        dial.observe({"evidence": value})
    small, large = columns.scores[:, 0], columns.scores[:, -1]
    sent = float((~kept).mean())
    more = np.where(kept, small, large) - ((1 - sent) * small + sent * large)
    return f"{sent:.2f} {span(between(float(more.mean()), resampled_means(more[:, None])[:, 0]), 3)}"


def span(interval: object, digits: int) -> str:
    mean, low, high = (getattr(interval, name) for name in ("mean", "low", "high"))
    return f"{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"
