"""Scores that come later, joined to the outcomes they are about."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from automix_core.audit.score import score
from automix_core.errors import ConfigError, DataError
from automix_core.outcomes.outcome import read_outcomes


def outcome(name: str, **fields: Any) -> str:
    models = [
        {"name": "small", "answer": fields.pop("small", "Oda"), "score": 0.5, "cost": 1},
        {"name": "large", "answer": fields.pop("large", "Piet"), "score": 1.0, "cost": 9},
    ]
    return json.dumps({"id": name, "models": models, "reference": "largest", **fields}) + "\n"


def scores(path: Path) -> dict[str, list[float]]:
    return {o.id: [m.score for m in o.models] for o in read_outcomes(path)}


def test_a_score_is_of_the_answer_that_was_served(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a", served=0) + outcome("b", served=1) + outcome("c"))
    for name in "abc":
        score(path, name, 0.0)
    assert scores(path) == {"a": [0.0, 1.0], "b": [0.5, 0.0], "c": [0.5, 0.0]}


def test_models_that_said_the_same_share_it(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a", served=0, small="Oda  Verrin", large="oda verrin"))
    score(path, "a", 0.0)
    assert scores(path) == {"a": [0.0, 0.0]}


def test_the_score_may_come_first_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    score(path, "a", 0.1)
    score(path, "a", 0.2)
    with path.open("a") as file:
        file.write(outcome("a", served=1))
    assert scores(path) == {"a": [0.5, 0.2]}


def test_scores_without_an_outcome_are_counted_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a"))
    score(path, "elsewhere", 1.0)
    assert scores(path) == {"a": [0.5, 1.0]}
    assert "holds 1 scores" in caplog.text


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), True, "good"])
def test_what_is_no_score_is_refused_and_nothing_written(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ConfigError, match="from 0"):
        score(tmp_path / "o.jsonl", "a", value)
    assert not (tmp_path / "o.jsonl").exists()


def test_an_empty_id_and_a_path_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="id of a route"):
        score(tmp_path / "o.jsonl", "", 1.0)
    with pytest.raises(ConfigError, match="can't be written"):
        score(tmp_path / "missing" / "o.jsonl", "a", 1.0)


def test_a_score_that_the_disk_has_no_room_for_is_the_caller_s_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a"))
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ConfigError, match=r"o\.jsonl can't be written: No space left on device"):
        score(path, "a", 1.0)
    monkeypatch.undo()
    assert path.read_text() == outcome("a")


def test_a_wrong_score_line_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a") + '{"id": "a", "score": 7}\n')
    with pytest.raises(DataError, match=r"line 2.*score"):
        read_outcomes(path)


def test_gold_answers_score_every_model(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a", served=1, large="It was Piet."))
    score(path, "a", answers=["Oda", "Oda Verrin"])
    (found,) = read_outcomes(path)
    assert [model.score for model in found.models] == [1.0, 0.0]
    assert (found.reference, found.answers) == ("gold", ("Oda", "Oda Verrin"))
    score(path, "a", answers=["Piet"], by="contains")
    assert scores(path) == {"a": [0.0, 1.0]}


def test_no_gold_answer_is_met_by_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a", small="The text does not say."))
    score(path, "a", answers=[])
    assert scores(path) == {"a": [1.0, 0.0]}


def test_gold_answers_are_of_no_use_without_texts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a", small=None))
    score(path, "a", answers=["Oda"])
    assert scores(path) == {"a": [0.5, 1.0]}
    assert "recorded without texts" in caplog.text


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"answers": "Oda"}, "list of texts"),
        ({"answers": [" "]}, "list of texts"),
        ({"answers": ["Oda"], "by": "os:system"}, "one of f1, exact"),
        ({"value": 1.0, "answers": ["Oda"]}, "not both"),
        ({}, "from 0"),
    ],
)
def test_gold_answers_that_are_none_are_refused(tmp_path: Path, said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        score(tmp_path / "o.jsonl", "a", **said)
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("line", ['{"id": "a", "answers": ["Oda"], "by": "os:system"}', '{"id": "a", "by": "f1"}'])
def test_a_file_names_no_function_to_be_run(tmp_path: Path, line: str) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text(outcome("a") + line + "\n")
    with pytest.raises(DataError, match="line 2"):
        read_outcomes(path)
