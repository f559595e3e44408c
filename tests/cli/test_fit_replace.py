"""`automix fit --replace`: a policy that does worse than the running one is not published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automix_core.fitting.fit import Objective
from automix_core.fitting.held_out import contest, is_held_out
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import read_outcomes
from automix_core.policies import Always, Mixture, Threshold
from automix_core.policies.saving import load_policy, load_policy_file, save_policy
from tests.cli.test_fit import automix, write
from tests.core.worlds import outcomes

WORSE = Always(1)


def replaced(folder: Path, *options: object, n: int = 300, seed: int = 5, **world: Any) -> dict[str, Any]:
    write(folder / "outcomes.jsonl", n, seed, **world)
    done = automix("fit", folder / "outcomes.jsonl", "-o", folder / "policy.json", "--replace", "--json", *options)
    found: dict[str, Any] = json.loads(done.stdout)["replace"]
    return found


def test_without_a_running_policy_the_new_one_is_published(tmp_path: Path) -> None:
    found = replaced(tmp_path)
    assert found["published"] is True
    assert "no policy" in found["said"][0]
    held = sum(is_held_out(record.id) for record in read_outcomes(tmp_path / "outcomes.jsonl"))
    file = load_policy_file(tmp_path / "policy.json")
    assert file.data is not None
    assert file.data.outcomes == 300 - held < 300


def test_a_running_policy_that_does_worse_is_replaced(tmp_path: Path) -> None:
    save_policy(WORSE, tmp_path / "policy.json")
    found = replaced(tmp_path)
    assert found["published"] is True
    assert found["compared"] == "reward"
    assert found["less"]["mean"] > 0
    assert found["running"]["cost"] > found["new"]["cost"]
    assert found["said"][0].startswith("The new policy did better on")
    assert load_policy(tmp_path / "policy.json") != WORSE


def test_a_new_policy_that_does_worse_is_not_published(tmp_path: Path) -> None:
    """Its verdicts mislead where it is fitted; those held out are as the running policy knows them."""
    automix("fit", write(tmp_path / "before.jsonl", 400, 1), "-o", tmp_path / "policy.json")
    was = (tmp_path / "policy.json").read_bytes()
    honest, misled = outcomes(300, 5), outcomes(300, 5, rates=(0.8, 0.3))
    mixed = [one if is_held_out(one.id) else other for one, other in zip(honest, misled, strict=True)]
    lines = [record.model_dump_json(exclude_none=True) + "\n" for record in mixed]
    (tmp_path / "outcomes.jsonl").write_text("".join(lines))
    arguments = ["fit", tmp_path / "outcomes.jsonl", "-o", tmp_path / "policy.json", "--replace"]
    found = json.loads(automix(*arguments, "--json").stdout)["replace"]
    assert found["published"] is False
    assert found["less"]["mean"] < 0
    assert found["said"][0].startswith("The running policy did better on")
    words = automix(*arguments).stdout
    assert words.rstrip().endswith(f"kept {tmp_path / 'policy.json'} as it was")
    assert "so the new one is not published" in words
    assert (tmp_path / "policy.json").read_bytes() == was


def test_a_tie_goes_to_the_newer_outcomes(tmp_path: Path) -> None:
    first = replaced(tmp_path)
    again = replaced(tmp_path)
    assert first["published"] is again["published"] is True
    assert again["less"]["mean"] == 0
    assert "a tie" in again["said"][0]


def test_a_running_policy_that_saw_the_outcomes_is_said_to(tmp_path: Path) -> None:
    automix("fit", write(tmp_path / "outcomes.jsonl", 300, 5), "-o", tmp_path / "policy.json")
    assert "was fitted on all of these outcomes" in replaced(tmp_path)["said"][1]


@pytest.mark.parametrize(
    ("options", "compared"),
    [
        (["--cost-weight", "0.01"], "reward"),
        (["--max-cost", "20"], "score"),
        (["--min-quality", "0.7"], "saving"),
        (["--max-loss", "0.2"], "saving"),
    ],
)
def test_both_are_judged_by_the_same_objective(tmp_path: Path, options: list[str], compared: str) -> None:
    save_policy(Threshold(0.5), tmp_path / "policy.json")
    assert replaced(tmp_path, *options, n=200)["compared"] == compared


def test_one_that_does_not_keep_the_objective_loses() -> None:
    columns = Columns.of(outcomes(200))
    dear, cheap = Always(1), Always(0)
    won = contest(dear, cheap, columns, Objective(max_cost=10), 0.0)
    assert won.less.mean > 0  # it scores more, for more than may be spent
    assert not won.better
    assert "does not keep to a mean cost of 10" in str(won)
    assert not contest(cheap, dear, columns, Objective(min_quality=0.75), 0.0).better
    assert contest(dear, cheap, columns, Objective(min_quality=0.75), 0.0).better
    assert not contest(cheap, dear, columns, Objective(), 0.0, max_loss=0.05).better
    assert contest(cheap, dear, columns, Objective(max_cost=100), 0.0).better is False  # both keep it: score decides


def test_a_mixture_is_judged_by_a_fair_coin() -> None:
    names = [f"q{number}" for number in range(4000)]
    held = Columns.of(
        [record.model_copy(update={"id": name}) for record, name in zip(outcomes(4000), names, strict=True)]
    )
    held = held.rows(np.array([is_held_out(name) for name in names]))
    assert 0.27 < len(held) / 4000 < 0.33
    won = contest(Mixture(Always(0), Always(1), 0.5), Always(0), held, Objective(), 0.0)
    first, last = held.costs.mean(axis=0)
    assert 0.45 < (won.new[1] - first) / (last - first) < 0.55


def test_too_few_outcomes_to_judge_on_are_refused(tmp_path: Path) -> None:
    save_policy(WORSE, tmp_path / "policy.json")
    write(tmp_path / "few.jsonl", 20)
    done = automix("fit", tmp_path / "few.jsonl", "-o", tmp_path / "policy.json", "--replace", fails=1)
    assert "are held out to judge on; 10 or more are needed" in done.stderr
    assert load_policy(tmp_path / "policy.json") == WORSE


@pytest.mark.parametrize("text", ["{", json.dumps({"format": "other"})])
def test_a_running_policy_that_is_none_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.json").write_text(text)
    write(tmp_path / "outcomes.jsonl", 100)
    done = automix("fit", tmp_path / "outcomes.jsonl", "-o", tmp_path / "policy.json", "--replace", fails=1)
    assert "policy.json" in done.stderr
    assert (tmp_path / "policy.json").read_text() == text


def test_a_running_policy_of_other_models_is_refused(tmp_path: Path) -> None:
    save_policy(WORSE, tmp_path / "policy.json", models=["a", "b", "c"])
    write(tmp_path / "outcomes.jsonl", 100)
    done = automix("fit", tmp_path / "outcomes.jsonl", "-o", tmp_path / "policy.json", "--replace", fails=1)
    assert "was made for 3 models" in done.stderr
