"""`automix demo --compare` and `--policy`: two policies on the same drafts and verdicts, each call made once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from automix_cli.app import app
from automix_cli.demo import compare
from automix_cli.demo.compare import compared
from automix_cli.demo.measured import measured
from automix_cli.demo.priced import priced
from automix_cli.weights import DEFAULT_PAIR
from automix_core.checking.prompt import digest
from automix_core.decision import Policy
from automix_core.evaluation.replay import replay
from automix_core.fitting.fit import fit
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import digest as outcome_digest
from automix_core.outcomes.outcome import read_outcomes
from automix_core.policies import Always, Curtailed, Threshold
from automix_core.policies.saving import save_policy
from automix_core.routing.price import Price
from automix_core.usage import Usage
from benchmarks.ledgers import COLLECTED
from benchmarks.replays import budget
from tests.cli.demos import BAD, GOOD, NAMES, answered, provider
from tests.cli.served import ROOT
from tests.loopback import OpenAIServer, Quirks, Reply

PRICES = (1.0, 50.0)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


@pytest.mark.parametrize("choices", [8, 1])
@pytest.mark.parametrize("verdict", [GOOD, BAD])
def test_the_replay_of_what_ran_costs_what_it_cost(server: OpenAIServer, verdict: str, choices: int) -> None:
    """Or less: a server that gave one choice of eight was asked for all, where a cascade that knows goes in rounds."""
    server.verdicts(verdict)
    server.quirks["small"] = Quirks(max_choices=choices)
    done = [answered(server)]
    (found,) = compared(done, NAMES, PRICES, {"default": Threshold()})["policies"]
    paid = priced(measured(done, 2), PRICES)["cascade"]["total"]
    drawn = 8 if choices == 8 else 6 if verdict is GOOD else 3
    assert found["verdicts"] == drawn
    asked = done[0].asked.route.usage["verify"]
    assert asked is not None
    saved = (1 - drawn / 8) * Price(PRICES[0], PRICES[0]).of(Usage(asked["input_tokens"], asked["output_tokens"]))
    assert found["cost"] == pytest.approx(paid - saved)
    assert (found["kept"], found["right"]) == (int(verdict is GOOD), 1)


def test_other_policies_read_the_same_verdicts(server: OpenAIServer) -> None:
    server.verdicts(BAD)
    server.say("small", "At noon.")
    done = [answered(server)]
    before = len(server.requests)
    policies: dict[str, Policy] = {"large": Always(1), "small": Always(0), "early": Curtailed(Threshold())}
    large, small, early = compared(done, NAMES, PRICES, policies)["policies"]
    assert len(server.requests) == before
    assert (large["kept"], large["verdicts"], large["right"]) == (0, 0, 1)
    assert (small["kept"], small["verdicts"], small["right"]) == (1, 0, 0)
    assert (early["kept"], early["verdicts"], early["right"]) == (0, 3, 1)
    assert early["questions"][0]["model"] == 1


def test_unknown_tokens_leave_the_cost_open(server: OpenAIServer) -> None:
    server.say("small", Reply("At 18:45.", usage=False))
    (found,) = compared([answered(server)], NAMES, PRICES, {"default": Threshold()})["policies"]
    assert found["cost"] is None
    assert found["kept"] == 1


def test_what_was_not_recorded_whole_is_left_out(server: OpenAIServer) -> None:
    server.fail("small", Reply(status=400), when=lambda request: request.asks_for_verdict)
    found = compared([answered(server)], NAMES, PRICES, {"default": Threshold()})
    assert found["left_out"] == ["supper"]
    assert found["policies"] == []


def command(server: OpenAIServer, *more: str) -> list[str]:
    models = ["--small", f"{server.url}#small", "--large", f"{server.url}#large"]
    return ["demo", "--questions", "2", "-q", *models, *more]


def test_the_command_compares(server: OpenAIServer, tmp_path: Path) -> None:
    save_policy(Always(1), tmp_path / "policy.json")
    arguments = command(server, "--compare", "--policy", str(tmp_path / "policy.json"))
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert found["policy"] == "Threshold(0.75)"
    default, fitted = found["compare"]["policies"]
    assert (default["name"], default["policy"], default["kept"]) == ("default", "Threshold(0.75)", 2)
    assert (fitted["name"], fitted["policy"], fitted["kept"]) == ("fitted", "Always(1)", 0)
    text = CliRunner().invoke(app, arguments).stdout
    assert "fitted: Always(1)" in text
    assert "escalated, 0 verdicts" in text


def test_a_policy_of_one_s_own_decides(server: OpenAIServer, tmp_path: Path) -> None:
    server.verdicts(GOOD, BAD)
    save_policy(Threshold(0.5), tmp_path / "policy.json", k=4)
    ran = CliRunner().invoke(app, command(server, "--policy", str(tmp_path / "policy.json"), "--json"))
    found = json.loads(ran.stdout)
    assert found["policy"] == "Threshold(0.5)"
    assert found["measured"]["actions"] == {"accept": 2}
    assert [check.n for check in server.calls(verdict=True)] == [4, 4]


def test_without_a_fitted_policy_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(compare, "SHIPPED", tmp_path / "none.json")
    ran = CliRunner().invoke(app, ["demo", "--compare"])
    assert ran.exit_code == 2
    assert "--compare needs --policy FILE" in ran.stderr


def test_a_shipped_policy_is_used(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_policy(Always(0), tmp_path / "embedded.json", models=["a", "b"])
    monkeypatch.setattr(compare, "SHIPPED", tmp_path / "embedded.json")
    ran = CliRunner().invoke(app, [word for word in command(server, "--compare", "--json") if word != "-q"])
    assert json.loads(ran.stdout)["compare"]["policies"][1]["policy"] == "Always(0)"
    assert "The fitted policy was made for a and b; for these models" in ran.stderr


def test_the_policy_that_comes_with_the_package_is_for_the_embedded_pair() -> None:
    file = compare.fitted(None)
    assert file.models == DEFAULT_PAIR
    assert compare.borrowed(file, DEFAULT_PAIR) is None
    assert file.k is None  # it never checks
    assert file.data is not None
    assert file.data.outcomes == COLLECTED


def test_the_policy_that_comes_with_the_package_was_fitted_under_todays_prompt() -> None:
    assert compare.fitted(None).prompt == digest()


@pytest.mark.parametrize(
    ("models", "words"),
    [(["a", "b", "c"], "was made for 3 models (a, b, c), the cascade has 2"), (None, "can't be read")],
)
def test_a_policy_that_does_not_fit(tmp_path: Path, models: list[str] | None, words: str) -> None:
    file = tmp_path / "policy.json"
    if models:
        save_policy(Always(0), file, models=models)
    ran = CliRunner().invoke(app, ["demo", "--policy", str(file)])
    assert ran.exit_code == 1
    assert words in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_fitting_the_recorded_outcomes_again_gives_that_policy() -> None:
    outcomes = read_outcomes(ROOT / "benchmarks" / "outcomes-embedded.jsonl")
    columns, shipped = Columns.of(outcomes), compare.fitted(None)
    again = fit(columns.first(0), objective=budget(columns))
    assert shipped.data is not None
    assert shipped.data.sha256 == outcome_digest(outcomes)
    assert replay(again.policy, columns).model.tolist() == replay(shipped.policy, columns).model.tolist()
