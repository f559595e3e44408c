"""Two policies on outcomes that neither is to have seen, question by question, under one objective."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..decision import Policy
from ..errors import DataError
from ..evaluation.intervals import Interval, interval
from ..evaluation.replay import Replayed, replay
from ..outcomes.columns import Columns, Floats
from ..outcomes.timing import timed
from .fit import FEWEST, Objective

SHARE = 0.3
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Contest:
    """What a new policy and a running one did on `n` questions held out: mean scores and costs a question.

    `less` is what was compared, new less running with its 95 % interval: `of` names it, a reward, a score or a saving.
    `better` says that the new one is at least as good.
    """

    n: int
    better: bool
    of: str
    less: Interval
    new: tuple[float, float]
    running: tuple[float, float]
    why: str

    def __str__(self) -> str:
        """Which won, in one sentence."""
        won = "The new policy" if self.better else "The running policy"
        tied = " (a tie, and the new one has the newer outcomes)" if self.better and self.less.mean == 0 else ""
        score, cost = self.new
        was, before = self.running
        return (
            f"{won} did better on {self.n} outcomes held out{tied}: {self.why}; score {score:.4f} to {was:.4f}, "
            f"cost {cost:.4g} to {before:.4g}, new to running."
        )


def is_held_out(name: str, share: float = SHARE) -> bool:
    """Whether the outcome of that id is kept for judging: by a digest, so today's choice is tomorrow's.

    It is another digest than a mixture's coin, which must be fair among the outcomes held out.
    """
    digest = hashlib.sha256(f"held out {name}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def contest(
    new: Policy,
    running: Policy,
    columns: Columns,
    objective: Objective,
    cost_weight: float,
    *,
    max_loss: float | None = None,
    k: tuple[int | None, int | None] = (None, None),
) -> Contest:
    """Both on the same rows. With a cost weight the reward decides. With a budget the score does, where neither is
    shown to cost more, at 95 %; with a target or a certificate the cost, where neither is shown to fall short; else
    the one that keeps within it.

    `k` is the most verdicts a draft of each. Raises `DataError` for fewer than ten rows, `PolicyError` for a policy
    of another number of models.
    """
    if len(columns) < FEWEST:
        raise DataError(
            f"{len(columns)} outcomes are held out to judge on; {FEWEST} or more are needed, "
            f"so record about {-(-FEWEST // SHARE) + 10:.0f} in all."
        )
    columns = timed(columns, objective.second_worth or 0)
    both = [replay(policy, columns, most) for policy, most in zip((new, running), k, strict=True)]
    of, gains = _gains(both, objective, cost_weight, max_loss)
    less = interval(gains[0] - gains[1])
    if abs(less.mean) <= _ROUNDING * max(1.0, float(np.abs(gains).max())):
        less = Interval(0.0, less.low, less.high)
    kept = [_keeps(done, columns, objective, max_loss) for done in both]
    better = less.mean >= 0
    why = f"{of} {less.mean:+.4g} (95 %: {less.low:+.4g} to {less.high:+.4g})"
    if kept[0] != kept[1]:
        better = kept[0]
        why = f"the other one does not keep {_limit(objective, max_loss)}"
    means = [(float(done.score.mean()), float(done.cost.mean())) for done in both]
    return Contest(len(columns), better, of, less, means[0], means[1], why)


def _gains(
    both: list[Replayed], objective: Objective, weight: float, max_loss: float | None
) -> tuple[str, list[Floats]]:
    if objective.max_cost is not None:
        return "score", [done.score for done in both]
    if objective.min_quality is not None or max_loss is not None:
        return "saving", [-done.cost for done in both]
    return "reward", [done.score - weight * done.cost for done in both]


def _keeps(done: Replayed, columns: Columns, objective: Objective, max_loss: float | None) -> bool:
    """Whether the limit is not shown to be missed."""
    if objective.max_cost is not None:
        return interval(done.cost).low <= objective.max_cost
    if objective.min_quality is not None:
        return interval(done.score).high >= objective.min_quality
    if max_loss is not None:
        return interval(done.score - columns.scores[:, -1]).high >= -max_loss
    return True


def _limit(objective: Objective, max_loss: float | None) -> str:
    if objective.max_cost is not None:
        return f"to a mean cost of {objective.max_cost:g}"
    if objective.min_quality is not None:
        return f"to a mean score of {objective.min_quality:g}"
    return f"within {max_loss:g} of the last model's score"
