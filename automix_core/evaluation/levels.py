"""Numbers of good and of other drafts, counted by value in fixed memory: what an AUROC or a quantile needs of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..outcomes.columns import Floats, Ints
from .intervals import Interval

MOST = 1 << 16
"""Values that are told apart; where there are more, neighbours are counted together, those of least weight."""
_SURE = 1.959963984540054


class Levels:
    """How often each value was seen, of good ones (`yes`) and of others (`no`).

    Once there are more than `most` values, neighbours are counted at the lower one: `error` says by how much the AUROC
    may be off for that.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.values: Floats = np.zeros(0)
        self.yes: Ints = np.zeros(0, dtype=np.int64)
        self.no: Ints = np.zeros(0, dtype=np.int64)
        self.merged: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    def add(self, values: Floats, good: NDArray[np.bool_]) -> None:
        """Count more values, none of them NaN."""
        seen, place = np.unique(values, return_inverse=True)
        counts = [np.bincount(place.ravel()[which], minlength=len(seen)) for which in (good, ~good)]
        both = np.concatenate([self.values, seen])
        self.values, place = np.unique(both, return_inverse=True)
        self.yes, self.no = (
            np.bincount(place.ravel(), np.concatenate([before, now]), len(self.values)).astype(np.int64)
            for before, now in zip((self.yes, self.no), counts, strict=True)
        )
        merged = np.concatenate([self.merged, np.zeros(len(seen), dtype=bool)])
        self.merged = np.bincount(place.ravel(), merged, len(self.values)) > 0
        if len(self.values) > self._most:
            self._thin()

    def _thin(self) -> None:
        """Half as many values, each of about as much weight."""
        weight = np.cumsum(self.yes + self.no)
        step = (weight - 1) * (self._most // 2) // int(weight[-1])
        starts = np.flatnonzero(np.diff(step, prepend=-1))
        sizes = np.diff(starts, append=len(self.values))
        self.yes, self.no = np.add.reduceat(self.yes, starts), np.add.reduceat(self.no, starts)
        self.merged = (np.add.reduceat(self.merged.astype(np.int64), starts) > 0) | (sizes > 1)
        self.values = self.values[starts]

    def __len__(self) -> int:
        """How many values were counted."""
        return int(self.yes.sum() + self.no.sum())

    @property
    def error(self) -> float:
        """By how much the AUROC may be off: pairs within what was counted together, half of them."""
        pairs = float(self.yes.sum()) * float(self.no.sum())
        within = float((self.yes[self.merged].astype(float) * self.no[self.merged]).sum())
        return within / 2 / pairs if pairs else 0.0

    def auroc(self, sign: int = 1) -> float | None:
        """The chance that a good one has more than another (less, with `sign` -1), ties half; None with one kind."""
        yes, no = float(self.yes.sum()), float(self.no.sum())
        if not yes or not no:
            return None
        below = np.cumsum(self.no) - self.no
        found = float((self.yes * (below + self.no / 2)).sum() / (yes * no))
        return found if sign >= 0 else 1 - found

    def interval(self, sign: int = 1) -> Interval | None:
        """The AUROC with its 95 % interval by DeLong's variance (1988)."""
        if (mean := self.auroc(sign)) is None:
            return None
        yes, no = float(self.yes.sum()), float(self.no.sum())
        of_yes = (np.cumsum(self.no) - self.no / 2) / no
        of_no = 1 - (np.cumsum(self.yes) - self.yes / 2) / yes
        variance = sum(_variance(x, w) / max(w.sum(), 1) for x, w in ((of_yes, self.yes), (of_no, self.no)))
        half = _SURE * float(np.sqrt(variance))
        return Interval(mean, max(mean - half, 0.0), min(mean + half, 1.0))

    def quantiles(self, shares: Sequence[float] | Floats) -> Floats:
        """Quantiles of all values, as `numpy.quantile` has them of the values themselves."""
        upto = np.cumsum(self.yes + self.no)
        at = np.asarray(shares) * (upto[-1] - 1)
        low, high = (self.values[np.searchsorted(upto, place, "right")] for place in (np.floor(at), np.ceil(at)))
        part = at - np.floor(at)
        between = np.where(part < 0.5, low + (high - low) * part, high - (high - low) * (1 - part))
        return np.asarray(between, dtype=np.float64)


def _variance(values: Floats, weights: Ints) -> float:
    total = float(weights.sum())
    mean = float((values * weights).sum()) / total
    return float((weights * (values - mean) ** 2).sum()) / max(total - 1, 1)
