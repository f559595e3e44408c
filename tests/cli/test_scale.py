"""`fit`, `evaluate`, `watch` and `convert` on Parquet, and part by part: the same figures as in one go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automix_core.outcomes import stored
from automix_core.outcomes.outcome import read_outcomes
from automix_core.policies import Threshold
from automix_core.policies.saving import load_policy_file, save_policy
from tests.cli.test_fit import automix, write
from tests.core.worlds import outcomes

pytest.importorskip("pyarrow", reason="needs the extra parquet")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """What memory holds at once is less than the files have."""
    monkeypatch.setattr(stored, "IN_MEMORY", 100)
    monkeypatch.setattr(stored, "PART", 70)


def alike(one: Any, other: Any, path: str = "") -> None:
    """The same but for rounding, and for intervals, which are drawn otherwise."""
    if isinstance(other, dict):
        assert one.keys() == other.keys(), path
        for name in other:
            if name == "sentence":  # it rounds the ends of intervals
                continue
            if name in ("low", "high") and "mean" in other:
                width = other["high"] - other["low"]
                assert one[name] == pytest.approx(other[name], abs=0.25 * width + 1e-12), path
            else:
                alike(one[name], other[name], f"{path}.{name}")
    elif isinstance(other, list):
        assert len(one) == len(other), path
        for place, (a, b) in enumerate(zip(one, other, strict=True)):
            alike(a, b, f"{path}[{place}]")
    elif isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-12), path
    else:
        assert one == other, path


def figures(policy: Path, path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(
        automix("evaluate", policy, path, "--json", "--decisions", path.with_suffix(".decisions")).stdout
    )
    return facts


@pytest.mark.parametrize(
    "world",
    [
        {},
        pytest.param({"models": 3, "unreadable": 0.1, "soft": True, "k": 2}, marks=pytest.mark.slow),
        pytest.param({"direct": True}, marks=pytest.mark.slow),
    ],
)
def test_evaluate_part_by_part_says_the_same(
    tmp_path: Path, request: pytest.FixtureRequest, world: dict[str, Any]
) -> None:
    path, parquet = write(tmp_path / "outcomes.jsonl", 250, **world), tmp_path / "outcomes.parquet"
    automix("convert", path, parquet)
    policies = [tmp_path / "fitted.json", tmp_path / "threshold.json"]
    automix("fit", path, "-o", policies[0])
    save_policy(Threshold(0.6), policies[1])
    found = []
    for policy in policies:
        found.append((figures(policy, path), path.with_suffix(".decisions").read_text()))
    request.getfixturevalue("few")
    for policy, (expected, decided) in zip(policies, found, strict=True):
        for file in (path, parquet):
            alike(figures(policy, file), expected)
            assert file.with_suffix(".decisions").read_text() == decided


def test_signals_and_words_are_weighed_part_by_part(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "outcomes.jsonl"
    records = [outcome.record() for outcome in outcomes(300)]
    for number, record in enumerate(records):
        record |= {"question": "Where?", "context": f"It is in Paris, street {number % 7}."}
        for model in record["models"]:
            model["answer"] = f"Paris {number % 3}"
            if number % 2:
                model["signals"] = {"support": (number * 37 % 100) / 100, "mine": float(number)}
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    parquet = tmp_path / "outcomes.parquet"
    automix("convert", path, parquet)
    save_policy(Threshold(0.6), tmp_path / "policy.json")
    expected = figures(tmp_path / "policy.json", path)
    assert {"lexical", "mine", "support"} <= {d["name"] for d in expected["discrimination"]}
    alike(figures(tmp_path / "policy.json", parquet), expected)
    request.getfixturevalue("few")
    for file in (path, parquet):
        alike(figures(tmp_path / "policy.json", file), expected)


def test_watch_part_by_part_says_the_same(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = write(tmp_path / "outcomes.jsonl", 300)
    save_policy(Threshold(0.6), tmp_path / "policy.json")
    asked = ("watch", path, "--policy", tmp_path / "policy.json", "--expected", 0.9, "--json")
    expected = automix(*asked).stdout
    request.getfixturevalue("few")
    alike(json.loads(automix(*asked).stdout), json.loads(expected))


@pytest.mark.parametrize(
    "more",
    [
        ("--replace",),
        pytest.param((), marks=pytest.mark.slow),
        pytest.param(("--max-loss", 0.2), marks=pytest.mark.slow),
    ],
)
def test_fit_learns_the_same_policy_from_either_form(tmp_path: Path, few: None, more: tuple[object, ...]) -> None:
    path, parquet = write(tmp_path / "outcomes.jsonl", 300), tmp_path / "outcomes.parquet"
    automix("convert", path, parquet)
    for file in (path, parquet):
        automix("fit", file, "-o", file.with_suffix(".json"), *more)
    assert parquet.with_suffix(".json").read_text() == path.with_suffix(".json").read_text()
    data = load_policy_file(path.with_suffix(".json")).data
    assert data is not None
    facts = json.loads(automix("evaluate", path.with_suffix(".json"), parquet, "--json").stdout)
    assert facts["in_sample"] is not bool(more and more[0] == "--replace")


def test_of_very_many_outcomes_a_part_is_learned_from_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from automix_cli.fit import command

    monkeypatch.setattr(command, "MOST", 200)
    path = write(tmp_path / "outcomes.jsonl", 500)
    facts = json.loads(automix("fit", path, "-o", tmp_path / "policy.json", "--json").stdout)
    assert facts["outcomes"] == 200
    assert facts["notes"][0].startswith("Of 500 outcomes 200 are learned from, chosen by their ids")


def test_repricing_works_on_parquet(tmp_path: Path, few: None) -> None:
    path, parquet = tmp_path / "outcomes.jsonl", tmp_path / "outcomes.parquet"
    tokens = {"input_tokens": 100, "output_tokens": 20}
    records = [outcome.record() for outcome in outcomes(150)]
    for record in records:
        for model in record["models"]:
            model |= {"usage": tokens, "verdict_usage": tokens}
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    automix("convert", path, parquet)
    names = [model["name"] for model in records[0]["models"]]
    prices = [f"--price={name}={price}" for name, price in zip(names, ("0.1/0.2", "1/2"), strict=True)]
    save_policy(Threshold(0.6), tmp_path / "policy.json")
    facts = [
        json.loads(automix("evaluate", tmp_path / "policy.json", file, *prices, "--json").stdout)
        for file in (path, parquet)
    ]
    alike(facts[1], facts[0])
    assert facts[0]["baselines"][f"always_{names[0]}"]["cost"] == pytest.approx(14e-6)


def test_convert_goes_both_ways_and_names_what_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "outcomes.jsonl", 30)
    there, back = tmp_path / "there.parquet", tmp_path / "back.jsonl"
    assert "wrote 30 outcomes" in automix("convert", path, there).stdout
    automix("convert", there, back)
    assert read_outcomes(back) == read_outcomes(path)
    path.write_text(path.read_text() + "{}\n")
    before = there.read_bytes()
    assert "outcomes.jsonl, line 31: field id" in automix("convert", path, there, fails=1).stderr
    assert there.read_bytes() == before
    assert "named twice" in automix("convert", path, path, fails=2).stderr


def test_without_pyarrow_commands_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = write(tmp_path / "outcomes.jsonl", 30)
    for asked in (("convert", path, tmp_path / "o.parquet"), ("fit", tmp_path / "o.parquet", "-o", tmp_path / "p")):
        assert "automix-rag[parquet]" in automix(*asked, fails=2).stderr
