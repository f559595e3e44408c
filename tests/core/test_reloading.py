"""A saved policy is taken up anew when its file changes, and only if it can be."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from automix_core import POMDP, Always, ConfigError, Policy, PolicyError, Problem, State, Threshold, save_policy, solve
from automix_core.policies.loading import Live
from automix_core.policies.provider import PolicyProvider
from automix_core.policies.reloading import Reloading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_policy(Threshold(0.5), tmp_path / "policy.json")
    return tmp_path / "policy.json"


def now(reloading: Reloading) -> str:
    return repr(reloading.policy())


def test_a_new_file_is_taken_up_with_its_version(path: Path) -> None:
    reloading = Reloading(path, seconds=0)
    assert isinstance(reloading, PolicyProvider)
    before = reloading.policy()
    assert (repr(before), getattr(before, "version", None)) == ("Threshold(0.5)", reloading.version)
    save_policy(Always(-1), path)
    after = reloading.policy()
    assert repr(after) == "Always(-1)"
    assert before.decide(State.start(2, 8)) != after.decide(State.start(2, 8))
    assert getattr(after, "version", None) not in (None, getattr(before, "version", None))


def test_the_file_is_looked_at_no_more_often_than_asked(path: Path) -> None:
    reloading = Reloading(path, seconds=3600)
    save_policy(Always(-1), path)
    assert now(reloading) == "Threshold(0.5)"


@pytest.mark.parametrize("broken", ['{"format": ', "", '{"format": "automix-policy", "version": 99}'])
def test_a_broken_file_leaves_the_running_policy(path: Path, broken: str, caplog: pytest.LogCaptureFixture) -> None:
    reloading = Reloading(path, seconds=0)
    path.write_text(broken)
    assert [now(reloading) for _ in range(3)] == ["Threshold(0.5)"] * 3
    assert caplog.text.count("is not taken up") == 1
    save_policy(Threshold(0.9), path)
    assert now(reloading) == "Threshold(0.9)"


def test_a_missing_file_leaves_the_running_policy(path: Path) -> None:
    reloading = Reloading(path, seconds=0)
    os.remove(path)
    assert now(reloading) == "Threshold(0.5)"
    with pytest.raises(PolicyError, match="can't be read"):
        Reloading(path)


def test_a_policy_for_another_number_of_models_is_not_taken_up(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reloading = Reloading(path, seconds=0)
    reloading.check_models(2)
    three: Policy = solve(Problem([1.0], [[1, 1, 1]], [1, 2, 3], [None, None], 0.01))
    assert isinstance(three, POMDP)
    save_policy(three, path)
    assert now(reloading) == "Threshold(0.5)"
    assert "is not taken up" in caplog.text


def test_each_file_is_compared_with_the_cascades_that_it_serves(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As a path is: what it was fitted under and the cascade is not is said once a file, and again of a new one."""
    reloading = Reloading(path, seconds=0)
    for _ in range(2):
        reloading.serve(2, Live(prompt="abc", k=4))
    assert caplog.text == ""
    save_policy(Threshold(0.6), path, prompt="abc", k=8)
    for _ in range(3):
        assert now(reloading) == "Threshold(0.6)"
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} was fitted with 8 checks a draft, the cascade draws up to 4: "
        "give verifier=SelfVerifier(k=8), or collect and fit again."
    ]
    save_policy(Threshold(0.7), path, models=["a", "b", "c"])
    assert now(reloading) == "Threshold(0.6)"
    assert "not taken up, the running one stays" in caplog.records[-1].getMessage()
    with pytest.raises(PolicyError, match="made for 3 models"):
        Reloading(path).serve(2, Live())


@pytest.mark.parametrize("given", [(None,), (3,), ("policy.json", None), ("policy.json", -1), ("policy.json", "x")])
def test_what_is_no_path_or_no_time_is_named(given: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigError, match=r"Reloading\((path|seconds)\) must be"):
        Reloading(*given)


def test_copies_share_it_and_other_processes_read_the_same_file(path: Path) -> None:
    reloading = Reloading(path, seconds=7)
    assert copy.deepcopy(reloading) is reloading
    again = pickle.loads(pickle.dumps(reloading))
    assert (again.path, again.seconds, again.version) == (path, 7, reloading.version)


def test_a_file_that_says_the_same_is_no_new_policy(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reloading = Reloading(path, seconds=0)
    before = reloading.policy()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(1, 1))
    with caplog.at_level("INFO", "automix"):
        assert reloading.policy() is before
    assert caplog.text == ""


def test_a_file_that_comes_back_is_taken_up(path: Path) -> None:
    reloading = Reloading(path, seconds=0)
    os.remove(path)
    assert now(reloading) == "Threshold(0.5)"
    save_policy(Always(-1), path)
    assert now(reloading) == "Always(-1)"


def test_while_one_thread_reads_the_file_the_others_go_on_with_the_running_policy(path: Path) -> None:
    reloading = Reloading(path, seconds=0)
    save_policy(Always(-1), path)
    with reloading._lock:
        assert now(reloading) == "Threshold(0.5)"
    assert now(reloading) == "Always(-1)"


def test_a_policy_that_can_t_run_the_cascade_is_refused_at_once_and_nothing_is_learned(path: Path) -> None:
    save_policy(solve(Problem([1.0], [[1, 1, 1]], [1, 2, 3], [None, None], 0.01)), path)
    reloading = Reloading(path)
    with pytest.raises(PolicyError):
        reloading.check_models(2)
    version = reloading.version
    reloading.observe({"length": 1.0})
    assert reloading.version == version
    assert repr(reloading) == f"Reloading({str(path)!r})"
