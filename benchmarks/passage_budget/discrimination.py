"""How well checks of long contexts tell right drafts from wrong ones, whole and cut to budgets: a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automix_core.checking.verdict import count
from automix_core.evaluation.discrimination import auroc
from automix_core.evaluation.intervals import Interval, between
from benchmarks.passage_budget.checks import Row

KEEP = 0.75
"""The default policy's threshold: drafts of this confidence or more are kept."""
DRAWS = 4000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sides:
    """Confidences of the same drafts in each context [size, question], checked whole and cut, and which are right."""

    whole: Floats
    part: Floats
    right: NDArray[np.bool_]

    def drawn(self, place: NDArray[np.int64]) -> Sides:
        """Those of some questions."""
        return Sides(self.whole[:, place], self.part[:, place], self.right[place])

    @property
    def figures(self) -> tuple[float, float, float] | None:
        """AUROC of the part, by how much it exceeds the whole's, and how much surer of wrong drafts it is: means."""
        if self.right.all() or not self.right.any():
            return None
        part, whole = (
            np.mean([auroc(row, self.right) or 0.0 for row in side]).item() for side in (self.part, self.whole)
        )
        return part, part - whole, (self.part - self.whole)[:, ~self.right].mean().item()

    def intervals(self) -> list[Interval]:
        """The figures with what they would be for other questions."""
        places = np.random.default_rng(0).integers(len(self.right), size=(DRAWS, len(self.right)))
        draws = [figures for place in places if (figures := self.drawn(place).figures) is not None]
        means = self.figures or (np.nan,) * 3
        return [between(mean, draw) for mean, draw in zip(means, np.array(draws).T, strict=True)]


def confidence(verdicts: Iterable[int | None]) -> float:
    """The share of "correct" among the readable verdicts; 0.5 where none is, though a policy rejects such a draft."""
    found = count(None if verdict is None else bool(verdict) for verdict in verdicts).confidence
    return 0.5 if found is None else found


def sides(rows: Sequence[Row], sizes: Sequence[int], budget: int | None) -> Sides:
    """The questions that were asked at all these sizes, whole and with this budget."""
    by = {(row["id"], row["size"], row["budget"]): row for row in rows}
    asked = [one for one in dict.fromkeys(row["id"] for row in rows) if _all(by, one, sizes, budget)]

    def confidences(budget: int | None) -> Floats:
        return np.array([[confidence(by[one, size, budget]["verdicts"]) for one in asked] for size in sizes])

    right = np.array([by[one, sizes[0], budget]["right"] for one in asked], dtype=bool)
    return Sides(confidences(None), confidences(budget), right)


def _all(by: dict[tuple[str, int, int | None], Row], one: str, sizes: Sequence[int], budget: int | None) -> bool:
    return all((one, size, cut) in by for size in sizes for cut in (None, budget))


def show(found: Sequence[Row]) -> None:
    """Print a line a size and budget, of all questions and of those whose gold answer stands in their context."""
    sizes = sorted({row["size"] for row in found})
    budgets = list(dict.fromkeys(row["budget"] for row in found))
    for title, rows in (
        ("all questions", list(found)),
        ("questions whose gold answer stands in their context", [row for row in found if row["told"]]),
    ):
        print(f"{title}; 95 % of {DRAWS} resamples of the questions")
        for some in ([size] for size in sizes):
            for budget in budgets:
                _show(f"{some[0] // 1000} kB", rows, some, budget)
        for budget in budgets if len(sizes) > 1 else ():
            _show(f"mean of those above {sizes[0] // 1000} kB", rows, sizes[1:], budget)
        print()


def _show(title: str, rows: Sequence[Row], sizes: Sequence[int], budget: int | None) -> None:
    both = sides(rows, sizes, budget)
    if both.figures is None:
        print(f"{title}: right drafts and wrong ones are needed")
        return
    part, change, surer = both.intervals()
    cut = "whole" if budget is None else str(budget)
    said = [v for row in rows if row["size"] in sizes and row["budget"] == budget for v in row["verdicts"]]
    good, bad = both.part[:, both.right], both.part[:, ~both.right]
    print(
        f"{title:>5} {cut:>5}  AUROC {part.mean:.3f} ({part.low:.3f} to {part.high:.3f})"
        f"  less whole {_signed(change)}  unreadable {said.count(None) / len(said):.3f}"
        f"  confidence: {both.right.sum()} right {good.mean():.3f}, {(~both.right).sum()} wrong {bad.mean():.3f},"
        f" less whole {_signed(surer)}  kept: right {(good >= KEEP).mean():.2f}, wrong {(bad >= KEEP).mean():.2f}"
    )


def _signed(found: Interval) -> str:
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
