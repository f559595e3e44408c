"""Audits: what an outcome of a call holds, who is asked for it, and what never reaches the call."""

from __future__ import annotations

import copy
import errno
import logging
import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from automix_core.audit.audit import Audit
from automix_core.audit.lines import Lines
from automix_core.audit.record import Case, at_hand, record
from automix_core.audit.score import score
from automix_core.checking.query import Query
from automix_core.decision import Accept, Finish, Tally
from automix_core.errors import ConfigError
from automix_core.outcomes.outcome import read_outcomes
from automix_core.outcomes.scoring import scorer
from automix_core.routing.effects import Checks, Failure, Reply
from automix_core.routing.ending import Ending
from automix_core.routing.price import Price
from automix_core.routing.route import settle
from automix_core.routing.step import Step
from automix_core.usage import Usage

if sys.platform != "win32":
    import fcntl

needs_flock = pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
PRICES = (Price(1, 2), Price(10, 20))
SMALL = Reply("Paris", Usage(1_000_000, 0), signals={"length": 1.0}, seconds=0.5)
LARGE = Reply("in Paris", Usage(0, 1_000_000))
SEEN = Checks(Tally(2, 1), Usage(300, 60), model=0, requests=3)


@dataclass
class Asked:
    """Models that answer and verify as they are told, and keep what they were asked."""

    replies: dict[int, Reply] = field(default_factory=lambda: {0: SMALL, 1: LARGE})
    checks: Checks = SEEN
    models: list[int] = field(default_factory=list)
    drawn: list[tuple[int, int]] = field(default_factory=list)

    def ask(self, model: int) -> Reply:
        self.models.append(model)
        return self.replies[model]

    def draw(self, model: int, reply: Reply, n: int) -> Checks:
        self.drawn.append((model, n))
        return self.checks


def case(asked: Asked, **changed: Any) -> Case:
    query = Query("Which town?", ("The tower is in Paris.",))
    route = settle(Ending(Finish(1), "", models=2), query, policy="p", names=("small", "large"))
    given: dict[str, Any] = {
        "route": replace(route, id="call-1"),
        "query": query,
        "names": ("small", "large"),
        "prices": PRICES,
        "k": 3,
        "replies": {},
        "checks": {},
        "ask": asked.ask,
        "draw": asked.draw,
    }
    return Case(**{**given, **changed})


def recorded(asked: Asked, **changed: Any) -> dict[str, Any]:
    return record(case(asked, **changed), scorer("f1"))


def test_the_models_that_did_not_answer_are_asked_and_their_answers_scored_against_the_largest_ones() -> None:
    asked = Asked()
    found = recorded(asked, prompt="digest")
    small, large = found["models"]
    assert asked.models == [0, 1]
    assert asked.drawn == [(0, 3)], "the largest model's answer is never checked"
    assert small["score"] == pytest.approx(2 / 3)
    assert large["score"] == 1.0
    assert sorted(small["verdicts"]) == [0, 1, 1]
    assert (small["cost"], large["cost"]) == (1.0, 20.0)
    assert small["signals"] == {"length": 1.0}
    assert small["seconds"] == 0.5
    assert "seconds" not in large
    assert small["usage"]["input_tokens"] == 1_000_000
    assert (found["id"], found["served"], found["prompt"], found["reference"]) == ("call-1", 1, "digest", "largest")
    assert (found["question"], found["context"]) == ("Which town?", ["The tower is in Paris."])
    assert found["audit_cost"] == pytest.approx(21 + (300 + 2 * 60) / 1e6)


def test_what_the_call_left_behind_is_not_asked_for_again_and_costs_the_audit_nothing() -> None:
    asked = Asked()
    found = recorded(asked, replies={0: SMALL, 1: LARGE}, checks={0: [SEEN]})
    assert (asked.models, asked.drawn) == ([], [])
    assert found["audit_cost"] == 0


def test_only_the_verdicts_that_are_missing_are_drawn() -> None:
    asked = Asked(checks=Checks(Tally(unreadable=2), Usage(20, 4), model=0, requests=2))
    early = Checks(Tally(1), Usage(10, 2), model=0)
    found = recorded(asked, replies={0: SMALL, 1: LARGE}, checks={0: [early]})
    assert asked.drawn == [(0, 2)]
    assert sorted(map(str, found["models"][0]["verdicts"])) == ["1", "None", "None"]


def test_verdicts_stand_in_an_order_that_depends_on_the_call_alone() -> None:
    def verdicts(of: str) -> list[int | None]:
        made = case(Asked(checks=Checks(Tally(4, 4))), k=8)
        found = record(replace(made, route=replace(made.route, id=of)), scorer("f1"))
        shown: list[int | None] = found["models"][0]["verdicts"]
        return shown

    assert verdicts("a") == verdicts("a")
    assert len({tuple(verdicts(str(n))) for n in range(10)}) > 1


def test_a_direct_confidence_stands_in_place_of_verdicts_and_is_not_asked_for_twice() -> None:
    asked = Asked()
    sure = Checks(Tally(probability=0.9), Usage(5, 1))
    small = recorded(asked, replies={0: SMALL, 1: LARGE}, checks={0: [sure]})["models"][0]
    assert small["probability"] == 0.9
    assert "verdicts" not in small
    assert asked.drawn == []


def test_an_answer_that_can_not_be_kept_is_recorded_with_its_problem_and_not_checked() -> None:
    asked = Asked(replies={0: Reply("Par", problem="cut off"), 1: LARGE})
    small = recorded(asked)["models"][0]
    assert (small["problem"], small["cost"]) == ("cut off", 0.0)
    assert asked.drawn == []
    assert not {"usage", "verdicts"} & set(small)


def test_an_empty_answer_of_the_largest_model_agrees_with_nothing() -> None:
    small, large = recorded(Asked(replies={0: SMALL, 1: Reply(" ")}))["models"]
    assert (small["score"], large["score"]) == (0.0, 1.0)


def test_without_prices_costs_are_in_tokens_and_the_cost_of_the_audit_is_unknown() -> None:
    found = recorded(Asked(), prices=None)
    assert [model["cost"] for model in found["models"]] == [1e6, 1e6]
    assert found["models"][0]["verdict_cost"]["each"] == 120
    assert found["audit_cost"] is None


def test_an_answer_whose_tokens_were_not_reported_leaves_the_cost_of_the_audit_unknown() -> None:
    assert recorded(Asked(replies={0: Reply("Paris"), 1: LARGE}))["audit_cost"] is None


def test_texts_are_left_out_where_they_are_not_to_be_kept() -> None:
    found = record(case(Asked()), scorer("f1"), texts=False)
    assert not {"question", "context"} & set(found)
    assert all("answer" not in model for model in found["models"])


@pytest.mark.parametrize(
    ("checks", "cost"),
    [
        (Checks(Tally(4), Usage(100, 40), requests=1), {"first": 100.0, "again": 100.0, "each": 10.0}),
        (Checks(Tally(4), Usage(400, 40), requests=4), {"first": 0.0, "again": 0.0, "each": 110.0}),
        (Checks(Tally(4)), {"first": 0.0, "again": 0.0, "each": 0.0}),
    ],
    ids=["one request for all", "a request each", "unreported"],
)
def test_reading_the_checking_prompt_is_paid_once_a_request(checks: Checks, cost: dict[str, float]) -> None:
    found = recorded(Asked(checks=checks), prices=None, k=4)["models"][0]["verdict_cost"]
    assert {name: found[name] for name in cost} == cost


def test_verdicts_of_another_verifier_cost_what_that_one_costs() -> None:
    checks = Checks(Tally(1), Usage(1_000_000, 0), model=None, price=Price(7, 0))
    found = recorded(Asked(checks=checks), k=1)
    assert found["models"][0]["verdict_cost"]["each"] == 7
    assert found["audit_cost"] == 1 + 20 + 7


def test_a_call_leaves_its_drafts_their_checks_and_its_answer_behind() -> None:
    nothing = Checks(Tally(failed=3))
    steps = (
        Step("draft", 0, result=SMALL),
        Step("verify", 0, 3, SEEN),
        Step("verify", 0, 3, nothing),
        Step("draft", 1, result=Failure(TimeoutError())),
    )
    replies, checks = at_hand(Ending(Finish(2), "", steps=steps, models=3), LARGE)
    assert replies == {0: SMALL, 2: LARGE}
    assert checks == {0: [SEEN]}


def test_a_kept_draft_is_the_only_answer_and_its_confidence_counts_as_a_check() -> None:
    sure = Checks(Tally(probability=0.0))
    steps = (Step("draft", 0, result=SMALL), Step("verify", 0, 1, sure))
    assert at_hand(Ending(Accept(0), "", steps=steps, models=2), None) == ({0: SMALL}, {0: [sure]})


def test_an_audited_call_can_be_read_as_an_outcome_and_scored_later(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    audit = Audit(path)
    audit.take(lambda: case(Asked()))
    assert audit.flush(30)
    score(path, "call-1", 0.25)
    (outcome,) = read_outcomes(path)
    assert [model.score for model in outcome.models] == [pytest.approx(2 / 3), 0.25]
    assert (audit.counts.done, audit.counts.failed) == (1, 0)
    assert audit.counts.cost == pytest.approx(outcome.audit_cost)


def test_an_audit_that_fails_is_counted_and_logged_by_its_type_alone(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[dict[str, Any]] = []
    audit = Audit(kept.append, score=lambda answer, golds: 0.5)

    def broken() -> Case:
        raise ValueError("sk-secret")

    with caplog.at_level(logging.WARNING, "automix"):
        audit.take(broken)
        assert audit.flush(30)
    audit.take(lambda: case(Asked()))
    assert audit.flush(30)
    assert (audit.counts.failed, audit.counts.done, len(kept)) == (1, 1, 1)
    assert kept[0]["models"][0]["score"] == 0.5
    assert "ValueError" in caplog.text
    assert "sk-secret" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"share": 1.5}, "share of calls from 0 to 1, not 1.5"),
        ({"share": True}, "share of calls from 0 to 1, not True"),
        ({"share": "half"}, "share of calls from 0 to 1, not 'half'"),
        ({"budget": 0}, r"Audit\(budget\) must be more than 0"),
        ({"rate": float("inf")}, r"Audit\(rate\) must be more than 0"),
        ({"queue": 0}, r"Audit\(queue\) must be a whole number of 1 or more, not 0"),
        ({"workers": -1}, r"Audit\(workers\) must be a whole number of 1 or more, not -1"),
        ({"workers": 1.5}, r"Audit\(workers\) must be a whole number of 1 or more, not 1.5"),
        ({"queue": None}, r"Audit\(queue\) must be a whole number of 1 or more, not None"),
        ({"most_bytes": "1 MB"}, r"Audit\(most_bytes\) must be a whole number of 1 or more, not '1 MB'"),
        ({"budget": "x"}, r"Audit\(budget\) must be more than 0, or None for no limit, not 'x'"),
        ({"drain": -1}, r"Audit\(drain\) must be a number of seconds, 0 or more"),
        ({"seed": []}, r"Audit\(seed\) must be a whole number or None"),
    ],
)
def test_settings_of_an_audit_that_can_not_work_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Audit(print, **settings)


@pytest.mark.parametrize("path", [None, 3, ["outcomes.jsonl"]])
def test_what_is_no_place_for_outcomes_is_named(path: Any) -> None:
    with pytest.raises(ConfigError, match=r"Audit\(path\) must be the path of a file, or a function, not "):
        Audit(path)


def test_an_audit_wants_its_share_of_calls_and_the_same_ones_under_the_same_seed() -> None:
    assert [Audit(print, share).wants() for share in (0, 1)] == [False, True]
    wanted = [[audit.wants() for _ in range(400)] for audit in (Audit(print, 0.25, seed=3), Audit(print, 0.25, seed=3))]
    assert wanted[0] == wanted[1]
    assert 60 < sum(wanted[0]) < 140


def test_copies_of_an_audit_share_its_books_and_another_process_gets_its_settings(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "o.jsonl", 0.5, texts=False, queue=7)
    assert copy.copy(audit) is audit
    assert copy.deepcopy(audit) is audit
    again = pickle.loads(pickle.dumps(audit))
    assert again is not audit
    assert repr(again) == repr(audit) == f"Audit({os.fspath(tmp_path / 'o.jsonl')!r}, share=0.5)"
    assert again._settings == audit._settings
    assert repr(Audit(print)) == "Audit('a function', share=1)"


def test_a_file_that_grew_too_large_is_renamed_to_the_next_free_number(tmp_path: Path) -> None:
    (tmp_path / "o.1.jsonl").write_text("old\n")
    lines = Lines(tmp_path / "o.jsonl", 4)
    for line in ("abcd", "efgh", "i"):
        lines.append(line)
    found = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert found == {"o.1.jsonl": "old\n", "o.2.jsonl": "abcd\n", "o.3.jsonl": "efgh\n", "o.jsonl": "i\n"}


def test_a_line_that_the_system_writes_in_parts_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, real = Lines(tmp_path / "o.jsonl"), os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, data: real(file, data[:3]))
        lines.append("abcdefgh")
    assert (tmp_path / "o.jsonl").read_text() == "abcdefgh\n"


def _flock_fails(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)


@needs_flock
def test_a_file_system_without_locks_is_told_of_once_and_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lines = Lines(tmp_path / "o.jsonl")
    _flock_fails(monkeypatch, errno.ENOLCK)
    for line in "ab":
        lines.append(line)
    assert (tmp_path / "o.jsonl").read_text() == "a\nb\n"
    assert caplog.text.count("has no locks") == 1


@needs_flock
def test_a_lock_that_breaks_for_another_reason_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines(tmp_path / "o.jsonl")
    _flock_fails(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        lines.append("a")
    assert (tmp_path / "o.jsonl").read_text() == ""


@needs_flock
@pytest.mark.parametrize("moved", [True, False], ids=["renamed and begun anew", "renamed"])
def test_a_file_that_another_process_renamed_while_we_waited_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    path = tmp_path / "o.jsonl"
    lines, real, waits = Lines(path), fcntl.flock, list[int]()

    def flock(file: int, operation: int) -> None:
        waits.append(file)
        if len(waits) == 1:
            path.rename(tmp_path / "older.jsonl")
            if moved:
                path.touch()
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    lines.append("a")
    assert (path.read_text(), (tmp_path / "older.jsonl").read_text(), len(waits)) == ("a\n", "", 2)


@pytest.mark.parametrize("value", [True, "1", -0.1, 1.1, float("nan")])
def test_a_later_score_that_is_none_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ConfigError, match=r"from 0 \(wrong\) to 1 \(right\)"):
        score(tmp_path / "o.jsonl", "call-1", value)


@needs_flock
def test_a_later_score_of_no_call_or_into_a_full_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids: Sequence[Any] = ("", None)
    for name in ids:
        with pytest.raises(ConfigError, match="The id of a route must be a text"):
            score(tmp_path / "o.jsonl", name, 1.0)
    _flock_fails(monkeypatch, errno.EIO)
    with pytest.raises(ConfigError, match=r"o\.jsonl can't be written: Input/output error\."):
        score(tmp_path / "o.jsonl", "call-1", 1.0)
