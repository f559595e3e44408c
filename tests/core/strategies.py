"""Hypothesis strategies for decision problems and states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from automix_core.decision import State, Tally
from automix_core.outcomes.verdict_cost import VerdictCost
from automix_core.policies import ObservationModel, Problem, SignalModel
from automix_core.policies.problem import final_counts

Draw = Any


def distributions(size: int) -> st.SearchStrategy[list[float]]:
    """Probabilities that sum to 1, zeros included."""
    parts = st.lists(st.integers(0, 5), min_size=size, max_size=size).filter(any)
    return parts.map(lambda weights: [w / sum(weights) for w in weights])


@st.composite
def problems(draw: Draw, models: int = 2, most_checks: int = 3, last_checked: bool = False) -> Problem:
    """Small problems with 2 to 4 hidden states; each model but the last may be checked."""
    states = draw(st.integers(2, 4))
    unit, price = st.integers(0, 4).map(lambda i: i / 4), st.integers(0, 3).map(lambda i: i / 40)
    observations: list[ObservationModel | None] = []
    for _ in range(models - (not last_checked)):
        k, reads = draw(st.integers(1, most_checks)), draw(st.booleans())
        size = len(final_counts(k)) if reads else k + 1
        table = [draw(distributions(size)) for _ in range(states)]
        cost = VerdictCost(draw(price), draw(price), draw(price), draw(price))
        observations.append(draw(st.sampled_from([ObservationModel(k, table, cost)] * 4 + [None])))
    return Problem(
        prior=draw(distributions(states)),
        scores=[[draw(unit) for _ in range(models)] for _ in range(states)],
        costs=[draw(st.integers(0, 10)) for _ in range(models)],
        observations=observations,
        cost_weight=draw(st.sampled_from([0.0, 0.02, 0.1, 1.0])),
    )


@st.composite
def with_signals(draw: Draw, models: int = 2, most_checks: int = 2) -> Problem:
    """Small problems whose drafts have free evidence, signals to buy, both or neither; some can't be checked."""
    problem: Problem = draw(problems(models=models, most_checks=most_checks))
    states = len(problem.prior)

    def model(name: str, cost: float) -> SignalModel:
        edges = sorted({draw(st.sampled_from([0.2, 0.4, 0.6])) for _ in range(2)})
        return SignalModel(edges, [draw(distributions(len(edges) + 1)) for _ in range(states)], name, cost)

    price = st.integers(0, 3).map(lambda i: i / 40)
    kinds = st.sampled_from([(), ("evidence",), ("evidence", "p_correct"), ("p_correct", "agreement")])
    signals = [
        [model(name, 0.0 if name == "evidence" else draw(price)) for name in draw(kinds)] for _ in range(models - 1)
    ]
    return replace(problem, signals=signals)


@st.composite
def tallies(draw: Draw, most: int = 6) -> Tally:
    """Any tally, failed checks and direct confidences included."""
    few = st.integers(0, most)
    direct = draw(st.one_of(st.none(), st.floats(0, 1)))
    return Tally(draw(few), draw(few), draw(few), draw(few), direct)


@st.composite
def states(draw: Draw, models: int = 2) -> State:
    """Any state that a driver could reach, and some that it could not."""
    drafted = tuple(draw(st.booleans()) for _ in range(models))
    seen = tuple(draw(tallies()) if held else Tally() for held in drafted)
    available = tuple(draw(st.integers(0, 6)) for _ in range(models))
    return State(drafted, seen, available, draw(st.floats(0, 1, exclude_max=True)))
