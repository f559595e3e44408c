"""Fitting: recorded outcomes in, a policy out, with what it is expected to do against each single model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..amounts import is_number
from ..decision import Policy
from ..errors import AutoMixError, ConfigError, DataError
from ..evaluation.intervals import Interval, between, resampled_means
from ..evaluation.replay import replay
from ..outcomes.columns import UNREADABLE, Columns, Floats, Ints
from ..outcomes.outcome import Outcome
from ..outcomes.timing import timed
from ..policies import Always, Skipping
from ..policies.expected import Value
from .family import Family, family
from .frontier import Point, at_quality, hull, within_cost
from .labels import with_assumed_labels
from .method import Method
from .skips import learn_skip
from .timed_policy import timed_policy

FEWEST = 10
_FOLDS = 5
MOST_VERDICTS = (32, 16)
"""The most verdicts a draft that are used, without and with unreadable ones among them."""
HEAVIEST = 1e100
"""The largest cost weight: times any cost that an outcome may have it is still a number."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What is wanted: one of the first three, or none, the cost weight at which the first and the last model tie.

    `cost_weight` is lambda in reward = score - lambda * cost, `max_cost` the highest mean cost of a question,
    `min_quality` the lowest mean score. `second_worth` is what a second of waiting is worth, in the unit of the costs:
    it is part of every cost then. Raises `ConfigError` for more than one or for a number that can't be meant.
    """

    cost_weight: float | None = None
    max_cost: float | None = None
    min_quality: float | None = None
    second_worth: float | None = None

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}
        rivals = [name for name in given if name != "second_worth"]
        if len(rivals) > 1:
            raise ConfigError(f"Give one objective, not {' and '.join(rivals)}.")
        for name, number in given.items():
            if not is_number(number) or number < 0:
                raise ConfigError(f"{name} must be a number, 0 or more, not {number!r}.")

    def choose(self, found: Family, columns: Columns, cost_weight: float) -> Point:
        """The policy of a family, learned from `columns`, that serves the objective, else `cost_weight`."""
        if self.max_cost is not None:
            return within_cost(found.frontier(), self.max_cost)
        if self.min_quality is not None:
            return at_quality(hull([*found.frontier(), _as_recorded(columns)]), self.min_quality)
        return found.best(cost_weight)


@dataclass(frozen=True, slots=True)
class Against:
    """A policy less a single model, on questions it was not fitted on: means a question with 95 % intervals."""

    name: str
    score: Interval
    cost: Interval
    reward: Interval


@dataclass(frozen=True, slots=True)
class Fitted:
    """A policy and what is known about it.

    `expected` is what the fitted model says it will do, `against` what policies fitted in the same way on four fifths
    of the outcomes did on the rest, less each single model. `notes` are sentences for people.
    """

    policy: Policy
    cost_weight: float
    expected: Value
    against: tuple[Against, ...]
    notes: tuple[str, ...]
    k: int


def fit(
    outcomes: Sequence[Outcome] | Columns,
    *,
    method: Method = "pomdp",
    objective: Objective | None = None,
    signals: Collection[str] | None = None,
) -> Fitted:
    """The policy that `method` learns from `outcomes` for `objective`; of the signals only those that `signals` names.

    A single model comes back where nothing is expected to beat it. Raises `DataError` for fewer than ten outcomes or
    outcomes that the method can't use or that lack the seconds which are worth something, `ConfigError` for a budget or
    target out of reach, a signal that no outcome has, or seconds that are worth money where costs are tokens.
    """
    columns = outcomes if isinstance(outcomes, Columns) else Columns.of(outcomes)
    columns = columns if signals is None else columns.limited(signals)
    if len(columns) < FEWEST:
        raise DataError(f"There are {len(columns)} outcomes; fitting needs {FEWEST} or more, 200 to be of much use.")
    objective = objective or Objective()
    if objective.second_worth:
        found = _fit(timed(columns, objective.second_worth), method, objective)
        return hurried(found, columns, objective.second_worth)
    return _fit(columns, method, objective)


def hurried(found: Fitted, columns: Columns, worth: float) -> Fitted:
    """`found`, its policy with what a second is worth and when that pays for answers begun ahead."""
    policy, notes = timed_policy(found.policy, columns, worth)
    return replace(found, policy=policy, notes=(*found.notes, *notes))


def _fit(columns: Columns, method: Method, objective: Objective) -> Fitted:
    columns, used = used_verdicts(columns)
    notes = [*_notes(columns), *used]
    columns = with_assumed_labels(columns)
    k = int(np.where(np.isnan(columns.probability), columns.recorded, 1).max())
    weight, why = cost_weight_of(columns, objective)
    if why:
        return _single(columns, weight, [*notes, why], k)
    point = objective.choose(family(method, columns), columns, weight)
    policy = point.build()
    expected = replace(point.value, reward=point.reward(weight))
    held_out = cross_fit(columns, method, objective, weight)
    less = () if held_out is None else against(columns, *held_out, weight)
    fitted = Fitted(policy, weight, expected, less, tuple(notes), k)
    if objective.max_cost is not None or objective.min_quality is not None:
        return fitted
    return _with_skips(_unless_beaten(fitted, columns), columns, held_out)


def _as_recorded(columns: Columns) -> Point:
    """The model that scored most, at what it scored: a fitted policy's expectation is shrunk and may lie below it."""
    score, cost = columns.scores.mean(axis=0), columns.costs.mean(axis=0)
    model = int(score.argmax())
    return Point(Value(0.0, float(score[model]), float(cost[model]), 0.0), lambda: Always(model))


def used_verdicts(columns: Columns) -> tuple[Columns, list[str]]:
    """The columns with as many verdicts a draft as a policy can weigh, and a note where that leaves some out.

    A table has a row for each tally: 6,545 for 32 verdicts with unreadable ones, which no 16 more verdicts are worth.
    """
    most = MOST_VERDICTS[bool((columns.verdicts == UNREADABLE).any())]
    recorded = int(columns.recorded.max())
    if recorded <= most:
        return columns, []
    return columns.first(most), [f"Of up to {recorded} verdicts recorded on a draft the first {most} are used."]


def cost_weight_of(columns: Columns, objective: Objective) -> tuple[float, str]:
    """The cost weight in force, and why a single model should answer everything instead, if it should."""
    if objective.cost_weight is not None:
        return objective.cost_weight, ""
    score, cost = columns.scores.mean(axis=0), columns.costs.mean(axis=0)
    rise, run = float(score[-1] - score[0]), float(cost[-1] - cost[0])
    weight = rise / run if run > 0 else np.inf
    if 0 < weight <= HEAVIEST:
        return weight, ""
    if objective.max_cost is not None or objective.min_quality is not None:
        return 0.0, ""
    first, last = columns.names[0], columns.names[-1]
    if weight > HEAVIEST:
        more = "no more" if run <= 0 else "next to nothing more"
        return 0.0, f"{last} costs {more} than {first} ({cost[-1]:.4g} and {cost[0]:.4g}), so cost decides nothing."
    return 0.0, f"{last} scores no more than {first} ({score[-1]:.4f} and {score[0]:.4f}), so it is not worth its cost."


def cross_fit(columns: Columns, method: Method, objective: Objective, weight: float) -> tuple[Floats, Floats] | None:
    """Score and cost of each question under a policy fitted without it; None where a fold could not be fitted."""
    score, cost = np.zeros(len(columns)), np.zeros(len(columns))
    for fold in _folds(columns):
        rest = columns.rows(np.setdiff1d(np.arange(len(columns)), fold))
        try:
            point = objective.choose(family(method, rest), rest, weight)
        except AutoMixError:
            return None
        done = replay(point.build(), columns.rows(fold))
        score[fold], cost[fold] = done.score, done.cost
    return score, cost


def _folds(columns: Columns) -> list[Ints]:
    """Five parts, by the ids' hashes: the same whatever the order of the rows."""
    return np.array_split(np.argsort(columns.coins, kind="stable"), _FOLDS)


def against(columns: Columns, score: Floats, cost: Floats, weight: float) -> tuple[Against, ...]:
    """What `score` and `cost`, one a question, are less those of each single model."""
    more, dearer = score[:, None] - columns.scores, cost[:, None] - columns.costs
    less = np.stack([more, dearer, more - weight * dearer], axis=2)
    draws = resampled_means(less.reshape(len(columns), -1)).reshape(-1, columns.models, 3)
    means = less.mean(axis=0)
    return tuple(
        Against(name, *(between(float(means[m, f]), draws[:, m, f]) for f in range(3)))
        for m, name in enumerate(columns.names)
    )


def _unless_beaten(fitted: Fitted, columns: Columns) -> Fitted:
    """The same, or the better single model if the policy is one, or does worse than one on questions held out."""
    best, reward = _best_single(columns, fitted.cost_weight)
    name = columns.names[best]
    if isinstance(fitted.policy, Always):
        chosen = columns.names[fitted.policy.model % columns.models]
        note = f"No policy is expected to beat {chosen} alone at this cost weight, so {chosen} answers everything."
        return replace(fitted, notes=(*fitted.notes, note))
    worse = next((a for a in fitted.against if a.name == name and a.reward.high < 0), None)
    if worse is None:
        return fitted
    note = (
        f"On questions held out the policy did worse than {name} alone (reward {worse.reward}), "
        f"so {name} answers everything."
    )
    value = Value(reward, float(columns.scores[:, best].mean()), float(columns.costs[:, best].mean()), 0.0)
    return replace(fitted, policy=Always(best), expected=value, notes=(*fitted.notes, note))


def _with_skips(fitted: Fitted, columns: Columns, held_out: tuple[Floats, Floats] | None) -> Fitted:
    """The same, or with drafts skipped by signals of the query where that wins on questions held out."""
    policy, weight = fitted.policy, fitted.cost_weight
    if isinstance(policy, Always):
        chosen = policy.model % columns.models
        held_out = None if chosen else (columns.scores[:, 0], columns.costs[:, 0])
    if held_out is None:
        return fitted
    score, cost = held_out
    skip = learn_skip(columns, score - weight * cost, weight, _folds(columns))
    if skip is None:
        return fitted
    score = np.where(skip.skipped, columns.scores[:, skip.model], score)
    cost = np.where(skip.skipped, columns.costs[:, skip.model], cost)
    share, names = float(skip.skipped.mean()), ", ".join(skip.wasted.names)
    note = (
        f"By {names} alone {columns.names[skip.model]} answers {share:.0%} of the questions at once, without a draft: "
        f"on questions held out that wins {skip.gain:.4f} of reward."
    )
    reward = float((score - weight * cost).mean())
    value = Value(reward, float(score.mean()), float(cost.mean()), (1 - share) * fitted.expected.verdicts)
    return replace(
        fitted,
        policy=Skipping(policy, skip.wasted, skip.model),
        expected=value,
        against=against(columns, score, cost, weight),
        notes=(*fitted.notes, note),
    )


def _best_single(columns: Columns, weight: float) -> tuple[int, float]:
    rewards = (columns.scores - weight * columns.costs).mean(axis=0)
    cost = columns.costs.mean(axis=0)
    best = max(range(columns.models), key=lambda m: (float(rewards[m]), -float(cost[m])))
    return best, float(rewards[best])


def _single(columns: Columns, weight: float, notes: list[str], k: int) -> Fitted:
    best, reward = _best_single(columns, weight)
    value = Value(reward, float(columns.scores[:, best].mean()), float(columns.costs[:, best].mean()), 0.0)
    notes.append(
        f"{columns.names[best]} is the better single model and answers everything; give --cost-weight to weigh cost."
    )
    return Fitted(Always(best), weight, value, (), tuple(notes), k)


def _notes(columns: Columns) -> list[str]:
    """What a reader should know about the outcomes."""
    notes = []
    if not columns.recorded.any() and not columns.signals:
        notes.append("No outcome has a verdict, a probability or a signal, so nothing can be checked.")
    elif columns.recorded.any() and not columns.tallies[..., :2].any() and np.isnan(columns.probability).all():
        notes.append("No recorded verdict could be read, so no draft can be kept after a check.")
    elif columns.recorded.any() and not columns.verdict_cost[columns.recorded > 0].any():
        notes.append("Verdicts are recorded without a verdict_cost, so they count as free.")
    if columns.free.any():
        notes.append(
            f"{int(columns.free.sum())} of {len(columns)} outcomes are scored against {columns.names[-1]}'s answers, "
            f"by which always using {columns.names[-1]} scores 1 by definition."
        )
    if len(columns) < 100:
        notes.append(f"{len(columns)} outcomes are few: expect the intervals to be wide, and fit again with more.")
    return notes
