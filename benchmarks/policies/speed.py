"""Fit plus evaluate, 1,000 training and 5,000 test rows, beside the library's train plus evaluate; and one decision."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from automix_core.decision import State, Tally
from automix_core.evaluation.evaluate import evaluate
from automix_core.fitting.estimate import estimate
from automix_core.fitting.fit import fit
from automix_core.outcomes.columns import MISSING, Columns
from automix_core.outcomes.outcome import read_outcomes
from automix_core.policies import solve
from benchmarks.policies.library import Library, data_set
from benchmarks.policies.worlds import WAYS, World


def speed(library: Library | None, rounds: int = 5) -> list[list[str]]:
    """Seconds, medians of `rounds`; the library's are its own, in its own process, in the same run."""
    rng = np.random.default_rng(0)
    world = World("quality", "medium")
    train, test = world.sample(1000, rng), world.sample(5000, rng)
    weight = world.gap / 49
    theirs: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        if library is not None:
            took = library.ask("time", {"train": data_set(train), "test": data_set(test)})
            theirs.append(took["train"] + took["evaluate"])
        ours.append(_seconds(lambda: evaluate(solve(estimate(_anew(train), weight)), _anew(test))))
    rows = [["", "seconds", "times faster"]]
    base = statistics.median(theirs) if theirs else None
    if base is not None:
        rows.append(["automix-llm, POMDP: train + evaluate", f"{base:.3f}", "1"])
    rows.append(_row("ours: fit one exact policy + evaluate", statistics.median(ours), base))
    cross = statistics.median(_seconds(lambda: fit(_anew(train))) for _ in range(rounds))
    rows.append(_row("ours: automix fit's work, held-out figures and intervals too", cross, base))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.jsonl"
        path.write_text(_jsonl(test))
        read = statistics.median(_seconds(lambda: Columns.of(read_outcomes(path))) for _ in range(rounds))
    rows.append(["reading the 5,000 test rows from JSON Lines and checking them", f"{read:.3f}", ""])
    return rows


def decision() -> list[list[str]]:
    """Microseconds of one decision, and of one call of LangChain's own fake chat model."""
    policy = solve(World("quality", "medium").problem(WAYS["cached prefix"], 50, 0.003))
    state = State((True, False), (Tally(2, 1), Tally()), (5, 8))
    decide = _each(lambda: policy.decide(state), 100_000)
    rows = [["", "microseconds"], ["a decision of the exact policy", f"{decide:.2f}"]]
    try:
        from langchain_core.language_models.fake_chat_models import FakeListChatModel
    except ImportError:
        return rows
    model = FakeListChatModel(responses=["Paris"])
    call = _each(lambda: model.invoke("What is the capital of France?"), 1000)
    share = f"{decide / call:.2%}"
    return [*rows, ["a call of LangChain's FakeListChatModel", f"{call:.0f}"], ["decision / call", share]]


def _row(name: str, seconds: float, base: float | None) -> list[str]:
    return [name, f"{seconds:.3f}", "" if base is None else f"{base / seconds:.0f}"]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _each(work: Callable[[], object], times: int) -> float:
    def batch() -> None:
        for _ in range(times // 5):
            work()

    return min(_seconds(batch) for _ in range(5)) / (times // 5) * 1e6


def _anew(columns: Columns) -> Columns:
    """The same columns without anything computed before."""
    return columns.rows(slice(None))


def _jsonl(columns: Columns) -> str:
    lines = []
    for row, name in enumerate(columns.ids):
        models = [
            {
                "name": columns.names[m],
                "score": float(columns.scores[row, m]),
                "cost": float(columns.costs[row, m]),
                "verdicts": [int(v) for v in columns.verdicts[row, m] if v != MISSING],
                "verdict_cost": {"first": 0.5, "again": 0.0, "each": 0.25, "round": 0.0},
            }
            for m in range(columns.models)
        ]
        lines.append(json.dumps({"id": name, "models": models}))
    return "\n".join(lines)
