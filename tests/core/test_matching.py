"""Which policy a cascade gets, and whether it was made for that many models."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automix_core.decision import Decision, Finish, Policy, State, check_models
from automix_core.errors import ConfigError, PolicyError
from automix_core.policies import Always, Band, Curtailed, Mixture, Problem, Threshold, solve
from automix_core.policies.loading import as_policy
from automix_core.policies.record import policy_dict
from automix_core.policies.saving import save_policy

THREE = solve(Problem([0.5, 0.5], [[1, 1, 1], [0, 0, 1]], [1, 5, 50], [None, None], 0.01))


@dataclass(frozen=True)
class Mine:
    """A user's own policy, which only decides."""

    def decide(self, state: State) -> Decision:
        return Decision(Finish(0), "")


@dataclass(frozen=True)
class ForTwo(Mine):
    """A user's own policy that knows for how many models it is."""

    def check_models(self, models: int) -> None:
        if models != 2:
            raise PolicyError(f"two, not {models}")


@pytest.mark.parametrize("policy", [Threshold(), Band(0.2, 0.8), Always(0), Always(-1), Mine(), ForTwo()])
def test_a_policy_is_itself(policy: Policy) -> None:
    assert as_policy(policy, 2) is policy


def test_the_default_and_plain_data() -> None:
    assert as_policy(None, 2) == Threshold(0.75)
    assert as_policy(policy_dict(THREE), 3) == THREE


@pytest.mark.parametrize(
    ("policy", "models", "words"),
    [
        (THREE, 2, "made for 3 models, the cascade has 2"),
        (THREE, 4, "made for 3 models, the cascade has 4"),
        (policy_dict(THREE), 2, "made for 3 models, the cascade has 2"),
        (Curtailed(THREE), 2, "made for 3 models, the cascade has 2"),
        (Mixture(Always(0), THREE, 0.5), 2, "made for 3 models, the cascade has 2"),
        (Mixture(Always(2), Threshold(), 0.5), 2, r"Always\(2\) names a model that a cascade of 2 does not have"),
        (Always(-3), 2, r"Always\(-3\) names a model that a cascade of 2 does not have"),
        (Mixture(ForTwo(), Mine(), 0.5), 3, "two, not 3"),
    ],
)
def test_another_number_of_models_is_an_error(policy: Any, models: int, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        as_policy(policy, models)
    if not isinstance(policy, dict):
        with pytest.raises(PolicyError, match=words):
            check_models(policy, models)


def test_a_file_tells_its_number_by_names_or_by_its_table(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    save_policy(THREE, path)
    assert as_policy(str(path), 3) == THREE
    with pytest.raises(PolicyError, match=r"policy\.json: This policy was made for 3 models, the cascade has 2"):
        as_policy(path, 2)
    save_policy(Threshold(0.4), path, models=["a", "b", "c"])
    assert as_policy(path, 3) == Threshold(0.4)
    with pytest.raises(PolicyError, match=r"made for 3 models \(a, b, c\), the cascade has 2 \(s, l\)\.$"):
        as_policy(path, 2, ["s", "l"])


@pytest.mark.parametrize(
    ("names", "level"),
    [
        (["gpt-small", "gpt-large"], None),
        (["gpt-large", "gpt-small"], logging.WARNING),
        (["gpt-small", "gpt-huge"], logging.WARNING),
        (["small", "large"], logging.INFO),
        ([], None),
    ],
)
def test_other_names_are_logged(
    names: list[str], level: int | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_policy(Threshold(), tmp_path / "policy.json", models=["gpt-small", "gpt-large"])
    with caplog.at_level(logging.DEBUG, "automix"):
        as_policy(tmp_path / "policy.json", 2, names)
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])


@pytest.mark.parametrize("policy", [0.5, Threshold, "", "  ", b"policy.json", ["policy.json"]])
def test_what_is_no_policy(policy: Any) -> None:
    with pytest.raises(ConfigError, match="policy "):
        as_policy(policy, 2)


def test_a_path_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    for path, why in [(tmp_path, "Is a directory"), (tmp_path / "none.json", "No such file or directory")]:
        with pytest.raises(PolicyError, match=f"can't be read: {why}; give the path of a saved policy"):
            as_policy(path, 2)
