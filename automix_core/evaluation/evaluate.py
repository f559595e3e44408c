"""The figures of a policy on recorded outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..decision import Policy
from ..errors import DataError
from ..outcomes.columns import Columns, Floats
from ..outcomes.outcome import Outcome
from ..outcomes.timing import timed
from ..policies.timed import second_worth_of
from .intervals import Interval, Moments, between, resampled_means
from .replay import Replayed, replay

FEWEST = 10
_ROUNDING = 1e-12
"""Of the larger mean: what summing in another order may change."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One model that answers everything."""

    performance: float
    cost: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means a question. A figure that is undefined is None, never NaN.

    With P, C the policy's performance and cost, P_0, C_0 the first model's and P_n, C_n the last model's:
    ibc = (P - P_0) / (C - C_0), the incremental benefit per cost; delta_ibc = 100 * (ibc - base) / base in per cent,
    with base = (P_n - P_0) / (C_n - C_0); gap_recovered = (P - P_0) / (P_n - P_0) (paper, section 4).
    `route_share` is the share of questions that a later model than the first answered, `exhausted` the number of rows
    on which the policy would have drawn more verdicts than were recorded.
    """

    n: int
    performance: float
    cost: float
    ibc: float | None
    delta_ibc: float | None
    gap_recovered: float | None
    route_share: float
    verdicts_per_query: float
    exhausted: int
    baselines: dict[str, Baseline]

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return asdict(self)


def evaluate(policy: Policy, outcomes: Sequence[Outcome] | Columns, k: int | None = None) -> Evaluation:
    """The figures of `policy` on `outcomes`; `k` is the most verdicts a draft, by default the most recorded.

    Costs count each second at what it was worth in the making of the policy, if that is more than nothing. Raises
    `DataError` for fewer than ten outcomes, `PolicyError` if the policy is for another number of models.
    """
    columns = outcomes if isinstance(outcomes, Columns) else Columns.of(outcomes)
    columns = timed(columns, second_worth_of(policy))
    return figures(columns, replay(policy, columns, k))


@dataclass(slots=True)
class Sums:
    """What the figures are made of, of some replayed rows or of all.

    `moments` are those of the policy's score and cost, then each model's score and cost.
    """

    moments: Moments
    routed: int = 0
    used: int = 0
    exhausted: int = 0
    free: int = 0

    @classmethod
    def of(cls, models: int) -> Sums:
        """Those of no row."""
        return cls(Moments(2 + 2 * models))

    def add(self, columns: Columns, done: Replayed) -> None:
        """Take in more rows."""
        self.moments.add(table(columns, done))
        self.routed += int((done.model > 0).sum())
        self.used += int(done.used.sum())
        self.exhausted += int(done.exhausted.sum())
        self.free += int(columns.free.sum())


def table(columns: Columns, done: Replayed) -> Floats:
    """Of each row the policy's score and cost, then each model's score and each one's cost."""
    return np.column_stack([done.score, done.cost, columns.scores, columns.costs])


def figures(columns: Columns, done: Replayed) -> Evaluation:
    """The figures of a replay. Raises `DataError` for fewer than ten outcomes."""
    mean = np.concatenate(
        [[done.score.mean(), done.cost.mean()], columns.scores.mean(axis=0), columns.costs.mean(axis=0)]
    )
    counts = int((done.model > 0).sum()), int(done.used.sum()), int(done.exhausted.sum())
    return figured(columns.names, len(columns), mean, *counts)


def figured(names: Sequence[str], n: int, mean: Floats, routed: int, used: int, exhausted: int) -> Evaluation:
    """The figures of means as `table` has them. Raises `DataError` for fewer than ten outcomes."""
    if n < FEWEST:
        raise DataError(f"There are {n} outcomes; evaluating needs {FEWEST} or more.")
    scores, costs = np.split(mean[2:], 2)
    performance, cost = float(mean[0]), float(mean[1])
    ibc, delta, recovered = ratios(np.array([performance, cost, scores[0], costs[0], scores[-1], costs[-1]]))
    singles = zip(baseline_names(names), scores.tolist(), costs.tolist(), strict=True)
    return Evaluation(
        n=n,
        performance=performance,
        cost=cost,
        ibc=_defined(ibc),
        delta_ibc=_defined(delta),
        gap_recovered=_defined(recovered),
        route_share=routed / n,
        verdicts_per_query=used / n,
        exhausted=exhausted,
        baselines={name: Baseline(p, c) for name, p, c in singles},
    )


def baseline_names(names: Sequence[str]) -> list[str]:
    """always_<name>, with the place behind names that come twice."""
    return [f"always_{name}" + (f"_{m}" if list(names).count(name) > 1 else "") for m, name in enumerate(names)]


def ratios(means: Floats) -> tuple[Floats, Floats, Floats]:
    """ibc, delta_ibc and gap_recovered from P, C, P_0, C_0, P_n, C_n on the last axis; NaN where undefined.

    Means that differ by no more than rounding are equal: a policy that is the first model has no ibc.
    """
    p, c, p0, c0, pn, cn = np.moveaxis(means, -1, 0)
    costs, scores = np.abs([c, c0, cn]).max(axis=0), np.abs([p, p0, pn]).max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ibc = np.where(_equal(c, c0, costs), np.nan, (p - p0) / (c - c0))
        base = np.where(_equal(cn, c0, costs), np.nan, (pn - p0) / (cn - c0))
        delta = np.where(_equal(pn, p0, scores), np.nan, 100 * (ibc - base) / base)
        recovered = np.where(_equal(pn, p0, scores), np.nan, (p - p0) / (pn - p0))
    return ibc, delta, recovered


def _equal(a: Floats, b: Floats, scale: Floats) -> NDArray[np.bool_]:
    return np.abs(a - b) <= _ROUNDING * scale


def intervals(columns: Columns, done: Replayed) -> dict[str, Interval | None]:
    """95 % bootstrap intervals of the figures, and of the policy less each single model (performance and cost)."""
    rows = table(columns, done)
    return intervals_of(columns.names, rows.mean(axis=0), resampled_means(rows))


def intervals_of(names: Sequence[str], mean: Floats, draws: Floats) -> dict[str, Interval | None]:
    """The same from means as `table` has them, and draws of those."""
    models = len(names)
    ends = [0, 1, 2, 2 + models, 1 + models, 1 + 2 * models]
    found: dict[str, Interval | None] = {
        "performance": between(float(mean[0]), draws[:, 0]),
        "cost": between(float(mean[1]), draws[:, 1]),
    }
    for name, whole, parts in zip(
        ("ibc", "delta_ibc", "gap_recovered"), ratios(mean[ends]), ratios(draws[:, ends]), strict=True
    ):
        sure = np.isfinite(parts)
        found[name] = between(float(whole), parts[sure]) if np.isfinite(whole) and sure.mean() > 0.9 else None
    for m, name in enumerate(baseline_names(names)):
        for figure, place, of in (("performance", 0, 2 + m), ("cost", 1, 2 + models + m)):
            found[f"{figure} less {name}"] = between(float(mean[place] - mean[of]), draws[:, place] - draws[:, of])
    return found


def warnings(columns: Columns, done: Replayed) -> list[str]:
    """What a reader of the figures should know."""
    scores, costs = columns.scores.mean(axis=0), columns.costs.mean(axis=0)
    counts = len(columns), int(columns.free.sum()), int(done.exhausted.sum())
    return warned(columns.names, scores, costs, *counts)


def warned(names: Sequence[str], scores: Floats, costs: Floats, n: int, free: int, exhausted: int) -> list[str]:
    """The same from means and counts."""
    first, last = names[0], names[-1]
    found = []
    if costs[-1] > costs[0] and scores[-1] <= scores[0]:
        found.append(f"{last} scores no more than {first}: there is no gap to recover, and delta_ibc has no meaning.")
    if costs[-1] <= costs[0]:
        found.append(f"{last} costs no more than {first}: delta_ibc has no meaning.")
    if free:
        found.append(
            f"{free} of {n} outcomes are scored against {last}'s answers, "
            f"by which always_{last} scores 1 by definition."
        )
    if exhausted:
        found.append(f"On {exhausted} rows the policy would have drawn more verdicts than were recorded.")
    return found


def _defined(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
