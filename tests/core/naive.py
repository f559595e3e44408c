"""An independent, slow solution of a `Problem`: expectimax over ordered sequences of verdicts, no tallies, no numpy."""

from __future__ import annotations

import itertools
import math
from functools import cache

from automix_core.decision import Accept, Draft, Finish, Measure, Policy, State, Tally, Verify
from automix_core.policies.problem import ObservationModel, Problem

Said = tuple[tuple[int, ...] | None, ...]
"""Per model: the verdicts in the order drawn (0 correct, 1 incorrect, 2 unreadable), None without a draft."""


@cache
def sequence_probability(model: ObservationModel, state: int, said: tuple[int, ...]) -> float:
    """The probability of drawing `said` in this order, by summing over every order of every final tally."""
    total = 0.0
    symbols = 3 if model.reads else 2
    for rest in itertools.product(range(symbols), repeat=model.k - len(said)):
        whole = said + rest
        final = (whole.count(0), whole.count(1), whole.count(2))
        orders = math.factorial(model.k) / math.prod(math.factorial(c) for c in final)
        total += model.likelihood[state][model.finals.index(final)] / orders
    return total


def weights(problem: Problem, said: Said) -> list[float]:
    """The joint probability of each hidden state and what was said."""
    result = list(problem.prior)
    for model, verdicts in zip(problem.observations, said, strict=True):
        if verdicts is not None and model is not None:
            result = [w * sequence_probability(model, s, verdicts) for s, w in enumerate(result)]
    return result


def best(problem: Problem, said: Said) -> float:
    """The highest expected reward from here on, times the probability of `said`."""
    w = weights(problem, said)
    if sum(w) == 0:
        return 0.0
    held = [m for m, verdicts in enumerate(said) if verdicts is not None]
    latest = max(held, default=-1)
    options = []
    for m in range(problem.models):
        score = sum(x * row[m] for x, row in zip(w, problem.scores, strict=True))
        if m in held:
            verdicts = said[m] or ()
            if not (verdicts and set(verdicts) == {2}) or m == problem.models - 1:
                options.append(score)
        elif m > latest:
            paid = problem.cost_weight * problem.costs[m] * sum(w)
            options.append(score - paid)
            if problem.observations[m] is not None:
                options.append(best(problem, (*said[:m], (), *said[m + 1 :])) - paid)
    model = problem.observations[latest] if latest >= 0 else None
    if model is not None:
        so_far = said[latest] or ()
        for b in range(1, model.k - len(so_far) + 1):
            price = problem.cost_weight * model.cost.of(b, first=not so_far) * sum(w)
            outcomes = itertools.product(range(3 if model.reads else 2), repeat=b)
            ahead = sum(best(problem, (*said[:latest], so_far + more, *said[latest + 1 :])) for more in outcomes)
            options.append(ahead - price)
    return max(options)


def played(problem: Problem, policy: Policy, said: Said | None = None) -> float:
    """The expected reward of `policy` on `problem`, by following its decisions on every sequence of verdicts."""
    said = (None,) * problem.models if said is None else said
    w = weights(problem, said)
    if sum(w) == 0:
        return 0.0
    action = policy.decide(as_state(problem, said)).action
    m = action.model
    score = sum(x * row[m] for x, row in zip(w, problem.scores, strict=True))
    paid = problem.cost_weight * problem.costs[m] * sum(w)
    match action:
        case Accept():
            return score
        case Finish():
            return score - paid
        case Draft():
            return played(problem, policy, (*said[:m], (), *said[m + 1 :])) - paid
        case Verify(_, n):
            model, so_far = problem.observations[m], said[m] or ()
            assert model is not None
            outcomes = itertools.product(range(3 if model.reads else 2), repeat=n)
            ahead = sum(played(problem, policy, (*said[:m], so_far + more, *said[m + 1 :])) for more in outcomes)
            return ahead - problem.cost_weight * model.cost.of(n, first=not so_far) * sum(w)
        case Measure():
            raise AssertionError("none of these problems has signals")


def as_state(problem: Problem, said: Said) -> State:
    """The state in which a driver asks."""
    tallies = tuple(Tally() if v is None else Tally(v.count(0), v.count(1), v.count(2)) for v in said)
    left = tuple(0 if o is None else o.k - len(v or ()) for o, v in zip(problem.observations, said, strict=True))
    return State(tuple(v is not None for v in said), tallies, left)
