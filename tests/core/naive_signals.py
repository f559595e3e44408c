"""An independent, slow solution of a `Problem` with signals: expectimax over verdicts in order and bins, no numpy."""

from __future__ import annotations

import itertools

from automix_core.policies.problem import FREE, UNSEEN, Problem
from tests.core.naive import sequence_probability

Known = tuple[tuple[tuple[int, ...], tuple[int, ...]] | None, ...]
"""Per model: verdicts in the order drawn and the bin of each signal; None without a draft."""


def weights(problem: Problem, known: Known) -> list[float]:
    """The joint probability of each hidden state and what is known."""
    result = list(problem.prior)
    for m, draft in enumerate(known):
        if draft is None:
            continue
        verdicts, bins = draft
        model = problem.observations[m]
        for s in range(len(result)):
            if model is not None:
                result[s] *= sequence_probability(model, s, verdicts)
            for signal, place in zip(problem.signals[m], bins, strict=True):
                result[s] *= 1.0 if place == UNSEEN else signal.likelihood[s][place]
    return result


def best(problem: Problem, known: Known) -> float:
    """The highest expected reward from here on, times the probability of what is known."""
    w = weights(problem, known)
    if sum(w) == 0:
        return 0.0
    held = [m for m, draft in enumerate(known) if draft is not None]
    latest = max(held, default=-1)
    options = []
    for m in range(problem.models):
        score = sum(x * row[m] for x, row in zip(w, problem.scores, strict=True))
        draft = known[m]
        if draft is not None:
            if not (draft[0] and set(draft[0]) == {2}) or m == problem.models - 1:
                options.append(score)
        elif m > latest:
            paid = problem.cost_weight * problem.costs[m] * sum(w)
            options.append(score - paid)
            if problem.judged(m):
                options.append(drafted(problem, known, m) - paid)
    if latest >= 0:
        options += bought(problem, known, latest, sum(w))
    return max(options)


def drafted(problem: Problem, known: Known, m: int) -> float:
    """What follows a draft of model m: its free evidence is seen at once."""
    signals = problem.signals[m]
    unseen = (UNSEEN,) * len(signals)
    if not signals or signals[0].name != FREE:
        return best(problem, put(known, m, (), unseen))
    return sum(best(problem, put(known, m, (), (place, *unseen[1:]))) for place in range(signals[0].bins))


def bought(problem: Problem, known: Known, m: int, mass: float) -> list[float]:
    """What follows each batch of verdicts, and each signal that can be had before the first."""
    draft, model = known[m], problem.observations[m]
    assert draft is not None
    verdicts, bins = draft
    options = []
    for b in range(1, 0 if model is None else model.k - len(verdicts) + 1):
        assert model is not None
        more = itertools.product(range(3 if model.reads else 2), repeat=b)
        ahead = sum(best(problem, put(known, m, verdicts + each, bins)) for each in more)
        options.append(ahead - problem.cost_weight * model.cost.of(b, first=not verdicts) * mass)
    for i, signal in enumerate(problem.signals[m]):
        if signal.name == FREE or bins[i] != UNSEEN or verdicts:
            continue
        places = ((*bins[:i], place, *bins[i + 1 :]) for place in range(signal.bins))
        ahead = sum(best(problem, put(known, m, verdicts, each)) for each in places)
        options.append(ahead - problem.cost_weight * signal.cost * mass)
    return options


def put(known: Known, m: int, verdicts: tuple[int, ...], bins: tuple[int, ...]) -> Known:
    """The same with another draft of model m."""
    return (*known[:m], (verdicts, bins), *known[m + 1 :])
