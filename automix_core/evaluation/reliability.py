"""How far a confidence can be trusted: what drafts scored whose checks said so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..outcomes.columns import Columns
from .discrimination import auroc

_BINS = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """Drafts of like confidence: how many, their mean confidence and their mean score."""

    n: int
    confidence: float
    score: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """One model's checks, all recorded ones read.

    `bins` go from low to high confidence; `error` is the mean distance of confidence and score over drafts (expected
    calibration error). `auroc` is the chance that a draft that scored in the upper half of the range has the higher
    confidence than one that did not: 0.5 where checks say nothing, None where scores don't differ. `unreadable` is the
    share of verdicts that could not be read.
    """

    model: str
    n: int
    unreadable: float
    error: float
    auroc: float | None
    bins: tuple[Bin, ...]


def reliability(columns: Columns) -> list[Reliability]:
    """The reliability of every model that was checked."""
    return [found for m in range(columns.models) if (found := _of(columns, m)) is not None]


def _of(columns: Columns, m: int) -> Reliability | None:
    said = columns.tallies[:, m]
    readable = said[:, :2].sum(axis=1)
    direct = columns.probability[:, m]
    confidence = np.where(np.isnan(direct), said[:, 0] / np.maximum(readable, 1), direct)
    rows = (readable > 0) | ~np.isnan(direct)
    if not rows.any():
        return None
    confidence, score = confidence[rows], columns.scores[rows, m]
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = tuple(
        Bin(int(some.sum()), float(confidence[some].mean()), float(score[some].mean()))
        for b in range(_BINS)
        if (some := place == b).any()
    )
    return Reliability(
        model=columns.names[m],
        n=int(rows.sum()),
        unreadable=float(said[:, 2].sum() / max(said.sum(), 1)),
        error=sum(b.n * abs(b.confidence - b.score) for b in bins) / int(rows.sum()),
        auroc=auroc(confidence, score > (score.min() + score.max()) / 2),
        bins=bins,
    )
