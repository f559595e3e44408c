"""The benchmark of the demo's ledgers: what it chooses, and how it judges."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from automix_cli.collect.plan import plan
from automix_core.evidence import TEXTUAL, TOKENS
from benchmarks.ledgers import ASKED, COLLECTED, LONGEST, judge
from tests.cli.served import ROOT

PLACES = ("Arden", "Belmoor", "Carrow", "Dunlin", "Estray")


def questions(count: int) -> list[dict[str, Any]]:
    """Two questions about each context, and one about a context that is too long."""
    made = [
        {
            "id": f"q{number}",
            "question": f"How high is tower {number // 2} of {PLACES[number % 5]}?",
            "context": f"Tower {number // 2} of {PLACES[number // 2 % 5]} is {number // 2} feet high.",
            "answers": [f"{number // 2} feet"],
        }
        for number in range(count)
    ]
    return [*made, made[0] | {"id": "long", "context": "Tower. " * LONGEST}]


def prepared(folder: Path, count: int) -> subprocess.CompletedProcess[str]:
    file = folder / "questions.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in questions(count)))
    command = [sys.executable, "-m", "benchmarks.ledgers", "prepare", str(file), str(folder / "chosen")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_questions_to_fit_on_are_about_other_contexts_than_those_asked(tmp_path: Path) -> None:
    done = prepared(tmp_path, ASKED + COLLECTED + 2)
    assert done.returncode == 0, done.stderr
    chosen = tmp_path / "chosen"
    asked, collected = read(chosen / "asked.jsonl"), read(chosen / "collected.jsonl")
    assert len(asked) == ASKED
    assert len(collected) == COLLECTED
    golds = ({one["answers"][0] for one in asked}, {one["answers"][0] for one in collected})
    assert not golds[0] & golds[1]
    replayed = read(chosen / "replayed.jsonl")
    assert [one["id"] for one in replayed] == [one["id"] for one in asked]
    assert all(1 <= len(one["context"]) <= 3 for one in collected + replayed)
    assert all(len(file.read_text()) <= LONGEST for file in (chosen / "documents").iterdir())


def test_the_settings_for_collecting_ask_as_the_demo_does(tmp_path: Path) -> None:
    prepared(tmp_path, ASKED + COLLECTED + 2)
    settings = plan(tmp_path / "chosen" / "collect.toml")
    assert [model.name for model in settings.models] == ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]
    assert settings.scorer == "contains"
    assert set(settings.signals) == {*TEXTUAL, *TOKENS}
    assert "{context}" in settings.prompt
    assert settings.prices is not None
    assert settings.prices[1].input == 50 * settings.prices[0].input


def test_too_few_questions_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    done = prepared(tmp_path, ASKED)
    assert done.returncode == 1
    assert "too few" in done.stderr
    assert not (tmp_path / "chosen").exists()


@pytest.mark.parametrize(("kept", "right"), [(True, 1), (False, 2)])
def test_a_policy_is_judged_by_the_draft_it_keeps_or_the_large_answer(kept: bool, right: int) -> None:
    def answered(identity: str, draft: str, large: str) -> dict[str, Any]:
        alone = [{"answer": draft}, {"answer": large}]
        return {"id": identity, "answer": large, "drafts": [{"text": draft}], "alone": alone}

    rows = [{"id": "q1", "kept": kept}, {"id": "q2", "kept": kept}]
    policy = {"name": "fitted", "policy": "P", "kept": 2 * kept, "verdicts": 3, "cost": 0.5, "questions": rows}
    document = {
        "questions": [answered("q1", "It is red.", "Red."), answered("q2", "Blue.", "The passages do not say.")],
        "compare": {"policies": [policy], "left_out": []},
    }
    found = judge([{"answers": ["red"]}, {"answers": ["unanswerable"]}], document)
    assert found["right"] == {"always_small": 1, "always_large": 2, "cascade": 2}
    assert found["without_answer"] == 1
    assert found["compare"][0]["right"] == right
