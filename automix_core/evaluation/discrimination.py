"""How well one number tells right drafts from wrong ones: AUROC, with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence.signs import SIGNS
from ..outcomes.columns import Columns, Floats
from .intervals import MANY, Interval, between
from .levels import Levels

LEXICAL = "lexical"
_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Discrimination:
    """What one number says about one model's drafts.

    `auroc` is the chance that a draft that scored in the upper half of the range has more of it than one that did not
    (less, where less is safer: `echo`, `unsupported_numbers`), with a 95 % interval: by a bootstrap over drafts, of
    more than 20,000 by DeLong's variance; 0.5 is nothing, and None where scores don't differ. `name` is a signal's,
    "verdicts", "probability" or "lexical", the baseline; `n` are the drafts of which it is known.
    """

    model: str
    name: str
    n: int
    auroc: Interval | None


def discrimination(columns: Columns, baseline: Floats | None = None) -> list[Discrimination]:
    """Of every model the checks, the signals and the lexical `baseline` [n, N] of its drafts, the best first."""
    found = []
    for m, model in enumerate(columns.names):
        each = [
            _of(model, name, values, columns.scores[:, m]) for name, values in numbers(columns, m, baseline).items()
        ]
        found += sorted(each, key=lambda d: -1.0 if d.auroc is None else -d.auroc.mean)
    return found


def beside(columns: Columns, baseline: Floats) -> list[Discrimination]:
    """Of every model that was checked the lexical `baseline`, on the drafts that were."""
    found = []
    for m, model in enumerate(columns.names):
        checked = (columns.tallies[:, m, :2].sum(axis=1) > 0) | ~np.isnan(columns.probability[:, m])
        values = np.where(checked, baseline[:, m], np.nan)
        if not np.isnan(values).all():
            found.append(_of(model, LEXICAL, values, columns.scores[:, m]))
    return found


def numbers(columns: Columns, m: int, baseline: Floats | None = None) -> dict[str, Floats]:
    """What is known of one model's drafts, by name, NaN where it is not: the checks, the `baseline` and the signals."""
    said, direct = columns.tallies[:, m], columns.probability[:, m]
    readable = said[:, :2].sum(axis=1)
    found = {
        "verdicts": np.where(readable > 0, said[:, 0] / np.maximum(readable, 1), np.nan),
        "probability": direct,
        **({} if baseline is None else {LEXICAL: baseline[:, m]}),
        **columns.known(m),
        **columns.known(m, paid=True),
    }
    return {name: values for name, values in found.items() if not np.isnan(values).all()}


def _of(model: str, name: str, values: Floats, scores: Floats) -> Discrimination:
    known = ~np.isnan(values)
    values, scores = values[known], scores[known]
    if SIGNS.get(name, 1) < 0:
        values = -values
    return Discrimination(model, name, len(values), _interval(values, scores > (scores.min() + scores.max()) / 2))


def _interval(values: Floats, good: NDArray[np.bool_]) -> Interval | None:
    mean = auroc(values, good)
    if mean is None:
        return None
    if len(values) > MANY:
        levels = Levels(len(values))
        levels.add(values, good)
        return levels.interval()
    rng = np.random.default_rng(0)
    places = rng.integers(len(values), size=(_DRAWS, len(values)))
    draws = [drawn for place in places if (drawn := auroc(values[place], good[place])) is not None]
    return between(mean, np.array(draws))


def auroc(values: Floats, good: NDArray[np.bool_]) -> float | None:
    """The chance that a good one has more than another, ties half; None where there is but one kind."""
    if good.all() or not good.any():
        return None
    _, place = np.unique(values, return_inverse=True)
    place = place.ravel()
    yes = np.bincount(place[good], minlength=place.max() + 1)
    no = np.bincount(place[~good], minlength=place.max() + 1)
    below = np.cumsum(no) - no
    return float((yes * (below + no / 2)).sum() / (yes.sum() * no.sum()))
