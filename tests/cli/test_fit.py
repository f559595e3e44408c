"""`automix fit`, `automix evaluate`, `automix explain`, as a user runs them."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automix_cli.demo.compare import SHIPPED
from automix_core.evaluation.replay import replay
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import read_outcomes
from automix_core.policies import Always, Threshold
from automix_core.policies.saving import load_policy, load_policy_file, save_policy
from tests.core.worlds import outcomes


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    stdout: str
    stderr: str


def automix(*arguments: object, fails: int = 0) -> Done:
    """Run the command; an error is one line on standard error."""
    from automix_cli.app import app

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
        app(args=[str(argument) for argument in arguments], prog_name="automix")
    assert (left.value.code or 0) == fails, err.getvalue()
    if fails:
        assert len(err.getvalue().splitlines()) == 1
        assert err.getvalue().startswith("automix: ")
    return Done(out.getvalue(), err.getvalue())


def write(path: Path, n: int = 200, seed: int = 0, **world: Any) -> Path:
    records = outcomes(n, seed, **world)
    path.write_text("".join(record.model_dump_json(exclude_none=True) + "\n" for record in records))
    return path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with outcomes and the policy fitted on them."""
    folder = tmp_path_factory.mktemp("fitted")
    write(folder / "outcomes.jsonl")
    automix("fit", folder / "outcomes.jsonl", "-o", folder / "policy.json")
    return folder


def test_outcomes_survive_being_written(tmp_path: Path) -> None:
    records = outcomes(20, unreadable=0.3)
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(record.model_dump_json(exclude_none=True) + "\n" for record in records))
    assert read_outcomes(path) == records


def test_fit_saves_the_policy_and_its_facts(fitted: Path) -> None:
    file = load_policy_file(fitted / "policy.json")
    assert file.models == ("model-0", "model-1")
    assert file.k == 8
    assert file.data is not None
    assert file.data.outcomes == 200


def test_fit_says_what_to_expect(fitted: Path) -> None:
    done = automix("fit", fitted / "outcomes.jsonl", "-o", fitted / "again.json", "--json")
    facts = json.loads(done.stdout)
    assert facts["outcomes"] == 200
    assert facts["held_out"]["less always_model-1"]["reward"]["mean"] > 0
    assert facts["expected"]["verdicts"] > 0
    words = automix("fit", fitted / "outcomes.jsonl", "-o", fitted / "again.json").stdout
    assert "on questions held out" in words


@pytest.mark.parametrize(("verdicts", "k"), [(0, None), (3, 3)])
def test_only_the_first_verdicts_are_learned_from(verdicts: int, k: int | None, tmp_path: Path) -> None:
    """None at all where a signal tells enough; the policy then never checks, and its file asks for no verdicts."""
    records = outcomes(60, 0)
    lines = []
    for record in records:
        small = record.models[0].model_copy(update={"signals": {"support": record.models[0].score}})
        told = record.model_copy(update={"models": (small, *record.models[1:])})
        lines.append(told.model_dump_json(exclude_none=True) + "\n")
    (tmp_path / "o.jsonl").write_text("".join(lines))
    automix("fit", tmp_path / "o.jsonl", "-o", tmp_path / "p.json", "--verdicts", verdicts)
    file = load_policy_file(tmp_path / "p.json")
    assert file.k == k
    found = json.loads(automix("evaluate", tmp_path / "p.json", tmp_path / "o.jsonl", "--json").stdout)
    assert found["verdicts_per_query"] <= verdicts


def test_worth_is_one_over_the_cost_weight(fitted: Path) -> None:
    weights = []
    for option in (["--worth", "400"], ["--cost-weight", "0.0025"]):
        done = automix("fit", fitted / "outcomes.jsonl", "-o", fitted / "weight.json", "--json", *option)
        weights.append(json.loads(done.stdout)["cost_weight"])
    assert weights == [0.0025, 0.0025]


def test_evaluate_reports_every_figure(fitted: Path) -> None:
    test = write(fitted / "test.jsonl", 300, 7)
    done = automix("evaluate", fitted / "policy.json", test, "--json", "--decisions", fitted / "decisions.jsonl")
    facts = json.loads(done.stdout)
    keys = "n performance cost ibc delta_ibc gap_recovered route_share verdicts_per_query exhausted baselines"
    assert set(keys.split()) <= set(facts)
    assert facts["n"] == 300
    assert set(facts["baselines"]) == {"always_model-0", "always_model-1"}
    assert facts["in_sample"] is False
    rows = [json.loads(line) for line in (fitted / "decisions.jsonl").read_text().splitlines()]
    assert set(rows[0]) == {"id", "model", "drafted", "verdicts_used", "score", "cost"}
    assert sum(row["score"] for row in rows) / 300 == pytest.approx(facts["performance"])
    assert sum(row["cost"] for row in rows) / 300 == pytest.approx(facts["cost"])
    assert sum(sum(row["verdicts_used"]) for row in rows) / 300 == pytest.approx(facts["verdicts_per_query"])
    done_again = replay(load_policy(fitted / "policy.json"), Columns.of(read_outcomes(test)))
    assert [row["model"] for row in rows] == done_again.model.tolist()


def test_the_same_outcomes_are_in_sample(fitted: Path) -> None:
    shuffled = fitted / "shuffled.jsonl"
    lines = (fitted / "outcomes.jsonl").read_text().splitlines()
    shuffled.write_text("\n".join(reversed(lines)))
    assert json.loads(automix("evaluate", fitted / "policy.json", shuffled, "--json").stdout)["in_sample"] is True
    said = automix("evaluate", fitted / "policy.json", fitted / "outcomes.jsonl").stdout
    assert said.startswith("In sample, so expect less of it on new questions. ")


def test_the_bottom_line_comes_first_then_money_then_plain_words(fitted: Path) -> None:
    test = write(fitted / "test.jsonl", 300, 7)
    first, money, plain, *_ = automix("evaluate", fitted / "policy.json", test).stdout.splitlines()
    facts = json.loads(automix("evaluate", fitted / "policy.json", test, "--json").stdout)
    assert first == facts["bottom_line"]["sentence"]
    assert first.startswith(("Use it: ", "Don't: ", "Not shown"))
    assert money.startswith("Cost of 1,000 questions (in the unit of the outcomes' costs): this policy ")
    assert "always model-1" in money
    assert plain.startswith("The first model answers ")
    told = automix("fit", test, "-o", fitted / "anew.json").stdout
    assert told.split("\n", 1)[0].endswith(" (held out)")
    wide = json.loads(automix("evaluate", fitted / "policy.json", test, "--json", "--margin", "1").stdout)
    assert wide["bottom_line"] != facts["bottom_line"]


def test_words_alone_stand_beside_every_check(fitted: Path) -> None:
    rows = [json.loads(line) for line in (fitted / "outcomes.jsonl").read_text().splitlines()]
    for row in rows:
        row["models"][0]["signals"] = {"support": row["models"][0]["score"]}
    worded = fitted / "worded.jsonl"
    worded.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = fitted / "worded.html"
    facts = json.loads(automix("evaluate", fitted / "policy.json", worded, "--json", "--report", report).stdout)
    (checked,) = facts["reliability"]
    assert checked["lexical"] == {"mean": 1, "low": 1, "high": 1}
    assert facts["discrimination"][0] == {"model": "model-0", "name": "lexical", "n": 200, "auroc": checked["lexical"]}
    line = "words alone, on the same drafts: auroc 1.00 (1.00 to 1.00)"
    assert line in automix("evaluate", fitted / "policy.json", worded).stdout
    assert "Words alone, on the same drafts: 1.00" in report.read_text("utf-8")
    plain = json.loads(automix("evaluate", fitted / "policy.json", fitted / "outcomes.jsonl", "--json").stdout)
    assert plain["reliability"][0]["lexical"] is None
    assert "words alone" not in automix("evaluate", fitted / "policy.json", fitted / "outcomes.jsonl").stdout


def test_explain_shows_the_words_of_the_routes(fitted: Path) -> None:
    facts = json.loads(automix("explain", fitted / "policy.json", "--json").stdout)
    assert facts["models"] == ["model-0", "model-1"]
    assert len(facts["rows"]) == 46
    assert facts["rows"][0]["reason"].startswith("Nothing is known yet")
    assert "more verdict" in automix("explain", fitted / "policy.json", "--details").stdout


def test_explain_is_a_screenful_that_any_terminal_shows(fitted: Path) -> None:
    shown = automix("explain", fitted / "policy.json").stdout
    assert shown.isascii()
    assert len(lines := shown.splitlines()) <= 24
    assert max(map(len, lines)) <= 80
    said = json.loads(automix("explain", fitted / "policy.json", "--json").stdout)["rule"]
    assert said == [" ".join(shown.partition("\n\n")[0].split())]
    assert said[0].startswith("model-0 drafts; its draft is kept")


def test_explain_leaves_out_what_is_not_reached() -> None:
    shown, everything = automix("explain", SHIPPED, "--details").stdout, automix("explain", SHIPPED, "--all").stdout
    assert re.search(r"^\d+ more histories are not expected to be reached: --all", shown, re.MULTILINE)
    assert "more histories" not in everything
    assert everything.count("draft 0") > shown.count("draft 0")


def test_explain_a_rule(tmp_path: Path) -> None:
    save_policy(Threshold(0.75), tmp_path / "policy.json")
    short = " ".join(automix("explain", tmp_path / "policy.json").stdout.split())
    assert "its draft is kept where 6 to 8 of 8 say correct, else model 1 answers." in short
    shown = automix("explain", tmp_path / "policy.json", "--details").stdout
    assert "keep draft 0" in shown
    assert "at least 0.75" in shown


def test_other_names_warn_another_number_fails(fitted: Path) -> None:
    save_policy(Always(0), fitted / "named.json", models=["a", "b"])
    done = automix("evaluate", fitted / "named.json", fitted / "outcomes.jsonl", "--json")
    assert "models match by place" in json.loads(done.stdout)["warnings"][0]
    three = write(fitted / "three.jsonl", 20, models=3)
    done = automix("evaluate", fitted / "policy.json", three, fails=1)
    assert "made for 2 models (model-0, model-1), the outcomes are of 3" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--max-cost", "0.01"], 2, "No policy costs as little as 0.01"),
        (["--min-quality", "0.999"], 2, "No policy scores as much as 0.999"),
        (["--max-cost", "5", "--min-quality", "0.5"], 2, "Give one objective"),
        (["--worth", "10", "--cost-weight", "1"], 2, "Give --worth or --cost-weight"),
        (["--worth", "0"], 2, "--worth must be a number above 0"),
        (["--method", "magic"], 2, "There is no method 'magic'"),
        (["--max-loss", "2"], 2, "max_loss must lie between 0 and 1"),
        (["--max-loss", "0.1", "--max-cost", "3"], 2, "--max-loss is an objective of its own"),
        (["--cost-weight", "many"], 2, "Invalid value for '--cost-weight'"),
    ],
)
def test_bad_use(options: list[str], code: int, words: str, fitted: Path, tmp_path: Path) -> None:
    """One line, exit code 2, and nothing written."""
    done = automix("fit", fitted / "outcomes.jsonl", "-o", tmp_path / "policy.json", *options, fails=code)
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "outcomes.jsonl: There are no outcomes"),
        (
            '{"id": "a", "models": [{"name": "s", "score": 1, "cost": 1}, {"name": "l", "score": 1, "cost": 2}]}',
            "outcomes.jsonl: There are 1 outcomes; fitting needs 10",
        ),
        ('{"id": "a"}\n', "outcomes.jsonl, line 1: field models: field required"),
        ('{"id": "a", "models": [', "outcomes.jsonl, line 1: not a whole JSON object"),
    ],
)
def test_bad_data(text: str, words: str, tmp_path: Path) -> None:
    """One line naming file and line, exit code 1, the old policy untouched."""
    (tmp_path / "outcomes.jsonl").write_text(text)
    save_policy(Always(0), tmp_path / "policy.json")
    before = (tmp_path / "policy.json").read_bytes()
    done = automix("fit", tmp_path / "outcomes.jsonl", "-o", tmp_path / "policy.json", fails=1)
    assert words in done.stderr
    assert (tmp_path / "policy.json").read_bytes() == before


def test_a_broken_policy_and_a_full_disk(fitted: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text((fitted / "policy.json").read_text()[:-200])
    done = automix("evaluate", tmp_path / "policy.json", fitted / "outcomes.jsonl", fails=1)
    assert "not whole JSON" in done.stderr
    nowhere = tmp_path / "no" / "decisions.jsonl"
    done = automix("evaluate", fitted / "policy.json", fitted / "outcomes.jsonl", "--decisions", nowhere, fails=1)
    assert "can't be written: No such file" in done.stderr


def test_a_certificate_or_its_refusal(fitted: Path, tmp_path: Path) -> None:
    done = automix("fit", fitted / "outcomes.jsonl", "-o", tmp_path / "policy.json", "--max-loss", "0.01", "--json")
    assert "Not certifiable with n = 100" in json.loads(done.stdout)["notes"][0]
    assert load_policy(tmp_path / "policy.json") == Always(1)


def test_seconds_are_worth_something(tmp_path: Path) -> None:
    from tests.core.test_timing import clocked

    path, policy = tmp_path / "outcomes.jsonl", tmp_path / "policy.json"
    path.write_text("".join(record.model_dump_json(exclude_none=True) + "\n" for record in clocked(100)))
    options = ("--method", "threshold", "--cost-weight", "0.001", "--second-worth", "0.5")
    done = automix("fit", path, "-o", policy, *options)
    assert "seconds      0.5 each, counted in the costs" in done.stdout
    told = json.loads(automix("explain", policy, "--json").stdout)
    assert told["second_worth"] == 0.5
    assert "A second was worth 0.5" in automix("explain", policy, "--details").stdout
    figures = json.loads(automix("evaluate", policy, path, "--json").stdout)
    plain = json.loads(automix("evaluate", policy, path, "--second-worth", "0", "--json").stdout)
    assert (figures["second_worth"], plain["second_worth"]) == (0.5, None)
    assert figures["cost"] > plain["cost"]
    assert "each second counts 0.5 in the costs" in automix("evaluate", policy, path).stdout
    certified = ("--method", "threshold", "--max-loss", "0.3", "--second-worth", "0.5")
    assert json.loads(automix("fit", path, "-o", policy, *certified, "--json").stdout)["second_worth"] == 0.5


def test_seconds_that_nobody_recorded_are_worth_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "outcomes.jsonl", 20)
    done = automix("fit", path, "-o", tmp_path / "policy.json", "--second-worth", "0.5", fails=1)
    assert "outcomes.jsonl" in done.stderr
    assert "20 of 20 outcomes don't say how many seconds each answer took" in done.stderr
    assert automix("fit", path, "-o", tmp_path / "policy.json", "--second-worth", "-1", fails=2)


def test_audited_calls_without_context_are_left_out(fitted: Path) -> None:
    lines = (fitted / "outcomes.jsonl").read_text().splitlines()
    without = [{**json.loads(line), "id": f"w{n}", "served": 1, "context": []} for n, line in enumerate(lines[:30])]
    mixed = fitted / "mixed.jsonl"
    mixed.write_text("\n".join([*lines, *map(json.dumps, without)]) + "\n")
    facts = json.loads(automix("fit", mixed, "-o", fitted / "mixed.json", "--json").stdout)
    assert facts["outcomes"] == 200
    assert "30 outcomes of calls without context are left out" in facts["notes"][0]
    assert load_policy(fitted / "mixed.json") == load_policy(fitted / "policy.json")
    told = automix("watch", mixed, "--policy", fitted / "policy.json", "--json").stdout
    assert (json.loads(told)["outcomes"], len(json.loads(told)["warnings"])) == (200, 1)
    assert json.loads(automix("evaluate", fitted / "policy.json", mixed, "--json").stdout)["n"] == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id": "1", "question": "Who?"}\n', "this is a question"),
        ('{"id": "1", "models": [{"name": "a", "score": 1, "cost": 1}]}\n', "this is an outcome"),
    ],
)
def test_a_file_of_another_kind_is_not_written_over(text: str, words: str, fitted: Path) -> None:
    (fitted / "other.jsonl").write_text(text)
    done = automix("fit", fitted / "outcomes.jsonl", "-o", fitted / "other.jsonl", fails=2)
    assert f"would be overwritten, and {words}" in done.stderr
    assert (fitted / "other.jsonl").read_text() == text
    asked = ["--model", "a=http://127.0.0.1:9/v1#m", "--model", "b=http://127.0.0.1:9/v1#m"]
    (fitted / "questions.jsonl").write_text('{"id": "1", "question": "Who?"}\n')
    done = automix("collect", fitted / "questions.jsonl", "-o", fitted / "policy.json", *asked, fails=2)
    assert "this is a policy" in done.stderr
