"""What a policy is expected to do on a decision problem: exact, by following it over all tallies."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..decision import Accept, Decision, Draft, Finish, Policy, State, Tally, Verify
from .mixture import Mixture
from .problem import Count, Problem, thinning


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
            case Accept() | Finish():
                score += math.fsum(w * row[m] for w, row in zip(visit.weights, problem.scores, strict=True))
                cost += share * problem.costs[m] * isinstance(action, Finish)
    return Value(score - problem.cost_weight * cost, score, cost, verdicts)


def visits(policy: Policy, problem: Problem) -> Iterator[Visit]:
    """Every state that `policy` gets to if `problem` is the truth, in the order of its actions.

    Histories with the same tallies are one: all that matters is the share of orders in which the policy gets there.
    """
    start = State.start(problem.models, tuple(0 if o is None else o.k for o in problem.observations))
    shares = {start: 1.0}
    queue: list[tuple[tuple[int, int], int, State]] = [((-1, 0), 0, start)]
    while queue:
        state = heapq.heappop(queue)[2]
        weights = tuple(shares[state] * weight for weight in _weights(problem, state))
        decision = policy.decide(state)
        yield Visit(state, math.fsum(weights), decision, weights)
        match decision.action:
            case Draft(m):
                following = [(_drafted(state, m), 1.0)]
            case Verify(m, n):
                following = _checked(problem, state, m, n)
            case _:
                following = []
        for after, part in following:
            if after not in shares:
                heapq.heappush(queue, (_progress(after), len(shares), after))
            shares[after] = shares.get(after, 0.0) + shares[state] * part


def _progress(state: State) -> tuple[int, int]:
    """Grows with every action, so that a state is visited once all ways to it are."""
    latest = state.latest
    assert latest is not None
    return latest, state.tallies[latest].drawn


def _drafted(state: State, m: int) -> State:
    drafted = tuple(held or i == m for i, held in enumerate(state.drafted))
    return State(drafted, state.tallies, state.available)


def _seen(tally: Tally, k: int) -> Count:
    if tally.probability is None:
        return tally.correct, tally.incorrect, tally.unreadable
    correct = round(tally.probability * k)
    return correct, k - correct, 0


def _weights(problem: Problem, state: State) -> list[float]:
    """The joint probability of each hidden state and the tallies."""
    weights = list(problem.prior)
    for held, tally, model in zip(state.drafted, state.tallies, problem.observations, strict=True):
        if held and model is not None:
            likelihood = model.of(_seen(tally, model.k))
            weights = [w * p for w, p in zip(weights, likelihood, strict=True)]
    return weights


def _price(problem: Problem, state: State, m: int, n: int) -> float:
    model = problem.observations[m]
    return 0.0 if model is None else model.cost.of(n, first=not state.tallies[m].drawn)


def _checked(problem: Problem, state: State, m: int, n: int) -> list[tuple[State, float]]:
    """The states after `n` more checks of model m's draft, and the share of orders that leads to each."""
    model = problem.observations[m]
    assert model is not None
    before = _seen(state.tallies[m], model.k)
    goal = model.k if model.direct else sum(before) + n
    result = []
    for count in model.seen:
        share = thinning(before, count) if sum(count) == goal else 0.0
        if share > 0:
            tally = Tally(probability=count[0] / model.k) if model.direct else Tally(*count)
            left = 0 if model.direct else model.k - goal
            tallies = tuple(tally if i == m else t for i, t in enumerate(state.tallies))
            available = tuple(left if i == m else a for i, a in enumerate(state.available))
            result.append((State(state.drafted, tallies, available), share))
    return result
