"""A certificate: with probability 1 - delta the policy scores at most eps less than always using the last model.

Half of the outcomes choose a frontier of policies, ordered from the last model to the cheapest; the other half test
them in that order, each by an e-value, and testing stops at the first that fails (fixed-sequence testing). With losses
D_i = l_i - score_i in [-1, 1] the process prod (1 + eta * (eps - D_i) / (1 - eps)) is a supermartingale when the mean
loss is above eps, so by Ville's inequality it passes 1 / delta with probability at most delta.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..decision import Policy
from ..errors import ConfigError, DataError
from ..evaluation.replay import replay
from ..outcomes.columns import Columns, Floats
from ..outcomes.outcome import Outcome
from ..outcomes.timing import timed
from ..policies import Always
from ..policies.expected import Value
from .family import family
from .fit import FEWEST, Fitted, Objective, against, cost_weight_of, hurried, used_verdicts
from .method import Method

_MOST = 25
_BETS = np.linspace(0.05, 0.95, 19)


def certify(
    outcomes: Sequence[Outcome] | Columns,
    max_loss: float,
    confidence: float = 0.9,
    *,
    method: Method = "pomdp",
    second_worth: float | None = None,
) -> Fitted:
    """The cheapest policy that is certified to lose at most `max_loss` of score against the last model.

    The last model alone comes back, and a note says "not certifiable", if no cheaper policy passes. What a second is
    worth, if it is given, is part of each cost. Raises `ConfigError` for numbers outside (0, 1), `DataError` for fewer
    than 20 outcomes or label-free ones.
    """
    columns = outcomes if isinstance(outcomes, Columns) else Columns.of(outcomes)
    if second_worth:
        found = _certify(timed(columns, second_worth), max_loss, confidence, method)
        return hurried(found, columns, second_worth)
    return _certify(columns, max_loss, confidence, method)


def _certify(columns: Columns, max_loss: float, confidence: float, method: Method) -> Fitted:
    for name, given in (("max_loss", max_loss), ("confidence", confidence)):
        if not 0 < given < 1:
            raise ConfigError(f"{name} must lie between 0 and 1, not {given!r}.")
    if len(columns) < 2 * FEWEST:
        raise DataError(
            f"There are {len(columns)} outcomes; a certificate needs {2 * FEWEST} or more, 500 to be of use."
        )
    if columns.free.any():
        raise DataError(
            "A certificate needs gold answers: some outcomes are scored against the largest model's answer."
        )
    columns, used = used_verdicts(columns)
    order = np.argsort(columns.coins, kind="stable")
    learn, test = columns.rows(order[::2]), columns.rows(order[1::2])
    points = list(reversed(family(method, learn).frontier()))
    step = max(1, -(-len(points) // _MOST))
    passed: Policy = Always(columns.models - 1)
    value, done = _alone(columns), None
    tried = 0
    for point in points[::step]:
        policy = point.build()
        if policy == passed:
            continue
        tried += 1
        trial = replay(policy, test)
        if e_value(test.scores[:, -1] - trial.score, max_loss) < 1 / (1 - confidence):
            break
        passed, value, done = policy, point.value, trial
    weight, _ = cost_weight_of(columns, Objective())
    k = int(np.where(np.isnan(columns.probability), columns.recorded, 1).max())
    last = columns.names[-1]
    if done is None:
        note = (
            f"Not certifiable with n = {len(test)} test outcomes: no policy cheaper than {last} was shown to lose at "
            f"most {max_loss:g} with confidence {confidence:g}, so {last} answers everything."
        )
        return Fitted(passed, weight, value, (), (note, *used), k)
    note = (
        f"Certified on {len(test)} outcomes kept apart: with confidence {confidence:g} the policy scores at most "
        f"{max_loss:g} less than {last} on questions like these ({tried} policies were tried)."
    )
    less = against(test, done.score, done.cost, weight)
    return Fitted(passed, weight, value, less, (note, *used), k)


def e_value(losses: Floats, max_loss: float) -> float:
    """Evidence that the mean of `losses`, each in [-1, 1], is at most `max_loss`.

    Where it is not, 1 / delta is reached with probability delta at most.
    """
    steps = np.log1p(np.multiply.outer(_BETS, (max_loss - losses) / (1 - max_loss)))
    wealth = np.exp(np.minimum(np.cumsum(steps, axis=1), 700)).mean(axis=0)
    return float(wealth.max(initial=1.0))


def _alone(columns: Columns) -> Value:
    score, cost = float(columns.scores[:, -1].mean()), float(columns.costs[:, -1].mean())
    return Value(score, score, cost, 0.0)
