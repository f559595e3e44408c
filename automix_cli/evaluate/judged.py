"""What is said of a policy on recorded outcomes: in one go while they fit in memory, else part by part.

Part by part two passes are made over the columns. Means, counts, bins and the curve come out as in one go. Intervals
are those of the normal distribution (of an AUROC DeLong's), and values of which there are more than 65,536 are counted
in bins: how far an AUROC may be off for that is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automix_core.decision import Policy
from automix_core.evaluation.discrimination import LEXICAL, Discrimination, beside, discrimination, numbers
from automix_core.evaluation.evaluate import (
    Evaluation,
    Sums,
    baseline_names,
    figured,
    figures,
    intervals,
    intervals_of,
    warned,
    warnings,
)
from automix_core.evaluation.intervals import Interval
from automix_core.evaluation.levels import Levels
from automix_core.evaluation.reliability import Reliability, binned, checked, reliability, reliable
from automix_core.evaluation.replay import Replayed, Terms, replay
from automix_core.evidence.signs import SIGNS
from automix_core.fitting.curve import Region, Spot, curve, in_order, kin, regions, regions_between
from automix_core.fitting.family import thresholds_of
from automix_core.outcomes.columns import Columns, Floats
from automix_core.outcomes.stored import Stored
from automix_core.outcomes.timing import timed
from automix_core.policies import Always

_WORTH_SAYING = 0.0005
"""The error of an AUROC that is said."""


@dataclass(frozen=True)
class Judged:
    """The figures, what they rest on, and what a reader should know."""

    figures: Evaluation
    intervals: dict[str, Interval | None]
    spots: list[Spot]
    regions: list[Region]
    reliability: list[Reliability]
    beside: list[Discrimination]
    discrimination: list[Discrimination]
    warnings: list[str]


def whole(policy: Policy, columns: Columns, done: Replayed) -> Judged:
    """What is said of rows that are in memory, on which the policy did what was `done`."""
    spots, baseline = curve(policy, columns), columns.baselines
    return Judged(
        figures=figures(columns, done),
        intervals=intervals(columns, done),
        spots=spots,
        regions=regions(spots, columns),
        reliability=reliability(columns),
        beside=beside(columns, baseline),
        discrimination=discrimination(columns, baseline),
        warnings=warnings(columns, done),
    )


def lines_of(columns: Columns, done: Replayed) -> Iterator[str]:
    """What was done on each row, as lines of JSON."""
    rows = zip(
        columns.ids,
        done.model.tolist(),
        done.drafted.tolist(),
        done.used.tolist(),
        done.score.tolist(),
        done.cost.tolist(),
        strict=True,
    )
    names = ("id", "model", "drafted", "verdicts_used", "score", "cost")
    return (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


class InParts:
    """Outcomes that are judged part by part, each second `worth` something in their costs."""

    def __init__(self, stored: Stored, worth: float) -> None:
        self.stored, self._worth = stored, worth
        self._ranges: dict[tuple[int, str], tuple[float, float]] = {}
        self._confidences = Levels()
        self.terms = Terms.over(self._looked_at())

    def __iter__(self) -> Iterator[Columns]:
        return (timed(part, self._worth) for part in self.stored)

    def _looked_at(self) -> Iterator[Columns]:
        """The parts, each noted for the range of its scores and its confidences."""
        for part in self:
            for m in range(part.models):
                rows, confidence = checked(part, m)
                self._confidences.add(confidence, np.ones(len(confidence), dtype=bool))
                for name, which, _ in known(part, m, rows, confidence):
                    self._range(m, name, part.scores[which, m])
            yield part

    def _range(self, m: int, name: str, scores: Floats) -> None:
        if len(scores):
            low, high = self._ranges.get((m, name), (np.inf, -np.inf))
            self._ranges[m, name] = min(low, float(scores.min())), max(high, float(scores.max()))

    def sheet(self, policy: Policy, k: int | None) -> Sheet:
        """A sheet that fills as its decisions are read."""
        family = kin(policy, self.stored.names, lambda: thresholds_of(self._confidences))
        return Sheet(self, policy, k, [each for each in family if not isinstance(each[1], Always)])

    def good(self, m: int, name: str, scores: Floats) -> NDArray[np.bool_]:
        """Which drafts scored in the upper half of the range that drafts of which `name` is known have."""
        low, high = self._ranges[m, name]
        return np.asarray(scores > (low + high) / 2)


class Sheet:
    """What comes of a policy, added up part by part."""

    def __init__(self, of: InParts, policy: Policy, k: int | None, family: Sequence[tuple[str, Policy]]) -> None:
        self._of, self._policy, self._k, self._family = of, policy, k, family
        self._names = of.stored.names
        models = len(self._names)
        self._sums = Sums.of(models)
        self._spots = np.zeros((len(family), 2))
        self._bins = [np.zeros((0, 0))] * models
        self._unreadable = np.zeros((models, 2), dtype=np.int64)
        self._levels: dict[tuple[int, str], Levels] = {}

    def fill(self) -> None:
        """Add all parts up."""
        for part in self._of:
            self._add(part)

    def decisions(self) -> Iterator[str]:
        """A line of decisions for each row; once all are read the sheet is full."""
        for part in self._of:
            yield from lines_of(part, self._add(part))

    def _add(self, part: Columns) -> Replayed:
        done = replay(self._policy, part, self._k, self._of.terms)
        self._sums.add(part, done)
        for place, (_, relative) in enumerate(self._family):
            other = replay(relative, part, terms=self._of.terms)
            self._spots[place] += other.cost.sum(), other.score.sum()
        for m in range(part.models):
            self._model(part, m)
        return done

    def _model(self, part: Columns, m: int) -> None:
        rows, confidence = checked(part, m)
        said, scores = part.tallies[:, m], part.scores[:, m]
        self._unreadable[m] += said[:, 2].sum(), said.sum()
        found = binned(confidence, scores[rows])
        self._bins[m] = self._bins[m] + found if self._bins[m].size else found
        for name, which, values in known(part, m, rows, confidence):
            if which.any():
                levels = self._levels.setdefault((m, name), Levels())
                levels.add(values, self._of.good(m, name, scores[which]))

    def judged(self) -> Judged:
        """All of it."""
        names, sums = self._names, self._sums
        n, mean = sums.moments.n, sums.moments.mean
        scores, costs = np.split(mean[2:], 2)
        singles = [
            Spot(name, float(c), float(s)) for name, c, s in zip(baseline_names(names), costs, scores, strict=True)
        ]
        family = [Spot(name, *(at / n).tolist()) for (name, _), at in zip(self._family, self._spots, strict=True)]
        spots = in_order([*singles, *family])
        return Judged(
            figures=figured(names, n, mean, sums.routed, sums.used, sums.exhausted),
            intervals=intervals_of(names, mean, sums.moments.draws()),
            spots=spots,
            regions=regions_between(spots, scores, costs),
            reliability=[r for m in range(len(names)) if (r := self._reliable(m)) is not None],
            beside=[self._told(m, LEXICAL, _BESIDE) for m in range(len(names)) if (m, _BESIDE) in self._levels],
            discrimination=[one for m in range(len(names)) for one in self._by_auroc(m)],
            warnings=[*warned(names, scores, costs, n, sums.free, sums.exhausted), *self._errors()],
        )

    def _reliable(self, m: int) -> Reliability | None:
        if (levels := self._levels.get((m, _CHECKED))) is None:
            return None
        unreadable, said = self._unreadable[m].tolist()
        return reliable(self._names[m], self._bins[m], (unreadable, said), levels.auroc())

    def _by_auroc(self, m: int) -> list[Discrimination]:
        names = [name for of, name in self._levels if of == m and name not in (_CHECKED, _BESIDE)]
        first = [name for name in ("verdicts", "probability", LEXICAL) if name in names]
        found = [self._told(m, name, name) for name in (*first, *sorted(set(names) - set(first)))]
        return sorted(found, key=lambda d: -1.0 if d.auroc is None else -d.auroc.mean)

    def _told(self, m: int, name: str, key: str) -> Discrimination:
        levels = self._levels[m, key]
        return Discrimination(self._names[m], name, len(levels), levels.interval(-1 if SIGNS.get(name, 1) < 0 else 1))

    def _errors(self) -> list[str]:
        wide = max((levels.error for levels in self._levels.values()), default=0.0)
        if wide < _WORTH_SAYING:
            return []
        return [f"Values that differ on most rows were counted in bins: an AUROC may be off by {wide:.4f} for that."]


_CHECKED, _BESIDE = "\0checked", "\0beside"
"""Names that no signal has: of confidences, and of the lexical baseline on checked drafts."""


def known(
    part: Columns, m: int, rows: NDArray[np.bool_], confidence: Floats
) -> Iterator[tuple[str, NDArray[np.bool_], Floats]]:
    """What is known of model m's drafts, by name: of which rows, and their values."""
    yield _CHECKED, rows, confidence
    baseline = part.baselines
    for name, values in numbers(part, m, baseline).items():
        which = ~np.isnan(values)
        yield name, which, values[which]
    which = rows & ~np.isnan(baseline[:, m])
    yield _BESIDE, which, baseline[which, m]
