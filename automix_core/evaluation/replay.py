"""Replaying recorded outcomes through the routing procedure, many rows at a time.

The procedure itself is `routing.route`: rows that give it the same results go along together, and part where their
verdicts differ. So what is measured here is what runs live.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..decision import Accept, Decision, Draft, Measure, Policy, State, Tally, Verify
from ..evidence.arrays import evidence_of
from ..outcomes.columns import Columns, Floats, Ints
from ..policies import POMDP, Always, Band, Curtailed, EvidenceThreshold, Mixture, Skipping, Threshold
from ..policies.rounds import ROUND, in_rounds
from ..policies.timed import untimed
from ..routing.effects import Check, Checks, Decide, Failure, Gauge, Measured, Reply, Result
from ..routing.ending import Ending
from ..routing.procedure import possible, route
from .alike import Parts, confidences, free_signals, measured

ANSWERS, VERDICTS, SIGNALS = range(3)
"""The kinds of `Replayed.spent`."""


@dataclass(frozen=True, eq=False)
class Replayed:
    """What a policy did on each row: `model` answered for `score` at `cost`.

    `drafted` [n, N] says which models produced an answer, finishing included, `used` [n, N] how many verdicts were
    read and `rounds` [n, N] in how many batches, `exhausted` that sampling ended because no more were recorded.
    `spent` [n, N, 3] is what each model's answers, the verdicts on them and their paid signals cost; its sum over
    models and kinds is `cost`.
    """

    model: Ints
    drafted: NDArray[np.bool_]
    used: Ints
    score: Floats
    cost: Floats
    exhausted: NDArray[np.bool_]
    rounds: Ints
    spent: Floats


@dataclass(frozen=True, slots=True)
class Terms:
    """What a replay of some rows has to know of all: each model's most verdicts, and what a round of checks costs.

    `most` are the most verdicts recorded on a row, `rounds` the price of a round trip, in verdicts.
    """

    most: Ints
    rounds: tuple[float, ...]

    @classmethod
    def over(cls, parts: Iterable[Columns]) -> Terms:
        """Those of the rows of all parts."""
        most: Ints = np.zeros(0, dtype=np.int64)
        costs: Floats = np.zeros((0, 4))
        for part in parts:
            if not len(most):
                most, costs, counts = part.recorded.max(axis=0), np.zeros((part.models, 4)), np.zeros(part.models)
            most = np.maximum(most, part.recorded.max(axis=0))
            for m in range(part.models):
                drawn = part.recorded[:, m] > 0
                costs[m] += part.verdict_cost[drawn, m].sum(axis=0)
                counts[m] += drawn.sum()
        return cls(most, tuple(_round_price(c / n if n else None) for c, n in zip(costs, counts, strict=True)))


def replay(policy: Policy, columns: Columns, k: int | None = None, terms: Terms | None = None) -> Replayed:
    """What `policy` does on the recorded verdicts, read in order and paid for batch by batch.

    `k` is the most verdicts a draft (by default the most recorded on any row): a row with fewer is `exhausted` if the
    policy would have drawn more. Where `columns` are only a part of the rows, `terms` are those of all. Raises
    `PolicyError` if the policy was made for another number of models.
    """
    policy, walk = untimed(policy), _Walk(columns, k, terms or Terms.over([columns]))
    for leaf, rows, coins in _leaves(policy, columns):
        walk.parts = {}
        for row, group, coin in _groups(leaf, columns, rows, coins):
            available = tuple(int(k) for k in walk.available[row])
            walk.follow(
                leaf,
                group,
                State.start(
                    columns.models,
                    available,
                    coin,
                    query_signals={name: float(values[row]) for name, values in columns.query_signals.items()},
                    purchasable=_purchasable(columns, row),
                ),
            )
    return walk.done


def _leaves(policy: Policy, columns: Columns) -> Iterator[tuple[Policy, Ints, Floats | None]]:
    """The policies that a mixture or a skip is of, with each one's rows and what is left of their coins."""
    rows = np.arange(len(columns))
    if not isinstance(policy, Mixture | Skipping):
        yield policy, rows, columns.coins if _may_gamble(policy) else None
        return
    todo: list[tuple[Policy, Ints, Floats]] = [(policy, rows, columns.coins)]
    while todo:
        policy, rows, coins = todo.pop()
        if isinstance(policy, Mixture):
            chosen = coins < policy.weight
            first = np.array([policy.stretch(coin, True) for coin in coins[chosen].tolist()])
            second = np.array([policy.stretch(coin, False) for coin in coins[~chosen].tolist()])
            todo += [(policy.first, rows[chosen], first), (policy.second, rows[~chosen], second)]
        elif isinstance(policy, Skipping):
            policy.check_models(columns.models)
            known = {name: values[rows] for name, values in columns.query_signals.items()}
            skipped = evidence_of(policy.wasted, known, len(rows)) >= policy.at_least
            todo += [(Always(policy.model), rows[skipped], coins[skipped])]
            todo += [(policy.policy, rows[~skipped], coins[~skipped])]
        elif len(rows):
            yield policy, rows, coins if _may_gamble(policy) else None


def _may_gamble(policy: Policy) -> bool:
    """True unless `policy` is known to leave the coin alone."""
    inner = policy.policy if isinstance(policy, Curtailed) else policy
    return not isinstance(inner, Always | Band | EvidenceThreshold | POMDP | Threshold)


def _groups(policy: Policy, columns: Columns, rows: Ints, coins: Floats | None) -> Iterator[tuple[int, Ints, float]]:
    """Rows that start alike: as many verdicts to draw, of one kind, and the same coin if the policy may look at it."""
    if coins is not None:
        yield from ((int(row), np.array([row]), float(coin)) for row, coin in zip(rows, coins, strict=True))
        return
    paid = [~np.isnan(columns.signals[name]) for name in columns.signal_cost if name in columns.signals]
    alike = np.concatenate([columns.recorded, np.isnan(columns.probability), *paid], axis=1)[rows]
    _, first, group = np.unique(alike, axis=0, return_index=True, return_inverse=True)
    for g, start in enumerate(first):
        yield int(rows[start]), rows[group.ravel() == g], 0.0


def _purchasable(columns: Columns, row: int) -> tuple[tuple[str, ...], ...]:
    """The paid signals that are recorded on a row, a tuple a model."""
    return tuple(
        tuple(
            sorted(n for n in columns.signal_cost if n in columns.signals and not np.isnan(columns.signals[n][row, m]))
        )
        for m in range(columns.models)
    )


def _round_price(mean: Floats | None) -> float:
    """What one more round trip costs in checks of a model's drafts, in verdicts, and no less than it is worth live.

    `mean` is the mean cost of its verdicts, None where none is recorded. So verdicts that were requests of their own
    are replayed in rounds, those of one request together.
    """
    if mean is None:
        return ROUND
    _, again, each, per_round = map(float, mean)
    more = again + per_round
    return ROUND if not more else max(ROUND, more / each) if each else math.inf


class _Walk:
    """`parts` are the kinds of rows that a policy tells apart by a model's free signals, found when they are needed."""

    def __init__(self, columns: Columns, k: int | None, terms: Terms) -> None:
        self.parts: dict[int, Parts] = {}
        n, models = len(columns), columns.models
        self.columns = columns
        direct = ~np.isnan(columns.probability)
        self.k = terms.most if k is None else np.where(terms.most > 0, k, 0)
        self.rounds = terms.rounds
        self.available = np.where(direct, self.k.max(initial=1), columns.recorded)
        self.done = Replayed(
            model=np.zeros(n, dtype=np.int64),
            drafted=np.zeros((n, models), dtype=bool),
            used=np.zeros((n, models), dtype=np.int64),
            score=np.zeros(n),
            cost=np.zeros(n),
            exhausted=np.zeros(n, dtype=bool),
            rounds=np.zeros((n, models), dtype=np.int64),
            spent=np.zeros((n, models, 3)),
        )

    def follow(self, policy: Policy, rows: Ints, start: State, past: tuple[Result, ...] = ()) -> None:
        """Take `rows` from `start` through `past` results to their endings."""
        flow = route(start, rounds=self.rounds.__getitem__)
        effect = next(flow)
        try:
            for result in past:
                effect = flow.send(result)
            while True:
                parts = self._perform(policy, rows, effect, start)
                for result, some in parts[1:]:
                    self.follow(policy, some, start, (*past, result))
                result, rows = parts[0]
                past = (*past, result)
                effect = flow.send(result)
        except StopIteration as stop:
            self._end(rows, stop.value)

    def _perform(
        self, policy: Policy, rows: Ints, effect: Decide | Draft | Check | Gauge, start: State
    ) -> list[tuple[Result, Ints]]:
        """The results of an effect, each with the rows that give it."""
        match effect:
            case Decide(state, batch):
                try:
                    decision = possible(in_rounds(policy, batch).decide(state), state)
                except Exception as error:  # the procedure says whose it is
                    return [(Failure(error), rows)]
                self._note_exhausted(policy, rows, state, decision)
                return [(decision, rows)]
            case Draft(model):
                self._pay(rows, model)
                blank = self.columns.empty[rows, model]
                parts: list[tuple[Result, Ints]] = [(Reply("", problem="empty"), rows[blank])]
                if model not in self.parts:
                    self.parts[model] = free_signals(policy, self.columns, model)
                kinds, rows = self.parts[model], rows[~blank]
                for kind in np.unique(kinds.kind[rows]).tolist():
                    reply = Reply("recorded", signals=dict(kinds.shown[kind]))
                    parts.append((reply, rows[kinds.kind[rows] == kind]))
                return [part for part in parts if len(part[1])]
            case Gauge(model, name):
                return self._measure(policy, rows, model, name)
            case Check(model, n):
                return self._check(policy, rows, model, n)

    def _pay(self, rows: Ints, model: int) -> None:
        self._spend(rows, model, ANSWERS, self.columns.costs[rows, model])
        self.done.drafted[rows, model] = True

    def _spend(self, rows: Ints, model: int, kind: int, cost: Floats) -> None:
        self.done.cost[rows] += cost
        self.done.spent[rows, model, kind] += cost

    def _measure(self, policy: Policy, rows: Ints, model: int, name: str) -> list[tuple[Result, Ints]]:
        self._spend(rows, model, SIGNALS, self.columns.signal_cost[name][rows, model])
        values = self.columns.signals[name][rows, model]
        kinds = measured(policy, model, name, values)
        parts: list[tuple[Result, Ints]] = []
        for kind in np.unique(kinds).tolist():
            some = kinds == kind
            value = float(values[some][0])
            parts.append((Measured(None if np.isnan(value) else value), rows[some]))
        return parts

    def _check(self, policy: Policy, rows: Ints, model: int, n: int) -> list[tuple[Result, Ints]]:
        columns, done = self.columns, self.done
        so_far = int(done.used[rows[0], model])
        first, again, each, per_round = columns.verdict_cost[rows, model].T
        probability = columns.probability[rows, model]
        direct = not np.isnan(probability[0])
        drawn = 1 if direct else n
        self._spend(rows, model, VERDICTS, (again if so_far else first) + each * drawn + per_round)
        done.used[rows, model] += drawn
        done.rounds[rows, model] += 1
        if direct:
            _, first_of, inverse = np.unique(
                confidences(policy, model, probability), return_index=True, return_inverse=True
            )
            results: list[Result] = [Checks(Tally(probability=float(probability[i]))) for i in first_of]
        else:
            batch = columns.said[rows, model, so_far + n] - columns.said[rows, model, so_far]
            values, inverse = np.unique(batch @ [1, n + 1, (n + 1) ** 2], return_inverse=True)
            results = [Checks(Tally(v % (n + 1), v // (n + 1) % (n + 1), v // (n + 1) ** 2)) for v in values.tolist()]
        return [(result, rows[inverse == i]) for i, result in enumerate(results)]

    def _note_exhausted(self, policy: Policy, rows: Ints, state: State, decision: Decision) -> None:
        """Mark rows on which the policy would draw more verdicts if more were recorded."""
        if isinstance(decision.action, Verify | Measure):
            return
        full = tuple(
            left if tally.probability is not None else max(left, int(k) - tally.drawn)
            for left, tally, k in zip(state.available, state.tallies, self.k, strict=True)
        )
        if full != state.available:
            wanted = policy.decide(replace(state, available=full)).action
            if isinstance(wanted, Verify) or (isinstance(wanted, Draft) and wanted != decision.action):
                self.done.exhausted[rows] = True

    def _end(self, rows: Ints, ending: Ending) -> None:
        model = ending.action.model
        if not isinstance(ending.action, Accept):
            self._pay(rows, model)
        self.done.model[rows] = model
        self.done.score[rows] = self.columns.scores[rows, model]
