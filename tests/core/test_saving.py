"""Policies in files: the same policy back, and a clear error for every way a file can be wrong."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core import Outcome, evaluate, explain, policies
from automix_core.decision import Decision, Finish, Policy, State
from automix_core.errors import PolicyError
from automix_core.policies import Always, Band, Curtailed, Mixture, ObservationModel, Problem, Threshold, solve
from automix_core.policies.record import KINDS
from automix_core.policies.saving import FittedOn, PolicyFile, load_policy, load_policy_file, save_policy
from automix_core.testing import check_policy
from tests.core.strategies import problems

SIMPLE: list[Policy] = [
    Always(-1),
    Threshold(0.75),
    Band(0.2, 0.8),
    Curtailed(Threshold(0.5)),
    Mixture(Always(0), Mixture(Threshold(1), Band(0, 1), 0.1), 1 / 3),
]


@pytest.mark.parametrize("policy", SIMPLE, ids=repr)
def test_round_trip(policy: Policy, tmp_path: Path) -> None:
    save_policy(policy, tmp_path / "policy.json")
    assert load_policy(tmp_path / "policy.json") == policy


@settings(max_examples=25, deadline=None)
@given(problems(models=3, most_checks=2), st.floats(0, 1))
def test_a_pomdp_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, problem: Problem, weight: float
) -> None:
    """Tables, order of preference and so every decision, to the last digit."""
    path = tmp_path_factory.getbasetemp() / "pomdp.json"
    policy = Mixture(solve(problem), Always(0), weight)
    save_policy(policy, path)
    assert load_policy(path) == policy


def test_the_facts_travel_along(tmp_path: Path) -> None:
    facts = PolicyFile(Threshold(), ("small", "large"), "ab12", 8, (1.0, 50.0), FittedOn(200, "2026-11-22", "cd34"))
    save_policy(
        facts.policy,
        tmp_path / "policy.json",
        models=facts.models,
        prompt=facts.prompt,
        k=facts.k,
        costs=facts.costs,
        data=facts.data,
    )
    assert load_policy_file(tmp_path / "policy.json") == facts


def test_loading_needs_no_numpy(tmp_path: Path) -> None:
    problem = Problem([0.5, 0.5], [[1, 1], [0, 1]], [1, 50], [None], 0.01)
    save_policy(solve(problem), tmp_path / "policy.json")
    code = "import sys; from automix_core import load_policy as l; l(sys.argv[1]); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "policy.json")], check=False).returncode == 0


def saved(path: Path, **changes: Any) -> Path:
    """A file whose top fields are changed; a value of `...` removes the field."""
    save_policy(Threshold(0.75), path)
    record = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in record.items() if value is not ...}))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "other"}, 'its field "format"'),
        ({"version": 2}, "policy version 2, this automix-rag reads version 1"),
        ({"version": ...}, "policy version None"),
        ({"policy": ...}, "field policy: field required"),
        ({"policy": {"type": "threshold"}}, "field policy.threshold.threshold: field required"),
        ({"policy": {"type": "magic"}}, "field policy"),
        ({"policy": {"type": "threshold", "threshold": 7}}, "from 0 to 1"),
        ({"policy": {"type": "threshold", "threshold": "high"}}, "policy.threshold.threshold: input should be"),
        ({"policy": {"type": "threshold", "threshold": 0.5, "extra": 1}}, "policy.threshold.extra"),
        ({"policy": {"type": "threshold", "threshold": float("nan")}}, "holds NaN"),
        ({"costs": [1, float("inf")]}, "holds Infinity"),
        ({"models": ...}, "field models: field required"),
        ({"data": {"outcomes": 3}}, "field data.date: field required"),
        ({"surprise": 1}, "field surprise"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "policy.json", **changes)
    with pytest.raises(PolicyError, match=words) as caught:
        load_policy(path)
    assert "policy.json" in str(caught.value)


def test_a_pomdp_with_a_broken_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    save_policy(solve(Problem([0.5, 0.5], [[1, 1], [0, 1]], [1, 50], [None], 0.01)), path)
    record = json.loads(path.read_text())
    record["policy"]["problem"]["prior"] = [0.5, 0.4]
    path.write_text(json.dumps(record))
    with pytest.raises(PolicyError, match="prior must sum to 1"):
        load_policy(path)
    record["policy"]["problem"]["prior"] = [0.5, 0.5]
    record["policy"]["nodes"][0]["ranked"] = [["explode", 0, 1.0]]
    path.write_text(json.dumps(record))
    with pytest.raises(PolicyError, match=r"nodes\.0\.ranked"):
        load_policy(path)


def _without_start(nodes: list[Any]) -> None:
    nodes[:] = [node for node in nodes if any(count is not None for count in node["seen"])]


def _first(nodes: list[Any], action: list[Any], held: bool) -> None:
    node = next(node for node in nodes if (node["seen"][0] is not None) == held)
    node["ranked"][0] = [*action, 1.0]


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda nodes: nodes.clear(), "no node for the start"),
        (_without_start, "no node for the start"),
        (lambda nodes: _first(nodes, ["verify", 0, 100], True), "impossible"),
        (lambda nodes: _first(nodes, ["verify", 0, -1], True), "impossible"),
        (lambda nodes: _first(nodes, ["accept", 0], False), "impossible"),
        (lambda nodes: _first(nodes, ["draft", 0], True), "impossible"),
        (lambda nodes: nodes.append({"seen": [[-1, 0, 0], None], "ranked": [["accept", 0, 1.0]]}), "impossible"),
        (lambda nodes: nodes.append({"seen": [[9, 0, 0], None], "ranked": [["accept", 0, 1.0]]}), "impossible"),
    ],
)
def test_a_pomdp_whose_nodes_cannot_be_followed_is_refused(
    tamper: Callable[[list[Any]], None], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "policy.json"
    checks = ObservationModel(2, [[0.1, 0.3, 0.6], [0.6, 0.3, 0.1]])
    save_policy(solve(Problem([0.5, 0.5], [[1, 1], [0, 1]], [1, 50], [checks, None], 0.01)), path)
    record = json.loads(path.read_text())
    tamper(record["policy"]["nodes"])
    path.write_text(json.dumps(record))
    with pytest.raises(PolicyError, match=words) as caught:
        load_policy(path)
    assert "policy.json" in str(caught.value)


@pytest.mark.parametrize("number", ["9" * 5000, "[" * 100_000])
def test_what_no_reader_can_read_is_refused(number: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "policy.json")
    path.write_text(path.read_text().replace("0.75", number))
    with pytest.raises(PolicyError, match=r"policy\.json"):
        load_policy(path)


def test_a_cost_for_each_model(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    save_policy(Threshold(), path, models=["s", "l"], costs=[1.0])
    with pytest.raises(PolicyError, match="costs holds 1 numbers for 2 models"):
        load_policy(path)


def test_a_number_too_large_for_a_float_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "policy.json")
    path.write_text(path.read_text().replace("0.75", "1e999"))
    with pytest.raises(PolicyError, match="finite number"):
        load_policy(path)


def test_truncated_empty_and_missing_files(tmp_path: Path) -> None:
    path = saved(tmp_path / "policy.json")
    path.write_text(path.read_text()[:-10])
    with pytest.raises(PolicyError, match=r"not whole JSON \(line 1"):
        load_policy(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(path)
    path.write_text("[1]")
    with pytest.raises(PolicyError, match="not a policy"):
        load_policy(path)
    with pytest.raises(PolicyError, match="No such file"):
        load_policy(tmp_path / "none.json")


def test_nothing_is_overwritten_when_saving_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays whole, and no part file is left."""
    path = saved(tmp_path / "policy.json")
    before = path.read_text()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(PolicyError, match="No space left"):
        save_policy(Threshold(0.5), path)
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["policy.json"]


def test_numbers_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="not finite"):
        save_policy(Threshold(), tmp_path / "policy.json", costs=[1, float("nan")])
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Mine:
    """A user's own policy."""

    def decide(self, state: State) -> Decision:
        return Decision(Finish(0), "")


def test_a_policy_of_another_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="class Mine can't be saved"):
        save_policy(Mine(), tmp_path / "policy.json")
    with pytest.raises(PolicyError, match="No such file"):
        save_policy(Threshold(), tmp_path / "nowhere" / "policy.json")


def test_a_file_of_an_earlier_version_still_loads() -> None:
    """Written before signals and records of their own; every field it has means what it meant."""
    file = load_policy_file(Path(__file__).parents[1] / "golden" / "policy_v1.json")
    assert isinstance(file.policy, Mixture)
    assert file.policy.second == Curtailed(Band(0.1, 0.7))
    checks = ObservationModel(2, [[0.1, 0.3, 0.6], [0.6, 0.3, 0.1]])
    assert file.policy.first == solve(Problem([0.5, 0.5], [[1, 1], [0, 1]], [1, 50], [checks], 0.01))
    assert (file.models, file.k, file.costs) == (("a", "b"), 2, (1.0, 50.0))


MARGIN = '''
from dataclasses import dataclass
from automix_core import Accept, ConfigError, Decision, Draft, Finish, Policy, State, Threshold, Verify

@dataclass(frozen=True)
class Margin:
    """Keeps a draft when the correct verdicts lead by `margin`; else `otherwise` decides."""
    margin: int
    otherwise: Policy
    names: tuple[str, ...] = ()

    def __post_init__(self):
        if self.margin < 0:
            raise ConfigError(f"Margin needs a margin of 0 or more, not {self.margin}.")

    def decide(self, state: State) -> Decision:
        return self.otherwise.decide(state)

class NoDataclass:
    def decide(self, state):
        raise NotImplementedError
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Another's package, installed: its policy is offered as an entry point."""
    (tmp_path / "site" / "margin-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "margin_policy.py").write_text(MARGIN)
    points = (
        "[automix.policies]\nmargin = margin_policy:Margin\nodd = margin_policy:NoDataclass\n"
        "gone = margin_policy:Gone\nthreshold = margin_policy:NoDataclass\n"
    )
    (tmp_path / "site" / "margin-1.0.dist-info" / "entry_points.txt").write_text(points)
    (tmp_path / "site" / "margin-1.0.dist-info" / "METADATA").write_text("Name: margin\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield importlib.import_module("margin_policy")
    sys.modules.pop("margin_policy", None)


def test_anothers_policy_is_saved_by_the_name_its_package_offers(installed: Any, tmp_path: Path) -> None:
    policy = Mixture(installed.Margin(3, Threshold(0.6), ("a", "b")), Always(0), 0.5)
    save_policy(policy, tmp_path / "policy.json")
    record = json.loads((tmp_path / "policy.json").read_text())["policy"]["first"]
    assert record == {
        "type": "margin",
        "margin": 3,
        "otherwise": {"type": "threshold", "threshold": 0.6},
        "names": ["a", "b"],
    }
    assert load_policy(tmp_path / "policy.json") == policy


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            {"type": "margin", "margin": "3", "otherwise": {"type": "always", "model": 0}, "names": []},
            "margin.margin: ",
        ),
        ({"type": "margin", "margin": 3, "names": []}, r"policy\.margin\.otherwise: field required"),
        (
            {"type": "margin", "margin": 3, "otherwise": {"type": "always"}, "names": []},
            r"policy\.margin\.otherwise\.always\.model: field required",
        ),
        (
            {"type": "margin", "margin": -1, "otherwise": {"type": "always", "model": 0}, "names": []},
            "0 or more, not -1",
        ),
        ({"type": "odd"}, "is no dataclass with a method decide"),
        ({"type": "gone"}, r"'gone' \(margin_policy:Gone\) can't be imported \(AttributeError\)"),
    ],
)
def test_what_is_wrong_with_anothers_policy_is_named(
    installed: Any, record: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(PolicyError, match=words):
        load_policy(saved(tmp_path / "policy.json", policy=record))


def test_no_package_can_take_the_name_of_a_policy_of_ours(installed: Any, tmp_path: Path) -> None:
    assert load_policy(saved(tmp_path / "policy.json")) == Threshold(0.75)


@pytest.mark.parametrize("kind", ["margin", "margin_policy:Margin", "os.system", "../policy", ""])
def test_a_policy_that_is_not_installed_is_named_and_nothing_is_imported(kind: str, tmp_path: Path) -> None:
    before = set(sys.modules)
    with pytest.raises(
        PolicyError, match=r"no installed package offers policies of the kind .*install the one that does"
    ):
        load_policy(saved(tmp_path / "policy.json", policy={"type": kind}))
    assert not {name for name in set(sys.modules) - before if name.startswith("margin")}


def test_a_subclass_is_not_saved_as_what_it_derives_from(tmp_path: Path) -> None:
    class Stricter(Threshold):
        pass

    with pytest.raises(
        PolicyError, match=r"class Stricter can't be saved: .*entry point of the group 'automix\.policies'"
    ):
        save_policy(Stricter(0.9), tmp_path / "policy.json")


SMALL = {"name": "small", "score": 1.0, "cost": 1.0, "verdict_cost": 0.1}
LARGE = {"name": "large", "score": 1.0, "cost": 9.0}
LEAD = '''
from dataclasses import dataclass
from ..decision import Accept, Decision, Draft, Finish, State, Verify

@dataclass(frozen=True)
class Lead:
    """Keeps a draft whose correct verdicts lead by `lead`."""
    lead: int = 1

    def decide(self, state: State) -> Decision:
        if state.latest is None:
            return Decision(Draft(0), "First.")
        tally = state.tallies[state.latest]
        if state.available[state.latest]:
            return Decision(Verify(state.latest, state.available[state.latest]), "All of them.")
        ahead = tally.correct - tally.incorrect
        return Decision(Accept(state.latest) if ahead >= self.lead else Finish(len(state.drafted) - 1), f"{ahead}")
'''


def test_a_new_policy_is_one_new_file_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is saved, read, replayed, explained and examined as any other; nothing else has to know of it."""
    (tmp_path / "lead.py").write_text(LEAD)
    monkeypatch.setattr(policies, "__path__", [*policies.__path__, str(tmp_path)])
    monkeypatch.setitem(KINDS, "lead", "lead:Lead")
    policy = importlib.import_module("automix_core.policies.lead").Lead(2)
    try:
        save_policy(policy, tmp_path / "policy.json", k=3)
        assert json.loads((tmp_path / "policy.json").read_text())["policy"] == {"type": "lead", "lead": 2}
        assert load_policy(tmp_path / "policy.json") == policy
        assert check_policy(policy) > 1
        assert explain(policy, models=2, k=2)
        rows = [
            Outcome.model_validate({"id": f"q{n}", "models": [{**SMALL, "verdicts": [1, 1, n % 2]}, LARGE]})
            for n in range(10)
        ]
        assert evaluate(policy, rows).route_share == 0.5
    finally:
        sys.modules.pop("automix_core.policies.lead")
