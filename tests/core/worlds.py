"""Simulated outcomes for tests: hidden states, a verifier that sees them dimly, scores and costs."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from automix_core.outcomes.outcome import Outcome

COST = {"first": 0.5, "again": 0.1, "each": 0.25, "round": 0.05}
RIGHT = [(1, 1), (0, 1), (0, 0), (1, 0)]


def outcomes(
    n: int,
    seed: int = 0,
    *,
    models: int = 2,
    k: int = 8,
    shares: tuple[float, ...] = (0.55, 0.25, 0.15, 0.05),
    rates: tuple[float, float] = (0.3, 0.8),
    unreadable: float = 0.0,
    direct: bool = False,
    soft: bool = False,
    costs: tuple[float, ...] = (1.0, 50.0, 200.0),
) -> list[Outcome]:
    """`n` outcomes; verdicts say correct at rates[1] on right drafts, rates[0] on wrong ones."""
    rng = random.Random(seed)
    records = []
    for i in range(n):
        first, last = rng.choices(RIGHT, shares)[0]
        right = [first, *(max(first, last, rng.random() < 0.5) for _ in range(models - 2)), last]
        records.append(record(rng, f"{seed}-{i}", right, k, rates, unreadable, direct, soft, costs))
    return [Outcome.model_validate(r) for r in records]


def record(
    rng: random.Random,
    name: str,
    right: list[int],
    k: int,
    rates: tuple[float, float],
    unreadable: float,
    direct: bool,
    soft: bool,
    costs: tuple[float, ...],
) -> dict[str, Any]:
    models: list[dict[str, Any]] = []
    for m, is_right in enumerate(right):
        score = (0.6 + 0.4 * rng.random() if is_right else 0.3 * rng.random()) if soft else float(is_right)
        model: dict[str, Any] = {"name": f"model-{m}", "score": score, "cost": costs[m] * (0.8 + 0.4 * rng.random())}
        if m < len(right) - 1:
            said = [None if rng.random() < unreadable else int(rng.random() < rates[bool(is_right)]) for _ in range(k)]
            model["verdict_cost"] = COST
            if direct:
                model["probability"] = min(1, max(0, rng.gauss(rates[bool(is_right)], 0.15)))
            else:
                model["verdicts"] = said
        models.append(model)
    return {"id": name, "models": models}


@st.composite
def some_outcomes(draw: Any, models: int = 2, most: int = 12) -> list[Outcome]:
    """A few records of every odd kind: verdicts missing, short or unreadable, empty answers, any score and cost."""
    verdicts = st.lists(st.sampled_from([0, 1, None]), max_size=5)
    price = st.sampled_from([0, 0.25, 1])
    direct = draw(st.lists(st.booleans(), min_size=models, max_size=models))
    records = []
    for i in range(draw(st.integers(1, most))):
        row = []
        for m in range(models):
            model: dict[str, Any] = {
                "name": f"model-{m}",
                "score": draw(st.floats(0, 1)),
                "cost": draw(st.floats(0, 100)),
                "verdict_cost": {name: draw(price) for name in COST},
                "answer": draw(st.sampled_from([None, "", "words"])),
            }
            if direct[m] and draw(st.booleans()):
                model["probability"] = draw(st.floats(0, 1))
            else:
                model["verdicts"] = draw(verdicts)
            row.append(model)
        records.append(Outcome.model_validate({"id": f"q{i}", "models": row}))
    return records
