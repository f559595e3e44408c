"""Which decisions of a policy are to be regretted most: where one model alone would have done better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..outcomes.columns import Columns, Floats, Ints
from .replay import Replayed


@dataclass(frozen=True, slots=True, eq=False)
class Regrets:
    """What each row missed, in score less `cost_weight` times cost: [n], 0 where no model alone would have done better.

    `best` [n] is the model that alone would have done best; of equals the cheapest.
    """

    cost_weight: float
    missed: Floats
    best: Ints

    def worst(self, most: int = 20) -> list[int]:
        """The rows that missed most, the worst first; none that missed nothing."""
        order = np.argsort(-self.missed, kind="stable")[:most]
        return [int(row) for row in order if self.missed[row] > 0]


def regrets(columns: Columns, done: Replayed) -> Regrets:
    """What `done` missed on each row, seen afterwards.

    A unit of cost weighs what the last model's lead is bought at: the slope between the first and the last model, at
    which these two are worth the same; nothing where that is not positive.
    """
    scores, costs = columns.scores.mean(axis=0), columns.costs.mean(axis=0)
    lead, price = float(scores[-1] - scores[0]), float(costs[-1] - costs[0])
    weight = lead / price if lead > 0 and price > 0 else 0.0
    alone = columns.scores - weight * columns.costs
    missed = alone.max(axis=1) - (done.score - weight * done.cost)
    return Regrets(weight, np.where(missed > 1e-9, missed, 0.0), alone.argmax(axis=1))
