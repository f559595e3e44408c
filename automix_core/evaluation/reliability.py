"""How far a confidence can be trusted: what drafts scored whose checks said so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..outcomes.columns import Columns, Floats
from .discrimination import auroc, numbers

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


@dataclass(frozen=True, slots=True)
class Fifth:
    """Drafts of which one number is alike: how many, from which value to which, and their mean score."""

    n: int
    low: float
    high: float
    score: float


@dataclass(frozen=True, slots=True)
class Steps:
    """What drafts scored from the lowest fifth of one number to the highest; drafts of one value stay together, so
    there are fewer than five where many are alike. `name` is as in `Discrimination`.
    """

    model: str
    name: str
    fifths: tuple[Fifth, ...]


def reliability(columns: Columns) -> list[Reliability]:
    """The reliability of every model that was checked."""
    return [found for m in range(columns.models) if (found := _of(columns, m)) is not None]


def steps(columns: Columns, baseline: Floats | None = None) -> list[Steps]:
    """Of every model the checks, the signals and the lexical `baseline` of its drafts."""
    return [
        Steps(columns.names[m], name, _fifths(values, columns.scores[:, m]))
        for m in range(columns.models)
        for name, values in numbers(columns, m, baseline).items()
    ]


def _fifths(values: Floats, scores: Floats) -> tuple[Fifth, ...]:
    known = ~np.isnan(values)
    values, scores = values[known], scores[known]
    edges = np.unique(np.quantile(values, np.arange(1, _BINS) / _BINS, method="lower"))
    place = np.searchsorted(edges, values)
    return tuple(
        Fifth(int(some.sum()), float(values[some].min()), float(values[some].max()), float(scores[some].mean()))
        for b in range(len(edges) + 1)
        if (some := place == b).any()
    )


def checked(columns: Columns, m: int) -> tuple[NDArray[np.bool_], Floats]:
    """Which of model m's drafts were checked to some end, and the confidence of each of these."""
    said = columns.tallies[:, m]
    readable = said[:, :2].sum(axis=1)
    direct = columns.probability[:, m]
    confidence = np.where(np.isnan(direct), said[:, 0] / np.maximum(readable, 1), direct)
    rows = (readable > 0) | ~np.isnan(direct)
    return rows, confidence[rows]


def binned(confidence: Floats, score: Floats) -> Floats:
    """By step of confidence [bin, 3] how many there are, and the sums of their confidences and of their scores."""
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return np.stack([np.bincount(place, w, _BINS) for w in (np.ones(len(place)), confidence, score)], axis=1)


def reliable(name: str, bins: Floats, unreadable: tuple[int, int], told: float | None) -> Reliability:
    """The reliability from `binned` sums, the verdicts that are unreadable and all, and the AUROC."""
    found = tuple(Bin(int(n), c / n, s / n) for n, c, s in bins.tolist() if n)
    n = sum(b.n for b in found)
    return Reliability(
        model=name,
        n=n,
        unreadable=unreadable[0] / max(unreadable[1], 1),
        error=sum(b.n * abs(b.confidence - b.score) for b in found) / n,
        auroc=told,
        bins=found,
    )


def _of(columns: Columns, m: int) -> Reliability | None:
    rows, confidence = checked(columns, m)
    if not rows.any():
        return None
    score, said = columns.scores[rows, m], columns.tallies[:, m]
    told = auroc(confidence, score > (score.min() + score.max()) / 2)
    return reliable(columns.names[m], binned(confidence, score), (int(said[:, 2].sum()), int(said.sum())), told)
