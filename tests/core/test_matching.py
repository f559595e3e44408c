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
from automix_core.policies.loading import Live, as_policy, differences
from automix_core.policies.record import policy_dict
from automix_core.policies.saving import PolicyFile, save_policy

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
    with pytest.raises(
        PolicyError,
        match=r"made for 3 models \(a, b, c\), the cascade has 2 \(s, l\): give the cascade",
    ):
        as_policy(path, 2, Live(["s", "l"]))


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
        as_policy(tmp_path / "policy.json", 2, Live(names))
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (Live(prompt="abc", k=8, signals=["support"]), []),
        (Live(), []),
        (Live(prompt="abc", k=4), ["was fitted with 8 checks a draft, the cascade draws up to 4: give verifier=SelfV"]),
        (
            Live(prompt="xyz", k=8),
            ["fitted under the checking prompt abc, the cascade has another (xyz): use"],
        ),
        (Live(prompt="", k=8), ["under the checking prompt abc, the cascade checks with a verifier of your own: use"]),
        (Live(prompt="xyz", k=2), ["with 8 checks a draft", "under the checking prompt"]),
    ],
)
def test_what_a_policy_was_fitted_under_and_the_cascade_is_not_is_named(
    live: Live, words: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.json"
    save_policy(Threshold(), path, prompt="abc", k=8)
    with caplog.at_level(logging.DEBUG, "automix"):
        as_policy(path, 2, live)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * len(words)
    for record, word in zip(caplog.records, words, strict=True):
        assert record.getMessage().startswith(f"{path} was fitted")
        assert word in record.getMessage()


def test_signals_that_the_cascade_lacks_are_named() -> None:
    class Signalled:
        signal_names, measures = ("echo", "support"), ("p_correct",)

        def decide(self, state: State) -> Decision:
            raise NotImplementedError

    file = PolicyFile(Signalled())
    assert differences(file, Live(signals=["echo", "support", "p_correct"])) == []
    assert differences(file, Live(signals=None)) == []
    (said,) = differences(file, Live(signals=["echo"]))
    assert "uses the signals p_correct, support, which the cascade does not have" in said


def test_a_single_model_asks_for_no_checks_and_so_is_compared_with_none() -> None:
    assert differences(PolicyFile(Always(0), prompt="abc", k=8), Live(prompt="", k=2)) == []


@pytest.mark.parametrize("policy", [0.5, Threshold, "", "  ", b"policy.json", ["policy.json"]])
def test_what_is_no_policy(policy: Any) -> None:
    with pytest.raises(ConfigError, match="policy "):
        as_policy(policy, 2)


def test_a_path_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    for path, why in [(tmp_path, "Is a directory"), (tmp_path / "none.json", "No such file or directory")]:
        with pytest.raises(PolicyError, match=f"can't be read: {why}; give the path of a saved policy"):
            as_policy(path, 2)
