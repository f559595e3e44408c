"""What a policy is expected to do on a decision problem: exact, by following it over all tallies."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..decision import Accept, Decision, Draft, Finish, Measure, Policy, State, Tally, Verify, sorted_signals
from .mixture import Mixture
from .problem import FREE, UNSEEN, Count, Problem, SignalModel, thinning
from .timed import untimed


@dataclass(frozen=True, slots=True)
class Value:
    """Means a query: score, cost, verdicts drawn, and reward = score - cost_weight * cost."""

    reward: float
    score: float
    cost: float
    verdicts: float

    def mixed(self, other: Value, weight: float) -> Value:
        """A share `weight` of this and the rest of `other`."""
        pairs = zip(
            (self.reward, self.score, self.cost, self.verdicts),
            (other.reward, other.score, other.cost, other.verdicts),
            strict=True,
        )
        return Value(*(weight * a + (1 - weight) * b for a, b in pairs))


@dataclass(frozen=True, slots=True)
class Visit:
    """A state that a policy gets to, how often, what it decides there, and the state's hidden-state weights.

    `probability` is the share of queries that get there; `weights` are joint with getting there.
    """

    state: State
    probability: float
    decision: Decision
    weights: tuple[float, ...]


def expected(policy: Policy, problem: Problem) -> Value:
    """The value of `policy` if `problem` is the truth; of policies that use the coin, mixtures only."""
    policy = untimed(policy)
    if isinstance(policy, Mixture):
        return expected(policy.first, problem).mixed(expected(policy.second, problem), policy.weight)
    score = cost = verdicts = 0.0
    for visit in visits(policy, problem):
        action, share = visit.decision.action, visit.probability
        m = action.model
        match action:
            case Draft():
                cost += share * problem.costs[m]
            case Verify(_, n):
                cost += share * _price(problem, visit.state, m, n)
                verdicts += share * n
            case Measure(_, name):
                cost += share * _signal(problem, m, name)[1].cost
            case Accept() | Finish():
                score += math.fsum(w * row[m] for w, row in zip(visit.weights, problem.scores, strict=True))
                cost += share * problem.costs[m] * isinstance(action, Finish)
    return Value(score - problem.cost_weight * cost, score, cost, verdicts)


def visits(policy: Policy, problem: Problem) -> Iterator[Visit]:
    """Every state that `policy` gets to if `problem` is the truth, in the order of its actions.

    Histories with the same tallies are one: all that matters is the share of orders in which the policy gets there. A
    bin of a signal stands for itself: the states hold a number that lies in it.
    """
    start = State.start(
        problem.models,
        tuple(0 if o is None else o.k for o in problem.observations),
        purchasable=tuple(tuple(s.name for s in some if s.name != FREE) for some in problem.signals),
    )
    shares = {start: 1.0}
    queue: list[tuple[tuple[int, int, int], int, State]] = [((-1, 0, 0), 0, start)]
    while queue:
        state = heapq.heappop(queue)[2]
        weights = tuple(shares[state] * weight for weight in _weights(problem, state))
        decision = policy.decide(state)
        yield Visit(state, math.fsum(weights), decision, weights)
        match decision.action:
            case Draft(m):
                following = [(after, 1.0) for after in _drafted(problem, state, m)]
            case Verify(m, n):
                following = _checked(problem, state, m, n)
            case Measure(m, name):
                following = [(after, 1.0) for after in _measured(problem, state, m, name)]
            case _:
                following = []
        for after, part in following:
            if after not in shares:
                heapq.heappush(queue, (_progress(after), len(shares), after))
            shares[after] = shares.get(after, 0.0) + shares[state] * part


def _progress(state: State) -> tuple[int, int, int]:
    """Grows with every action, so that a state is visited once all ways to it are."""
    latest = state.latest
    assert latest is not None
    return latest, state.tallies[latest].drawn, len(state.signals_of(latest))


def _drafted(problem: Problem, state: State, m: int) -> list[State]:
    """The states after a draft, one for each bin of its evidence."""
    state = replace(state, drafted=tuple(held or i == m for i, held in enumerate(state.drafted)))
    free = next((s for s in problem.signals[m] if s.name == FREE), None)
    return [state] if free is None else [_known(state, m, free, place) for place in range(free.bins)]


def _measured(problem: Problem, state: State, m: int, name: str) -> list[State]:
    left = tuple(tuple(n for n in names if i != m or n != name) for i, names in enumerate(state.purchasable))
    _, signal = _signal(problem, m, name)
    return [_known(replace(state, purchasable=left), m, signal, place) for place in range(signal.bins)]


def _known(state: State, m: int, signal: SignalModel, place: int) -> State:
    known = list(state.signals or ((),) * len(state.drafted))
    known[m] = sorted_signals({**state.signals_of(m), signal.name: signal.value(place)})
    return replace(state, signals=tuple(known))


def _signal(problem: Problem, m: int, name: str) -> tuple[int, SignalModel]:
    return next((i, signal) for i, signal in enumerate(problem.signals[m]) if signal.name == name)


def _seen(problem: Problem, state: State, m: int) -> Count:
    """The tally of model m's draft, a direct confidence as its step."""
    tally, model = state.tallies[m], problem.observations[m]
    if tally.probability is None or model is None:
        return tally.correct, tally.incorrect, tally.unreadable
    step = model.step(tally.probability)
    return step, model.k - step, 0


def _weights(problem: Problem, state: State) -> list[float]:
    """The joint probability of each hidden state and the tallies."""
    weights = list(problem.prior)
    for m, (held, model) in enumerate(zip(state.drafted, problem.observations, strict=True)):
        if not held:
            continue
        likelihoods = [] if model is None else [model.of(_seen(problem, state, m))]
        signals = state.signals_of(m)
        likelihoods += [s.of(place) for s in problem.signals[m] if (place := s.place(signals)) != UNSEEN]
        for likelihood in likelihoods:
            weights = [w * p for w, p in zip(weights, likelihood, strict=True)]
    return weights


def _price(problem: Problem, state: State, m: int, n: int) -> float:
    model = problem.observations[m]
    return 0.0 if model is None else model.cost.of(n, first=not state.tallies[m].drawn)


def _checked(problem: Problem, state: State, m: int, n: int) -> list[tuple[State, float]]:
    """The states after `n` more checks of model m's draft, and the share of orders that leads to each."""
    model = problem.observations[m]
    assert model is not None
    before = _seen(problem, state, m)
    goal = model.k if model.direct else sum(before) + n
    result = []
    for count in model.seen:
        share = thinning(before, count) if sum(count) == goal else 0.0
        if share > 0:
            tally = Tally(probability=model.confidence(count[0])) if model.direct else Tally(*count)
            left = 0 if model.direct else model.k - goal
            tallies = tuple(tally if i == m else t for i, t in enumerate(state.tallies))
            available = tuple(left if i == m else a for i, a in enumerate(state.available))
            result.append((replace(state, tallies=tallies, available=available), share))
    return result
