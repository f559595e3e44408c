"""The benchmark of replayed ledgers: what each policy would have done, and the files that hold no texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome, read_outcomes
from automix_core.policies import Always, Threshold
from benchmarks.replays import DEFAULT, LARGE, ledger, less, numbers, seconds_of, table, walk


def record(place: int) -> dict[str, Any]:
    """A small model that is right on every third question and surer there; its checks know it half of the time."""
    right, knows = place % 3 == 0, place % 2 == 0
    said = [int(right if knows else not right)] * 8
    signals = {"support": 1.0 if right else 0.2, "logprob_sum": -1.0 if right else -9.0}
    cost = {"first": 1e-3, "again": 1e-3, "each": 1e-5}
    small = {"score": float(right), "cost": 1e-4, "signals": signals, "verdicts": said, "verdict_cost": cost}
    large = {"name": "large", "score": 1.0, "cost": 2e-2, "seconds": 10.0}
    models = [{"name": "small", **small, "seconds": 2.0, "verdict_seconds": 16.0}, large]
    return {"id": f"q{place}", "reference": "gold", "prompt": "0", "models": models}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "asked.jsonl"
    path.write_text("".join(json.dumps(record(place)) + "\n" for place in range(60)))
    return path


def outcomes(file: Path) -> list[Outcome]:
    return read_outcomes(file)


def test_a_policy_s_sums_are_those_of_its_steps(file: Path) -> None:
    columns, seconds = Columns.of(outcomes(file)), seconds_of(file)
    done = walk(Threshold(), columns, seconds)
    kept = done["kept"] == 1
    assert kept.sum() == 30  # told right: ten that are, twenty that are not
    assert done["right"].sum() == 40
    assert done["check_tokens"] == pytest.approx(1080)
    assert done["seconds"][kept] == pytest.approx(2 + 16)
    assert done["seconds"][~kept] == pytest.approx(2 + 16 + 10)
    alone = walk(Always(1), columns, seconds)
    assert (alone["check_tokens"].sum(), alone["verdicts"].sum()) == (0, 0)
    assert alone["seconds"] == pytest.approx(10)


def test_signals_that_tell_all_are_kept_to(file: Path) -> None:
    """Learned from signals a policy keeps what is right and checks nothing; the dial escalates about its share."""
    asked = outcomes(file)
    found = ledger(asked, asked, seconds_of(file), {"own": Threshold(0.9)})
    rows = {row["name"]: row for row in found["policies"]}
    learned = rows["fitted on words and tokens"]
    assert (learned["right"], learned["check_tokens"], learned["kept"]) == (60, pytest.approx(0, abs=1e-6), 20)
    assert learned["less_default"]["right"][0] == 20
    assert learned["less_default"]["right"][1] > 0
    assert learned["less_default"]["check_tokens"] == pytest.approx([0, 0, 0], abs=1e-9)
    assert rows[LARGE]["less_large"]["usd"] == [1, 1, 1]
    assert "check_tokens" not in rows[LARGE]["less_large"]  # a share of nothing
    assert rows["own"]["usd"] == pytest.approx(rows[DEFAULT]["usd"])
    assert 60 - rows["Share(0.7), fixed weights"]["kept"] >= 60 - rows["Share(0.3), fixed weights"]["kept"]
    lines = table(found).splitlines()
    assert len(lines) == 2 + len(rows)
    assert all(name in line for name, line in zip(rows, lines[2:], strict=True))


def test_intervals_are_of_pairs() -> None:
    """Two policies that differ by the same on every question differ for certain, however the questions vary."""
    right = np.random.default_rng(0).integers(2, size=50).astype(float)
    row = {"right": right, "usd": right + 1, "check_tokens": right + 1}
    found = less(
        {**row, "right": right + 1}, {name: 2 * values if name == "usd" else values for name, values in row.items()}
    )
    assert found["right"] == pytest.approx([50, 50, 50])
    assert found["usd"] == pytest.approx([0.5, 0.5, 0.5])


def test_what_is_written_down_holds_no_texts() -> None:
    """And how long the checks took, which the journal has."""
    told = record(1)
    small = {**told["models"][0], "answer": "secret", "verdict_texts": ["a"] * 8, "usage": {"input_tokens": 1}}
    small["signals"] = {"support": 1 / 3}
    del small["verdict_seconds"]
    whole = {**told, "question": "secret", "context": ["secret"], "models": [small, told["models"][1]]}
    found = numbers(whole, {("a",) * 8: 21.5, (): 3.0})
    assert "secret" not in json.dumps(found)
    assert found["models"][0]["signals"] == {"support": 0.333333}
    assert found["models"][0]["verdict_seconds"] == 21.5
    assert "usage" not in found["models"][0]
    Outcome.model_validate(found)
