"""The simulated worlds of worlds.json: hidden states, a verifier that sees them dimly, costs, and exact truths.

A point is 1 % of a world's gap between the large and the small model's score. Verdict counts of a state are mixtures of
beta-binomials, so what any policy earns in a world is computed exactly, not sampled.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automix_core.outcomes.columns import MISSING, Columns
from automix_core.outcomes.verdict_cost import VerdictCost
from automix_core.policies.problem import ObservationModel, Problem

Array = NDArray[np.float64]

K = 8
PARAMETERS: dict[str, Any] = json.loads(Path(__file__).with_name("worlds.json").read_text())
RIGHT = np.array(PARAMETERS["state_scores_small_large"], dtype=float)
TASKS, VERIFIERS = list(PARAMETERS["tasks"]), list(PARAMETERS["verifiers"])
WAYS = {
    name.split(":")[0]: VerdictCost(cost["first"], cost["again"], cost["each"])
    for name, cost in PARAMETERS["costs"]["verification"].items()
}
RATIOS: list[float] = PARAMETERS["costs"]["large"]
KAPPAS = (0.7, 1.0, 1.4)


def beta_binomial(mean: float, strength: float, k: int = K) -> Array:
    """P(c of k) when the rate is Beta(mean * strength, (1 - mean) * strength)."""

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    a, b = mean * strength, (1 - mean) * strength
    return np.array([math.comb(k, c) * math.exp(log_beta(a + c, b + k - c) - log_beta(a, b)) for c in range(k + 1)])


@dataclass(frozen=True)
class World:
    """One task with one verifier.

    `mis`: 40 % of queries meet a verifier that no state explains; `soft`: F1-like scores.
    """

    task: str
    verifier: str
    mis: bool = False
    soft: bool = False

    @cached_property
    def prior(self) -> Array:
        return np.array(PARAMETERS["tasks"][self.task], dtype=float)

    @cached_property
    def likelihood(self) -> Array:
        """P(correct of 8 | state)."""
        means, strengths = PARAMETERS["verifiers"][self.verifier]["m"], PARAMETERS["verifiers"][self.verifier]["c"]
        clean = np.array([beta_binomial(m, c) for m, c in zip(means, strengths, strict=True)])
        return 0.6 * clean + 0.25 * beta_binomial(25 / 26, 26) + 0.15 / (K + 1) if self.mis else clean

    @cached_property
    def scores(self) -> Array:
        """Expected scores [state, model]."""
        right, wrong = 0.55 + 0.45 * 2 / 3.2, 0.4 * 0.45 * 1.2 / 3.7
        return np.where(RIGHT == 1, right, wrong) if self.soft else RIGHT

    @cached_property
    def vectors(self) -> tuple[Array, Array, Array]:
        """P(count), E[small score | count], E[large score | count]."""
        return vectors(self.prior, self.likelihood, self.scores)

    @property
    def singles(self) -> Array:
        return self.prior @ self.scores

    @property
    def gap(self) -> float:
        return float(self.singles[1] - self.singles[0])

    def problem(self, cost: VerdictCost, large: float, cost_weight: float) -> Problem:
        """The truth as a decision problem."""
        model = ObservationModel(K, self.likelihood.tolist(), cost)
        return Problem(self.prior.tolist(), self.scores.tolist(), [1, large], [model], cost_weight)

    def sample(self, n: int, rng: np.random.Generator) -> Columns:
        """n outcomes at costs 1 and 50."""
        state = rng.choice(4, n, p=self.prior)
        counts = (rng.random(n)[:, None] > np.cumsum(self.likelihood, axis=1)[state]).sum(axis=1).clip(0, K)
        scores = RIGHT[state].copy()
        if self.soft:
            right, wrong = 0.55 + 0.45 * rng.beta(2, 1.2, (n, 2)), 0.45 * rng.beta(1.2, 2.5, (n, 2))
            scores = np.where(scores == 1, right, np.where(rng.random((n, 2)) < 0.6, 0, wrong))
            same = np.isin(state, [0, 2]) & (rng.random(n) < 0.3)
            scores[same, 1] = scores[same, 0]
        return columns(counts, scores, rng)


def columns(counts: NDArray[np.int64], scores: Array, rng: np.random.Generator) -> Columns:
    """Outcomes with the verdicts in random order."""
    n = len(counts)
    verdicts = np.full((n, 2, K), MISSING, dtype=np.int8)
    verdicts[:, 0] = np.argsort(rng.random((n, K)), axis=1) < counts[:, None]
    return Columns(
        ids=tuple(map(str, range(n))),
        names=("small", "large"),
        scores=scores,
        costs=np.tile([1.0, 50.0], (n, 1)),
        verdicts=verdicts,
        probability=np.full((n, 2), np.nan),
        verdict_cost=np.tile([[0.5, 0, 0.25, 0], [0, 0, 0, 0]], (n, 1, 1)).astype(float),
        empty=np.zeros((n, 2), dtype=bool),
        free=np.zeros(n, dtype=bool),
    )


def vectors(prior: Array, likelihood: Array, scores: Array) -> tuple[Array, Array, Array]:
    """P(count) and the two models' expected scores after each count."""
    joint = prior[:, None] * likelihood
    whole = joint.sum(axis=0)
    safe = np.where(whole > 0, whole, 1.0)
    return whole, scores[:, 0] @ joint / safe, scores[:, 1] @ joint / safe


def worlds() -> list[World]:
    """Every task with every verifier, clean and misspecified."""
    return [World(task, verifier, mis) for task, verifier, mis in product(TASKS, VERIFIERS, (False, True))]


@dataclass(frozen=True)
class Prices:
    """All combinations of way of paying, cost ratio and kappa, as arrays over cells."""

    way: NDArray[np.str_]
    ratio: Array
    kappa: Array
    cost_weight: Array
    first: Array
    again: Array
    each: Array

    @classmethod
    def of(cls, world: World) -> Prices:
        """lambda = kappa * the slope at which the single models tie."""
        cells = list(product(WAYS, RATIOS, KAPPAS))
        ratio, kappa = np.array([c[1] for c in cells], dtype=float), np.array([c[2] for c in cells])
        paid = [WAYS[c[0]] for c in cells]
        return cls(
            way=np.array([c[0] for c in cells]),
            ratio=ratio,
            kappa=kappa,
            cost_weight=kappa * world.gap / (ratio - 1),
            first=np.array([p.first for p in paid]),
            again=np.array([p.again for p in paid]),
            each=np.array([p.each for p in paid]),
        )
