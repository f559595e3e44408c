"""Who answers: single models, thresholds, policies that learn, judged on questions held out, and a peer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from automix_core import Always, ConfigError, Objective, Policy, Threshold, fit
from automix_core.evaluation.replay import Terms, replay
from automix_core.outcomes.columns import Columns, Ints
from benchmarks.right_answers.sets import Array, Recorded

FOLDS = 5
LARGE, PEER = "always large", "cascadeflow, context first"
Figures = dict[str, Array]
Learner = Callable[[Columns, Mapping[str, float]], Policy]
"""From questions and what others scored on them to a policy."""


def as_good(columns: Columns, score: float, signals: Collection[str] | None = None) -> Policy:
    """The cheapest policy that is expected to score as much; the large model where none is."""
    try:
        return fit(columns, signals=signals, objective=Objective(min_quality=score)).policy
    except ConfigError:
        return Always(columns.models - 1)


FIXED: dict[str, Policy] = {
    "always small": Always(0),
    LARGE: Always(1),
    "Threshold(0.75), the default": Threshold(),
    "Threshold(0.5)": Threshold(0.5),
}
LEARNED: dict[str, Learner] = {
    "fitted on evidence": lambda some, _: fit(some.first(0)).policy,
    "fitted on verdicts": lambda some, _: fit(some, signals=()).policy,
    "fitted on both": lambda some, _: fit(some).policy,
    "evidence, to score as always large": lambda some, scored: as_good(some.first(0), scored[LARGE]),
    "verdicts, to score as always large": lambda some, scored: as_good(some, scored[LARGE], ()),
    "both, to score as always large": lambda some, scored: as_good(some, scored[LARGE]),
    "evidence, to score as cascadeflow": lambda some, scored: as_good(some.first(0), scored[PEER]),
    "verdicts, to score as cascadeflow": lambda some, scored: as_good(some, scored[PEER], ()),
    "both, to score as cascadeflow": lambda some, scored: as_good(some, scored[PEER]),
}


def everyone(recorded: Recorded, repeats: int) -> dict[str, Figures]:
    """Each contestant's figures, one a question; those that learn are averaged over `repeats` ways of splitting."""
    columns, every = recorded.columns, np.arange(len(recorded.columns))
    found = {name: walk(policy, recorded, every) for name, policy in FIXED.items()}
    peers = {f"cascadeflow, {prompt}": peer(asked, recorded) for prompt, asked in recorded.theirs.items()}
    scored = {LARGE: found[LARGE]["score"], PEER: peers[PEER]["score"]}
    splits = list(folds(columns.ids, repeats))
    learned = {name: held_out(learn, recorded, splits, scored) for name, learn in LEARNED.items()}
    return found | learned | peers | {"a judge that is never wrong": peer(never_wrong(columns), recorded)}


def never_wrong(columns: Columns) -> Array:
    """Who is asked where a draft is kept if, and only if, it scores no less than the large model's answer."""
    worse = columns.scores[:, 0] < columns.scores[:, 1]
    return np.column_stack([np.ones(len(worse)), worse.astype(float)])


def folds(ids: Sequence[str], repeats: int) -> Iterator[Ints]:
    """Each question's fold, `repeats` times; the questions of a set are spread evenly."""
    sets = np.array([name.partition("-")[0] for name in ids])
    for seed in range(repeats):
        random, part, start = np.random.default_rng(seed), np.zeros(len(ids), dtype=np.int64), 0
        for name in sorted(set(sets)):
            rows = random.permutation(np.flatnonzero(sets == name))
            part[rows] = (start + np.arange(len(rows))) % FOLDS
            start += len(rows)
        yield part


def held_out(learn: Learner, recorded: Recorded, splits: Sequence[Ints], scored: Mapping[str, Array]) -> Figures:
    """What policies did on the questions that they were not fitted on, averaged over the splits."""
    total: Figures = {}
    for part in splits:
        for fold in range(FOLDS):
            rows, rest = np.flatnonzero(part == fold), np.flatnonzero(part != fold)
            aims = {name: float(scores[rest].mean()) for name, scores in scored.items()}
            policy = learn(recorded.columns.rows(rest), aims)
            for name, values in walk(policy, recorded, rows).items():
                total.setdefault(name, np.zeros(len(part)))[rows] += values / len(splits)
    return total


def walk(policy: Policy, recorded: Recorded, rows: Ints) -> Figures:
    """What a policy did on some questions, as `automix evaluate` replays it."""
    columns = recorded.columns
    done = replay(policy, columns.rows(rows), terms=Terms.over([columns]))
    asked, rounds, used = done.drafted.astype(float), done.rounds[:, 0].astype(float), done.used[:, 0].astype(float)
    return figures(recorded, rows, done.model, asked, done.cost, rounds, used)


def peer(asked: Array, recorded: Recorded) -> Figures:
    """What was done where nothing is checked by a model: the large model's answer is taken wherever it was asked."""
    none = np.zeros(len(asked))
    cost = (asked * recorded.columns.costs).sum(axis=1)
    model = (asked[:, 1] > 0).astype(np.int64)
    return figures(recorded, np.arange(len(asked)), model, asked, cost, none, none)


def figures(
    recorded: Recorded, rows: Ints, model: Ints, asked: Array, cost: Array, rounds: Array, used: Array
) -> Figures:
    """One number a question: `right` is a score of a half or more, tokens and seconds are all models' together."""
    score = recorded.columns.scores[rows, model]
    found = {"score": score, "right": (score >= 0.5).astype(float), "cost": cost}
    if recorded.tokens is not None:
        found["tokens"] = recorded.tokens.rows(rows).of(asked, rounds, used)
    found["seconds"] = recorded.seconds.rows(rows).of(asked, rounds, used)
    return found | {"small": (model == 0).astype(float), "verdicts": used}
