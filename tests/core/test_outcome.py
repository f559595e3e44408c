"""Records of questions and outcomes: read from JSON Lines, every fault named with its file and line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.errors import ConfigError, DataError
from automix_core.outcomes.outcome import Outcome, Tokens, coin, digest, read_outcomes, read_questions
from automix_core.outcomes.verdict_cost import VerdictCost

SMALL = {"name": "small", "score": 0.8, "cost": 1.0}
LARGE = {"name": "large", "score": 1, "cost": 50}


def write(path: Path, *records: Any) -> Path:
    """One record a line; strings as they are."""
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records))
    return path


def test_the_documented_record(tmp_path: Path) -> None:
    """The example of the documentation, every field."""
    small = SMALL | {
        "answer": "Paris",
        "verdicts": [1, 0, None, 1],
        "verdict_texts": ["a", "b", "c", "d"],
        "verdict_cost": {"first": 0.5, "again": 0.0, "each": 0.25, "round": 0.0},
        "signals": {"support": 0.92},
        "signal_cost": {"sufficient": 0.02},
        "usage": {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9},
        "seconds": 1.2,
    }
    record = {
        "id": "q1",
        "question": "Where?",
        "context": ["One.", "Two."],
        "answers": ["Paris"],
        "reference": "gold",
        "models": [small, LARGE],
    }
    (outcome,) = read_outcomes(write(tmp_path / "outcomes.jsonl", record))
    assert outcome.models[0].verdicts == (True, False, None, True)
    assert outcome.models[0].verdict_cost == VerdictCost(0.5, 0, 0.25, 0)
    assert outcome.models[0].signals == {"support": 0.92}
    assert outcome.models[0].signal_cost == {"sufficient": 0.02}
    assert outcome.models[0].usage == Tokens(input_tokens=7, output_tokens=2)
    assert outcome.models[0].seconds == 1.2
    assert outcome.models[1].verdicts == ()
    assert outcome.models[1].signals == {}
    assert outcome.models[1].usage is None
    assert outcome.context == ("One.", "Two.")
    assert outcome.reference == "gold"


def test_only_id_name_score_and_cost_are_required(tmp_path: Path) -> None:
    """Blank lines, unknown fields, a byte order mark and numbers as ids are tolerated; verdicts may be null."""
    record = {"id": 7, "models": [SMALL | {"verdicts": None}, LARGE], "measured": {"seconds": 3}}
    path = write(tmp_path / "outcomes.jsonl", "\ufeff" + json.dumps(record), "", "")
    (outcome,) = read_outcomes(path)
    assert outcome.id == "7"
    assert outcome.models[0].verdict_cost == VerdictCost()


def test_a_signal_that_is_null_is_missing(tmp_path: Path) -> None:
    small = SMALL | {"signals": {"support": 0.5, "echo": None}, "signal_cost": None}
    (outcome,) = read_outcomes(write(tmp_path / "o.jsonl", {"id": "a", "models": [small, LARGE]}))
    assert outcome.models[0].signals == {"support": 0.5}
    assert outcome.models[0].signal_cost == {}


def test_a_verdict_cost_may_be_one_number(tmp_path: Path) -> None:
    path = write(
        tmp_path / "o.jsonl", {"id": "a", "models": [SMALL | {"verdict_cost": 0.1, "probability": 0.83}, LARGE]}
    )
    (outcome,) = read_outcomes(path)
    assert outcome.models[0].verdict_cost.of(3, first=True) == pytest.approx(0.3)
    assert outcome.models[0].probability == 0.83


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": ...}, "field id: field required"),
        ({"id": ""}, "field id"),
        ({"models": [SMALL]}, "field models: tuple should have at least 2 items"),
        ({"models": ...}, "field models: field required"),
        ({"models": [{"name": "small", "cost": 1}, LARGE]}, "field models.0.score: field required"),
        ({"models": [SMALL | {"score": 1.2}, LARGE]}, "field models.0.score: input should be less than or equal to 1"),
        ({"models": [SMALL | {"score": -0.1}, LARGE]}, "field models.0.score"),
        ({"models": [SMALL | {"score": float("nan")}, LARGE]}, "field models.0.score: input should be a finite number"),
        ({"models": [SMALL, LARGE | {"cost": -1}]}, "field models.1.cost"),
        ({"models": [SMALL, LARGE | {"cost": float("inf")}]}, "field models.1.cost"),
        ({"models": [SMALL, LARGE | {"cost": 1e308}]}, "field models.1.cost: a cost is at most"),
        ({"models": [SMALL | {"verdict_cost": 10**400}, LARGE]}, "verdict_cost each must be a number"),
        ({"models": [SMALL | {"verdict_cost": {"again": 1e101}}, LARGE]}, "models.0.verdict_cost: a cost is at most"),
        ({"models": [SMALL | {"verdicts": [1, 2]}, LARGE]}, "a verdict is 1 \\(correct\\), 0 \\(incorrect\\) or null"),
        ({"models": [SMALL | {"verdicts": ["correct"]}, LARGE]}, "field models.0.verdicts.0: a verdict is"),
        ({"models": [SMALL | {"verdict_cost": -1}, LARGE]}, "verdict_cost each must be a number, 0 or more"),
        ({"models": [SMALL | {"verdict_cost": {"every": 1}}, LARGE]}, "first, again, each and round, not every"),
        ({"models": [SMALL | {"verdict_cost": "dear"}, LARGE]}, "verdict_cost each must be a number"),
        ({"models": [SMALL | {"probability": 1.5}, LARGE]}, "field models.0.probability"),
        ({"models": [SMALL | {"signals": {"support": float("nan")}}, LARGE]}, "field models.0.signals.support"),
        ({"models": [SMALL | {"signals": [0.5]}, LARGE]}, "field models.0.signals"),
        ({"models": [SMALL | {"signal_cost": {"sufficient": -1}}, LARGE]}, "field models.0.signal_cost.sufficient"),
        ({"models": [SMALL | {"usage": {"input_tokens": -1}}, LARGE]}, "field models.0.usage.input_tokens"),
        ({"models": [SMALL | {"seconds": -1}, LARGE]}, "field models.0.seconds"),
        ({"reference": "silver"}, "field reference"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    fine = {"id": "q1", "models": [SMALL, LARGE]}
    wrong = {key: value for key, value in ({"id": "q2", "models": [SMALL, LARGE]} | change).items() if value is not ...}
    with pytest.raises(DataError, match=words) as caught:
        read_outcomes(write(tmp_path / "outcomes.jsonl", fine, "", wrong))
    assert "outcomes.jsonl, line 3: " in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['{"id": "q1", "mod'], "line 1: not a whole JSON object"),
        (["[1, 2]"], "line 1: field record: "),
        ([{"id": "a", "models": [SMALL, LARGE]}] * 2, "line 2: the id 'a' was already used on line 1"),
        (
            [{"id": "a", "models": [SMALL, LARGE]}, {"id": "b", "models": [SMALL, LARGE, LARGE]}],
            "line 2: the models are small, large, large, on the first line small, large",
        ),
    ],
)
def test_wrong_files_are_named(lines: list[Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        read_outcomes(write(tmp_path / "outcomes.jsonl", *lines))


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_outcomes(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_outcomes(tmp_path / "binary.jsonl")


def test_questions(tmp_path: Path) -> None:
    path = write(
        tmp_path / "q.jsonl", {"id": "q1", "question": "Who?", "answers": ["x", "y"]}, {"id": "q2", "question": "?"}
    )
    first, second = read_questions(path)
    assert first.answers == ("x", "y")
    assert second.answers is None
    with pytest.raises(DataError, match="line 1: field question: field required"):
        read_questions(write(path, {"id": "q1"}))


def outcome(name: str, **small: Any) -> Outcome:
    return Outcome.model_validate({"id": name, "models": [SMALL | small, LARGE]})


def test_the_digest_sees_what_decisions_depend_on() -> None:
    """Not the order of the records, not their texts."""
    one, two = outcome("a", verdicts=[1, 0]), outcome("b")
    assert digest([one, two]) == digest([two, one])
    assert digest([one]) == digest([outcome("a", verdicts=[1, 0], answer="Paris")])
    assert digest([one]) != digest([outcome("a", verdicts=[1, 0], signals={"support": 1.0})])
    for other in (outcome("c", verdicts=[1, 0]), outcome("a", verdicts=[0, 1]), outcome("a", verdicts=[1, 0], cost=2)):
        assert digest([one]) != digest([other])


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_coin_is_a_number_below_one(name: str) -> None:
    assert 0 <= coin(name) < 1
    assert coin(name) == coin(name)


def test_the_coin_is_the_hash_of_the_id() -> None:
    """Recomputed here another way: the hash as a fraction."""
    whole = int(hashlib.sha256(b"q1").hexdigest(), 16) / 2**256
    assert coin("q1") == pytest.approx(whole, abs=2**-52)


def test_verdict_costs() -> None:
    cost = VerdictCost(first=0.5, again=0.1, each=0.25, round=0.05)
    assert cost.of(2, first=True) == pytest.approx(1.05)
    assert cost.of(2, first=False) == pytest.approx(0.65)
    assert VerdictCost.parse(cost.to_dict()) == VerdictCost.parse(cost) == cost
    with pytest.raises(ConfigError, match="round must be a number, 0 or more, not nan"):
        VerdictCost(round=float("nan"))
