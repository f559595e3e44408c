"""`automix watch`: drift of recorded traffic."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from automix_cli.app import app
from automix_core import Threshold, save_policy
from automix_core.policies.saving import FittedOn


def traffic(path: Path, *parts: tuple[int, float]) -> Path:
    """Rows of two models: in each part so many, of which the small model is right, and found right, at that rate."""
    random = Random(3)
    rows: list[dict[str, Any]] = []
    for count, rate in parts:
        for _ in range(count):
            right = random.random() < rate
            verdicts = [int(random.random() < (0.9 if right else 0.3)) for _ in range(8)]
            small = {"name": "small", "score": float(right), "cost": 1, "verdicts": verdicts}
            large = {"name": "large", "score": float(random.random() < rate), "cost": 9}
            rows.append({"id": f"q{len(rows)}", "models": [small, large]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    save_policy(Threshold(0.75), path, models=["small", "large"], k=8, data=FittedOn(300, "2026-11-26", "ab", 0.85))
    return path


def watched(outcomes: Path, policy: Path, *more: str) -> dict[str, Any]:
    ran = CliRunner().invoke(app, ["watch", str(outcomes), "--policy", str(policy), "--json", *more])
    assert ran.exit_code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_steady_traffic_rings_no_alarm(tmp_path: Path, policy: Path) -> None:
    facts = watched(traffic(tmp_path / "o.jsonl", (400, 0.9)), policy)
    assert facts["alarms"] == []
    assert facts["expected"] == 0.85


def test_a_fall_of_quality_is_noticed_by_both_tests(tmp_path: Path, policy: Path) -> None:
    facts = watched(traffic(tmp_path / "o.jsonl", (600, 0.95), (400, 0.3)), policy)
    assert {alarm["test"] for alarm in facts["alarms"]} == {"evidence", "score"}
    assert all(alarm["calls"] > 500 for alarm in facts["alarms"])


def test_it_is_said_in_words(tmp_path: Path, policy: Path) -> None:
    steady = traffic(tmp_path / "o.jsonl", (100, 0.9))
    said = CliRunner().invoke(app, ["watch", str(steady), "--policy", str(policy)]).stdout
    assert said.startswith("No drift seen in 100 outcomes.\nMean score ")
    bare = tmp_path / "bare.json"
    save_policy(Threshold(0.75), bare)
    assert "give --expected" in CliRunner().invoke(app, ["watch", str(steady), "--policy", str(bare)]).stdout


def test_a_wrong_alpha_is_bad_use(tmp_path: Path, policy: Path) -> None:
    steady = traffic(tmp_path / "o.jsonl", (20, 0.9))
    ran = CliRunner().invoke(app, ["watch", str(steady), "--policy", str(policy), "--alpha", "0"])
    assert ran.exit_code == 2
