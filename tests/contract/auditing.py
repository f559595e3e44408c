"""Audits: the outcome of a call is recorded afterwards, and the call is as it was."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from automix_core import ConfigError, Price, read_outcomes, score
from automix_core.audit.audit import Audit
from automix_core.evidence import asked
from automix_core.usage import Usage
from tests.loopback import OpenAIServer, Reply

from .adapter import CONTEXT, DRAFT, KEY, LARGE, NO, QUESTION, WAYS, YES, Adapter, Way, script

PRICES = [Price(1, 2), Price(10, 20)]


class Audits(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("verdict", [YES, NO])
    def test_the_models_that_did_not_answer_are_asked_afterwards(
        self, server: OpenAIServer, tmp_path: Path, way: Way, verdict: str
    ) -> None:
        script(server, verdict)
        audit = Audit(tmp_path / "o.jsonl")
        answer = self.get(self.small_and_large(server, audit=audit, prices=PRICES), way)
        assert audit.flush(30)
        (outcome,) = read_outcomes(tmp_path / "o.jsonl")
        small, large = outcome.models
        assert (outcome.id, outcome.reference, outcome.served) == (answer.route.id, "largest", answer.route.model)
        assert (small.answer, large.answer) == (DRAFT, LARGE)
        assert small.verdicts == (verdict == YES,) * 4
        assert large.score == 1.0
        assert 0 < small.score < 1
        assert (outcome.question, outcome.context) == (QUESTION, (CONTEXT,))
        assert outcome.query_signals == asked(QUESTION, CONTEXT) != {}
        drafts = [bill for bill in server.billed if bill.model == "small" and not bill.verdict]
        assert len(drafts) == 1  # the draft at hand is not paid for again
        assert small.cost == pytest.approx(PRICES[0].of(_usage(drafts)))
        assert small.verdict_cost.of(4, first=True) > 0

    def test_what_an_audit_costs_is_counted_apart(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES)
        audit = Audit(tmp_path / "o.jsonl")
        route = self.get(self.small_and_large(server, audit=audit, prices=PRICES), "ask").route
        spent = route.usage["by_model"][1]
        assert spent is not None
        assert spent["total_tokens"] == 0
        assert audit.flush(30)
        (outcome,) = read_outcomes(tmp_path / "o.jsonl")
        alone = [bill for bill in server.billed if bill.model == "large"]
        assert outcome.audit_cost == pytest.approx(PRICES[1].of(_usage(alone)))
        assert audit.counts.cost == pytest.approx(outcome.audit_cost)

    def test_a_score_that_comes_later_is_joined(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES)
        audit = Audit(tmp_path / "o.jsonl")
        route = self.get(self.small_and_large(server, audit=audit), "ask").route
        score(tmp_path / "o.jsonl", route.id, 0.25)
        assert audit.flush(30)
        (outcome,) = read_outcomes(tmp_path / "o.jsonl")
        assert outcome.models[0].score == 0.25

    def test_a_failing_audit_fails_no_call(
        self, server: OpenAIServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        script(server, YES)
        server.say("large", Reply(status=500))
        audit = Audit(tmp_path / "o.jsonl")
        answer = self.get(self.small_and_large(server, audit=audit), "ask")
        assert audit.flush(30)
        assert (answer.text, answer.route.action, answer.route.errors) == (DRAFT, "accept", [])
        assert audit.counts.failed == 1
        assert (tmp_path / "o.jsonl").read_text() == ""
        assert "An audit failed" in caplog.text

    def test_a_full_disk_fails_no_call(self, server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
        script(server, YES)

        def full(outcome: dict[str, Any]) -> None:
            raise OSError(28, "No space left on device")

        audit = Audit(full)
        answer = self.get(self.small_and_large(server, audit=audit), "ask")
        assert audit.flush(30)
        assert answer.text == DRAFT
        assert audit.counts.failed == 1

    def test_texts_can_be_left_out(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES)
        audit = Audit(tmp_path / "o.jsonl", texts=False)
        self.get(self.small_and_large(server, audit=audit), "ask")
        assert audit.flush(30)
        written = (tmp_path / "o.jsonl").read_text()
        assert json.loads(written)["models"][0]["verdicts"] == [1, 1, 1, 1]
        assert not [text for text in (DRAFT, LARGE, QUESTION, CONTEXT, KEY) if text in written]

    def test_a_share_of_none_audits_nothing(self, server: OpenAIServer) -> None:
        script(server, YES)
        found: list[Any] = []
        audit = Audit(found.append, share=0.0)
        self.get(self.small_and_large(server, audit=audit), "ask")
        assert audit.flush(30)
        assert found == []

    def test_what_the_policy_is_not_asked_about_is_left_aside(self, server: OpenAIServer) -> None:
        script(server, YES)
        found: list[Any] = []
        audit = Audit(found.append)
        model = self.small_and_large(server, audit=audit, without_context="large")
        self.get(model, "ask", automix_context="")
        assert audit.flush(30)
        assert found == []

    def test_a_copy_of_a_model_is_audited_into_the_same_file(self, server: OpenAIServer) -> None:
        script(server, YES)
        found: list[Any] = []
        audit = Audit(found.append)
        model = self.small_and_large(server, audit=audit)
        self.get(copy.copy(model), "ask")
        assert audit.flush(30)
        assert len(found) == 1

    def test_copies_of_an_audit_are_the_audit(self) -> None:
        audit = Audit(print)
        assert copy.copy(audit) is audit
        assert copy.deepcopy({"audit": audit})["audit"] is audit

    def test_an_audit_travels_to_another_process_by_its_settings(self, tmp_path: Path) -> None:
        audit = Audit(tmp_path / "o.jsonl", 0.5, texts=False, budget=2.0)
        again = pickle.loads(pickle.dumps(audit))
        assert repr(again) == repr(audit)
        assert (again.share, again.budget) == (0.5, 2.0)

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"share": 1.5}, "share"),
            ({"budget": 0}, "budget"),
            ({"rate": -1}, "rate"),
            ({"queue": 0}, "queue"),
            ({"share": True}, "share"),
            ({"share": "all"}, "share"),
            ({"budget": float("inf")}, "budget"),
            ({"workers": 0}, "workers"),
        ],
    )
    def test_settings_that_cannot_work_are_named(self, tmp_path: Path, settings: dict[str, Any], said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            Audit(tmp_path / "o.jsonl", **settings)

    def test_a_path_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="can't be written"):
            Audit(tmp_path / "missing" / "o.jsonl")

    def test_a_share_of_calls_is_drawn_by_the_seed(self) -> None:
        audits = [Audit(print, share=0.3, seed=seed) for seed in (1, 1, 2)]
        first, same, other = ([audit.wants() for _ in range(1000)] for audit in audits)
        assert first == same != other
        assert 240 < sum(first) < 360

    def test_the_score_may_be_a_function_or_a_name(self, server: OpenAIServer) -> None:
        script(server, YES)
        found: list[Any] = []
        scores: list[Any] = [lambda answer, golds: 0.125 if (answer, golds) == (DRAFT, [LARGE]) else 1.0, "exact"]
        for way in scores:
            audit = Audit(found.append, score=way)
            self.get(self.small_and_large(server, audit=audit), "ask")
            assert audit.flush(30)
        assert [outcome["models"][0]["score"] for outcome in found] == [0.125, 0.0]

    def test_an_audit_into_a_function_names_no_path(self) -> None:
        assert repr(Audit(print, 0.5)) == "Audit('a function', share=0.5)"
        assert Audit(print).path is None


def _usage(bills: list[Any]) -> Any:
    return Usage(sum(bill.input_tokens for bill in bills), sum(bill.output_tokens for bill in bills))
