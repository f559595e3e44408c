"""The bottom line of a run, as fitting and evaluating begin with it, where there are questions enough to show it."""

from __future__ import annotations

from collections.abc import Sequence

from automix_core.evaluation.bottom_line import BottomLine, Compared, bottom_line
from automix_core.routing.price import Price

from .events import Asked
from .grading import right
from .priced import cost_of
from .session import Answered

ENOUGH = 30
"""Questions below which nothing is shown: resampling so few says too little of others."""


def advice(answered: Sequence[Answered], names: Sequence[str], prices: Sequence[float]) -> BottomLine:
    """Whether to use the cascade, from right answers and priced tokens of the same questions asked in each way."""
    n = len(answered)
    if any(one.right is None for one in answered):
        return BottomLine("not shown", "Not shown: nobody said what the right answers are.")
    costs = [[_cost(run, prices) for run in (one.asked, one.alone[0], one.alone[-1])] for one in answered]
    if any(None in row for row in costs):
        return BottomLine("not shown", "Not shown: a model failed alone, or its tokens were not reported.")
    if n < ENOUGH:
        few = f"{n} question{'s' * (n != 1)} can't show it"
        return BottomLine("not shown", f"Not shown yet: {few}. About {ENOUGH - n} more questions could.", ENOUGH - n)
    return _compared(answered, names, costs)


def _compared(
    answered: Sequence[Answered], names: Sequence[str], costs: Sequence[Sequence[float | None]]
) -> BottomLine:
    import numpy as np

    from automix_core.evaluation.intervals import interval

    cost = np.array(costs, float)
    score = np.array([[one.right, _right(one.alone[0]), _right(one.alone[-1])] for one in answered], float)

    def less(way: int, name: str) -> Compared:
        better, extra = (interval(figures[:, 0] - figures[:, way]) for figures in (score, cost))
        return Compared(name, better, extra, float(cost[:, way].mean()))

    return bottom_line(less(1, names[0]), less(2, names[-1]), len(answered))


def _right(run: Asked | None) -> bool:
    return run is not None and bool(right(run.question, run.answer))


def _cost(run: Asked | None, prices: Sequence[float]) -> float | None:
    """The priced tokens of one question; None where any is unknown."""
    if run is None:
        return None
    costs = [
        cost_of(used, Price(price, price)) for used, price in zip(run.route.usage["by_model"], prices, strict=True)
    ]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
