"""Three models at costs 1, 10 and 100: ours against chained thresholds, the better single model and the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from automix_core.decision import Accept, Decision, Draft, Finish, Policy, State, Verify
from automix_core.fitting.estimate import estimate
from automix_core.outcomes.columns import MISSING, Columns
from automix_core.outcomes.verdict_cost import VerdictCost
from automix_core.policies import ObservationModel, Problem, solve
from automix_core.policies.expected import expected
from benchmarks.policies.worlds import Array, K, beta_binomial

COSTS = (1.0, 10.0, 100.0)
BITS = np.array(list(product((1, 0), repeat=3)))

SCENARIOS = {
    "normal": ((0.50, 0.65, 0.85), 0.35, (0.72, 0.40), (0.75, 0.40)),
    "bad middle model": ((0.55, 0.45, 0.88), 0.35, (0.74, 0.40), (0.72, 0.42)),
    "uninformative middle verifier": ((0.50, 0.66, 0.85), 0.35, (0.72, 0.40), (0.60, 0.58)),
    "mostly unsolvable": ((0.25, 0.32, 0.45), 0.60, (0.70, 0.40), (0.70, 0.42)),
}
"""Share of queries that each model answers rightly, how much the models' successes go together, and each verifier's
mean rate of "correct" on right and on wrong drafts (concentration 3.5)."""

WAYS = {"paper": (1.0, 1.0, 0.0), "cached prefix": (0.5, 0.0, 0.25)}
"""first, again and each, times the cost of the model that checks."""


def truth(scenario: str, way: str, kappa: float) -> Problem:
    """The scenario as a decision problem; lambda = kappa times the slope from the first to the last model."""
    right, tied, first, second = SCENARIOS[scenario]
    prior = np.prod(np.where(BITS == 1, right, 1 - np.array(right)), axis=1)
    steps = (1 - right[2], right[2] - right[1], right[1] - right[0], right[0])
    ladder = dict(zip([(0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1)], steps, strict=True))
    together = np.array([max(ladder.get(tuple(bits), 0.0), 0.0) for bits in BITS.tolist()])
    prior = (1 - tied) * prior + tied * together / together.sum()
    models = [_checks(first, 0, way), _checks(second, 1, way)]
    scores = BITS.astype(float)
    mean = prior @ scores
    weight = kappa * float(mean[2] - mean[0]) / (COSTS[2] - COSTS[0])
    return Problem(prior.tolist(), scores.tolist(), COSTS, models, weight)


def _checks(rates: tuple[float, float], m: int, way: str) -> ObservationModel:
    table = [beta_binomial(rates[0] if bits[m] else rates[1], 3.5).tolist() for bits in BITS]
    return ObservationModel(K, table, VerdictCost(*(COSTS[m] * part for part in WAYS[way])))


def sample(problem: Problem, n: int, rng: np.random.Generator) -> Columns:
    """Outcomes of a three-model problem."""
    state = rng.choice(len(BITS), n, p=np.array(problem.prior))
    verdicts = np.full((n, 3, K), MISSING, dtype=np.int8)
    price = np.zeros((n, 3, 4))
    for m in range(2):
        model = problem.observations[m]
        assert model is not None
        cumulated = np.cumsum(np.array(model.likelihood), axis=1)
        counts = (rng.random(n)[:, None] > cumulated[state]).sum(axis=1).clip(0, K)
        verdicts[:, m] = np.argsort(rng.random((n, K)), axis=1) < counts[:, None]
        price[:, m] = (model.cost.first, model.cost.again, model.cost.each, 0)
    return Columns(
        ids=tuple(map(str, range(n))),
        names=("small", "middle", "large"),
        scores=BITS[state].astype(float),
        costs=np.tile(COSTS, (n, 1)),
        verdicts=verdicts,
        probability=np.full((n, 3), np.nan),
        verdict_cost=price,
        empty=np.zeros((n, 3), dtype=bool),
        free=np.zeros(n, dtype=bool),
    )


@dataclass(frozen=True)
class Chain:
    """Climb one model at a time, each with a threshold of its own, all verdicts drawn."""

    cuts: tuple[float, float]

    def decide(self, state: State) -> Decision:
        m = state.latest
        if m is None:
            return Decision(Draft(0), "")
        if state.available[m]:
            return Decision(Verify(m, state.available[m]), "")
        if (state.tallies[m].confidence or 0.0) >= self.cuts[m]:
            return Decision(Accept(m), "")
        return Decision(Draft(1) if m == 0 else Finish(2), "")


def chain(columns: Columns, problem: Problem) -> Policy:
    """The chained thresholds of highest training reward."""
    confidence = columns.tallies[:, :2, 0] / K
    spent = np.array([COSTS[m] + _all(problem.observations[m]) for m in range(2)])
    best, chosen = -np.inf, Chain((0.0, 0.0))
    levels = [*(np.arange(K + 1) / K).tolist(), 1.01]
    for cuts in product(levels, levels):
        keep = confidence >= cuts
        model = np.where(keep[:, 0], 0, np.where(keep[:, 1], 1, 2))
        cost = spent[0] + np.where(model > 0, spent[1], 0) + np.where(model > 1, COSTS[2], 0)
        reward = float((columns.scores[np.arange(len(columns)), model] - problem.cost_weight * cost).mean())
        if reward > best:
            best, chosen = reward, Chain(cuts)
    return chosen


def _all(model: ObservationModel | None) -> float:
    return 0.0 if model is None else model.cost.of(K, first=True)


def table(labels: tuple[int, ...], seeds: int) -> list[list[str]]:
    """Points above the better single model."""
    rows = [["scenario", "paid", "n", "chained thresholds", "ours, always verifying", "ours", "knows the truth"]]
    for (scenario, way), n in product(product(SCENARIOS, WAYS), labels):
        figures: list[NDArray[np.float64]] = []
        for kappa in (0.7, 1.0, 1.4):
            problem = truth(scenario, way, kappa)
            single, gap = _singles(problem)
            ideal = expected(solve(problem), problem).reward
            for seed in range(seeds):
                columns = sample(problem, n, np.random.default_rng([seed, n, list(SCENARIOS).index(scenario)]))
                guess = replace(estimate(columns), cost_weight=problem.cost_weight)
                policies = (chain(columns, problem), solve(guess, fixed=True), solve(guess))
                rewards = [*(expected(policy, problem).reward for policy in policies), ideal]
                figures.append(100 * (np.array(rewards) - single) / gap)
        means, errors = np.mean(figures, axis=0), np.std(figures, axis=0, ddof=1) / np.sqrt(len(figures))
        rows.append([scenario, way, str(n), *(f"{m:.1f} ± {e:.1f}" for m, e in zip(means, errors, strict=True))])
    return rows


def _singles(problem: Problem) -> tuple[float, float]:
    mean: Array = np.array(problem.prior) @ np.array(problem.scores)
    return float((mean - problem.cost_weight * np.array(COSTS)).max()), float(mean[2] - mean[0])
