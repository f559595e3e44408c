"""Solving a `Problem` exactly: backward induction over the tallies (numpy; deciding needs none).

All values are kept unnormalised, multiplied by the probability of the history. Then the value of drawing b more checks
is a fixed linear map of the values one level on, because the chance that the first checks are tallied as t, given that
the checks so far are tallied as t', does not depend on the hidden state (`problem.thinning`):

    J(t) = max { w(t) . score_a                          accept the draft of model a, held
                 w(t) . (score_j - cost_weight * c_j)    let a later model j finish
                 J_j(w(t)) - cost_weight * c_j * |w(t)|  let j draft, to be checked
                 sum_t' thin(t, t') J(t') - cost_weight * x(b) * |w(t)|   draw b more }

with w(t) the weights of the hidden states. A draft's free evidence is seen before anything is decided: its bins part
the weights, and the values add up. Measuring a signal, before any check, parts them once more: the sum over its bins b
of J(w * P(b | state)), less its price. The cost per model is O(nodes^2) for each bin, and one model's tallies are the
rows of the next model's computation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..decision import Accept, Action, Draft, Finish, Measure, Verify
from .expected import Value
from .nodes import History, Ranked
from .pomdp import POMDP
from .problem import FREE, UNSEEN, Count, ObservationModel, Problem, Seen

Array = NDArray[np.float64]

_TIE = 1e-11
_ROWS = 2048
"""Rows of histories solved at a time: bounds memory for cascades of four models and more."""


def solve(problem: Problem, *, fixed: bool = False) -> POMDP:
    """The policy of highest expected reward.

    With `fixed` the first model always drafts and all k checks of a draft are drawn in one batch before anything is
    decided, as in the paper. Among actions of equal value the cheaper is taken, then the one with fewer verdicts:
    sampling stops as soon as the decision is settled, which loses nothing.

    >>> from automix_core.policies.problem import ObservationModel
    >>> checks = ObservationModel(k=1, likelihood=[[0.1, 0.9], [0.8, 0.2]])
    >>> solve(Problem([0.6, 0.4], [[1, 1], [0, 1]], [1, 50], [checks], cost_weight=0.01))
    POMDP(models=2, cost_weight=0.01)
    """
    return POMDP(problem, dict(_Solver(problem, fixed).table()), fixed)


def value(problem: Problem, *, fixed: bool = False) -> Value:
    """What the policy that `solve` returns is expected to do on `problem`."""
    options, best = _Solver(problem, fixed).start()
    reward, cost, verdicts = (float(figure) for figure in options[best][1][:, 0])
    return Value(reward, reward + problem.cost_weight * cost, cost, verdicts)


@dataclass(frozen=True, slots=True)
class _Level:
    """The tallies `at` of equal numbers `drawn`; `mute` ones, of which no verdict could be read, are apart.

    `ahead[b - 1]` are the tallies b checks later and how they thin to these.
    """

    drawn: int
    mute: bool
    at: NDArray[np.intp]
    ahead: tuple[tuple[NDArray[np.intp], Array], ...]


@dataclass(frozen=True, slots=True)
class _Lattice:
    """The tallies of up to k checks, numbered, fewer first; `thin[t, t']` as in the module's formula."""

    counts: tuple[Count, ...]
    drawn: NDArray[np.int64]
    mute: NDArray[np.bool_]
    levels: tuple[_Level, ...]
    thin: Array


@lru_cache(maxsize=32)
def _numbered(counts: tuple[Count, ...]) -> _Lattice:
    drawn, mute = np.array([sum(c) for c in counts]), np.array([_mute(c) for c in counts])
    thin = _thinnings(np.array(counts))
    levels = []
    for d, silent in product(range(int(drawn.max()), -1, -1), (False, True)):
        if len(at := np.flatnonzero((drawn == d) & (mute == silent))):
            later = [np.flatnonzero(drawn == there) for there in range(d + 1, int(drawn.max()) + 1)]
            levels.append(_Level(d, silent, at, tuple((there, thin[np.ix_(at, there)].T) for there in later)))
    return _Lattice(counts, drawn, mute, tuple(levels), thin)


def _thinnings(counts: NDArray[np.int64]) -> Array:
    """`thinning` of every tally to every other: products of binomial coefficients."""
    most = int(counts.sum(axis=1).max()) + 1
    choose = np.zeros((most, most))
    choose[:, 0] = 1
    for n in range(1, most):
        choose[n, 1:] = choose[n - 1, 1:] + choose[n - 1, :-1]
    drawn = counts.sum(axis=1)
    thin: Array = 1 / choose[drawn[None], np.minimum(drawn[:, None], drawn[None])]
    for kind in counts.T:
        thin *= choose[kind[None], kind[:, None]]
    return thin


def _lattice(model: ObservationModel) -> _Lattice:
    return _numbered(model.seen)


def _mute(count: Count) -> bool:
    return count[2] > 0 and count[0] + count[1] == 0


def _reach(model: ObservationModel) -> Array:
    """The probability [tally, state] that the first checks are tallied so."""
    lattice = _lattice(model)
    reach: Array = lattice.thin[:, lattice.drawn == model.k] @ np.array(model.likelihood).T
    return reach


Option: TypeAlias = tuple[Action, Array]
"""An action and what follows it, unnormalised: an array [reward, cost, verdicts] x histories."""


class _Solver:
    """Backward induction for one problem. A history is a row of hidden-state weights; `held` are the drafts to hand."""

    def __init__(self, problem: Problem, fixed: bool) -> None:
        self.problem, self.fixed = problem, fixed
        self.scores = np.array(problem.scores)
        self.ties = np.array([1 + problem.cost_weight * max(problem.costs), max(problem.costs), 1.0]) * _TIE
        self.reach = [
            None if not problem.judged(m) else np.ones((1, len(problem.prior))) if o is None else _reach(o)
            for m, o in enumerate(problem.observations)
        ]
        self.parts = [[np.array(signal.likelihood).T for signal in some] for some in problem.signals]

    def start(self) -> tuple[list[Option], int]:
        """Every first action, and which of them is best."""
        prior = np.array([self.problem.prior])
        options = self._leave((), -1, prior)
        forced = [i for i, (action, _) in enumerate(options) if self.fixed and action == Draft(0)]
        return options, forced[0] if forced else int(self._choose(_stack(options), prior.sum(axis=1))[0])

    def table(self) -> Iterator[tuple[History, Ranked]]:
        """The nodes of the policy: every tally of a first draft, later drafts where the policy leads."""
        nothing: History = (None,) * self.problem.models
        options, best = self.start()
        yield nothing, _rank(options, 0, best, 1.0, self.fixed)
        for m in range(self.problem.models):
            if self.reach[m] is not None:
                yield from self._nodes((), nothing, m, np.array([self.problem.prior]))

    def _nodes(
        self, held: tuple[int, ...], before: History, m: int, weights: Array
    ) -> Iterator[tuple[History, Ranked]]:
        """The nodes once model m has drafted: one part for each bin of its evidence, one where that is missing."""
        unseen = (UNSEEN,) * len(self.parts[m])
        yield from self._known_nodes(held, before, m, weights, unseen)
        if self._free(m):
            for place, part in enumerate(self.parts[m][0]):
                yield from self._known_nodes(held, before, m, weights * part, (place, *unseen[1:]))

    def _known_nodes(
        self, held: tuple[int, ...], before: History, m: int, weights: Array, seen: Seen
    ) -> Iterator[tuple[History, Ranked]]:
        """The nodes of every tally; with signals only of those to which the policy leads."""
        ranked: dict[Count, Ranked] = {}
        self._known(held, m, weights, seen, ranked)
        reached = {(0, 0, 0)}
        for count, after in zip(self._lattice(m).counts, self._after(m, weights)[0], strict=True):
            if not after.sum() > 0 or (seen and count not in reached):
                continue
            history = (*before[:m], (*count, *seen), *before[m + 1 :])
            yield history, ranked[count]
            best = ranked[count][0][0]
            other = next(action for action, _ in ranked[count] if not isinstance(action, Measure))  # if it can't be had
            if count in reached and isinstance(other, Verify):
                reached.update(self._following(m, count, other.n))
            if count in reached and isinstance(other, Draft):
                now = self._keepable(held, m, _mute(count))
                yield from self._nodes(now, history, other.model, after[None])
            if isinstance(best, Measure):
                i = [signal.name for signal in self.problem.signals[m]].index(best.name)
                for place, part in enumerate(self.parts[m][i]):
                    yield from self._known_nodes(held, before, m, weights * part, (*seen[:i], place, *seen[i + 1 :]))

    def _free(self, m: int) -> bool:
        return bool(self.parts[m]) and self.problem.signals[m][0].name == FREE

    def _following(self, m: int, count: Count, n: int) -> Iterator[Count]:
        """The tallies to which n more checks may lead."""
        lattice, model = self._lattice(m), self.problem.observations[m]
        assert model is not None
        goal = sum(count) + (model.k if model.direct else n)
        for after in np.flatnonzero((lattice.drawn == goal) & (lattice.thin[lattice.counts.index(count)] > 0)):
            yield lattice.counts[after]

    def _keepable(self, held: tuple[int, ...], m: int, mute: bool) -> tuple[int, ...]:
        """The drafts that may be accepted: no mute one, but for the last model's, after which there is no other."""
        return held if mute and m < self.problem.models - 1 else (*held, m)

    def _lattice(self, m: int) -> _Lattice:
        model = self.problem.observations[m]
        return _numbered(((0, 0, 0),)) if model is None else _lattice(model)

    def _after(self, m: int, weights: Array) -> Array:
        """The weights [row, tally, state] after each tally of model m's draft."""
        reach = self.reach[m]
        assert reach is not None
        return weights[:, None, :] * reach[None]

    def _leave(self, held: tuple[int, ...], latest: int, weights: Array) -> list[Option]:
        """Every action but drawing checks: accept a draft held, or go to a model after `latest`."""
        mass = weights.sum(axis=1)
        none = np.zeros_like(mass)
        options: list[Option] = [(Accept(m), np.stack([weights @ self.scores[:, m], none, none])) for m in held]
        for m in range(latest + 1, self.problem.models):
            spent = mass * self.problem.costs[m]
            paid = np.stack([-self.problem.cost_weight * spent, spent, none])
            answer = np.stack([weights @ self.scores[:, m], none, none])
            options.append((Finish(m), answer + paid))
            if self.reach[m] is not None:
                rows = range(0, len(weights), _ROWS)
                parts = [self._draft(held, m, weights[row : row + _ROWS]) for row in rows]
                options.append((Draft(m), np.concatenate(parts, axis=1) + paid))
        return options

    def _draft(self, held: tuple[int, ...], m: int, weights: Array) -> Array:
        """What follows once model m has drafted and its free evidence is seen."""
        unseen = (UNSEEN,) * len(self.parts[m])
        if not self._free(m):
            return self._known(held, m, weights, unseen)
        outcome = np.zeros((3, len(weights)))
        for place, part in enumerate(self.parts[m][0]):
            outcome += self._known(held, m, weights * part, (place, *unseen[1:]))
        return outcome

    def _measure(self, held: tuple[int, ...], m: int, weights: Array, seen: Seen) -> list[Option]:
        """Getting each signal that is paid for and not known yet."""
        options: list[Option] = []
        for i, signal in enumerate(self.problem.signals[m]):
            if seen[i] != UNSEEN or signal.name == FREE:
                continue
            outcome = np.zeros((3, len(weights)))
            for place, part in enumerate(self.parts[m][i]):
                outcome += self._known(held, m, weights * part, (*seen[:i], place, *seen[i + 1 :]))
            paid = np.multiply.outer([-self.problem.cost_weight * signal.cost, signal.cost, 0.0], weights.sum(axis=1))
            options.append((Measure(m, signal.name), outcome + paid))
        return options

    def _known(
        self, held: tuple[int, ...], m: int, weights: Array, seen: Seen, ranked: dict[Count, Ranked] | None = None
    ) -> Array:
        """What follows where the signals `seen` are known; fills `ranked` for the first row if it is given."""
        lattice, model = self._lattice(m), self.problem.observations[m]
        after = self._after(m, weights)
        rows, nodes, states = after.shape
        mass = after.sum(axis=2)
        leaving: dict[bool, tuple[list[Action], Array]] = {}
        for mute in set(lattice.mute.tolist()):
            some = after[:, lattice.mute == mute]
            options = self._leave(self._keepable(held, m, mute), m, some.reshape(-1, states))
            whole = np.zeros((len(options), 3, rows, nodes))
            whole[:, :, :, lattice.mute == mute] = _stack(options).reshape(len(options), 3, rows, -1)
            leaving[mute] = [action for action, _ in options], whole
        outcome = np.zeros((3, rows, nodes))
        for level in lattice.levels:
            actions, whole = leaving[level.mute]
            k = 0 if model is None else model.k
            draws = [self._draw(m, level, b, mass, outcome) for b in range(k - level.drawn, 0, -1)]
            draws = draws[:1] if model is not None and model.direct else draws
            measured = self._measure(held, m, weights, seen) if seen and level.drawn == 0 else []
            actions = [*(action for action, _ in draws), *actions, *(action for action, _ in measured)]
            values = np.concatenate(
                [
                    *(draw[None] for _, draw in draws),
                    whole[:, :, :, level.at],
                    *(measure[None, :, :, None] for _, measure in measured),
                ]
            )
            values = values.reshape(len(actions), 3, -1)
            here = mass[:, level.at].ravel()
            forced = self.fixed and level.drawn == 0
            best = self._choose(values, here, forced=bool(draws) and forced)
            outcome[:, :, level.at] = values[best, :, np.arange(len(here))].T.reshape(3, rows, -1)
            if ranked is not None:
                for place, t in enumerate(level.at):
                    options = list(zip(actions, values[:, :, place : place + 1], strict=True))
                    ranked[lattice.counts[t]] = _rank(options, 0, int(best[place]), here[place], forced)
        return outcome[:, :, 0]

    def _draw(self, m: int, level: _Level, b: int, mass: Array, outcome: Array) -> Option:
        """Drawing b more checks at `level`: an array [3, row, tally]."""
        model = self.problem.observations[m]
        assert model is not None
        there, thin = level.ahead[b - 1]
        checks = 1 if model.direct else b
        price = model.cost.of(checks, first=level.drawn == 0)
        spent = np.multiply.outer([-self.problem.cost_weight * price, price, float(checks)], mass[:, level.at])
        return Verify(m, checks), outcome[:, :, there] @ thin + spent

    def _choose(self, values: Array, mass: Array, *, forced: bool = False) -> NDArray[np.intp]:
        """The best of `values` [option, 3, history]: highest reward, then lowest cost, then fewest verdicts.

        With `forced` it is the first option, whatever its value.
        """
        if forced:
            return np.zeros(len(mass), dtype=np.intp)
        tied = np.ones((len(values), values.shape[2]), dtype=bool)
        for figure, sign, tie in zip(range(3), (1, -1, -1), self.ties, strict=True):
            worth = np.where(tied, sign * values[:, figure], -np.inf)
            tied = worth >= worth.max(axis=0) - tie * mass
        best: NDArray[np.intp] = tied.argmax(axis=0)
        return best


def _stack(options: list[Option]) -> Array:
    return np.stack([outcome for _, outcome in options])


def _rank(options: list[Option], place: int, best: int, mass: float, forced: bool) -> Ranked:
    """The options of one history, `best` first, the others by reward; forced draws keep their order."""
    valued = [(action, float(outcome[0, place] / mass) if mass > 0 else 0.0) for action, outcome in options]
    first = valued.pop(best)
    draws = [option for option in valued if forced and isinstance(option[0], Verify)]
    others = [option for option in valued if option not in draws]
    return (first, *draws, *sorted(others, key=lambda option: -option[1]))
