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
from automix_core.outcomes.pricing import priced
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

    @pytest.mark.parametrize("settings", [{"should_verify": lambda query: False}, {"only_errands": True}])
    def test_what_the_policy_is_not_asked_about_is_left_aside(
        self, server: OpenAIServer, settings: dict[str, Any]
    ) -> None:
        script(server, YES)
        found: list[Any] = []
        audit = Audit(found.append)
        self.get(self.small_and_large(server, audit=audit, **settings), "ask")
        assert audit.flush(30)
        assert found == []

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("served", ["small", "large"])
    def test_a_call_without_context_is_recorded_without_what_needs_one(
        self, server: OpenAIServer, tmp_path: Path, way: Way, served: str
    ) -> None:
        script(server, YES)
        audit = Audit(tmp_path / "o.jsonl")
        model = self.small_and_large(server, audit=audit, without_context=served, prices=PRICES)
        route = self.get(model, way, automix_context="").route
        assert audit.flush(30)
        (outcome,) = read_outcomes(tmp_path / "o.jsonl")
        small, large = outcome.models
        assert (route.action, outcome.id, outcome.served) == ("bypass", route.id, ("small", "large").index(served))
        assert (outcome.question, outcome.context, outcome.prompt) == (QUESTION, (), None)
        assert (small.answer, large.answer, large.score) == (DRAFT, LARGE, 1.0)
        assert (small.verdicts, small.probability) == ((), None)
        assert set(small.signals) == {"echo", "length", "refusal"}
        assert server.calls(verdict=True) == []

    def test_a_tool_turn_without_context_is_left_aside(self, server: OpenAIServer) -> None:
        script(server, YES)
        server.say("large", Reply(calls=(("look_up", {"word": "Quillon"}),)))
        found: list[Any] = []
        audit = Audit(found.append)
        self.get(self.small_and_large(server, audit=audit, without_context="large"), "ask", automix_context="")
        assert audit.flush(30)
        assert (found, audit.counts.done) == ([], 0)

    def test_costs_are_in_one_unit_where_a_price_is_unknown(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES)
        audit = Audit(tmp_path / "o.jsonl")
        self.get(self.small_and_large(server, audit=audit, prices=[PRICES[0], None]), "ask")
        assert audit.flush(30)
        (outcome,) = read_outcomes(tmp_path / "o.jsonl")
        assert all(model.cost > 1 for model in outcome.models)  # tokens
        assert outcome.models[0].verdict_cost.first > 1
        assert outcome.audit_cost is None

    def test_prices_can_be_given_when_the_audits_are_read(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES)
        for name, prices in {"priced": PRICES, "not": None}.items():
            audit = Audit(tmp_path / f"{name}.jsonl")
            self.get(self.small_and_large(server, audit=audit, prices=prices), "ask")
            assert audit.flush(30)
        (given,), (later,) = (read_outcomes(tmp_path / f"{name}.jsonl") for name in ("priced", "not"))
        (later,) = priced([later], dict(zip((model.name for model in later.models), PRICES, strict=True)))
        assert [model.cost for model in later.models] == pytest.approx([model.cost for model in given.models])
        costs = [outcome.models[0].verdict_cost.to_dict() for outcome in (later, given)]
        assert costs[0] == pytest.approx(costs[1])

    def test_a_judge_that_sees_no_reference_judges_every_answer(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES)

        def judge(question: str, context: str, answer: str) -> float:
            assert (question, context) == (QUESTION, CONTEXT)
            return {DRAFT: 0.25, LARGE: 0.75}[answer]

        audit = Audit(tmp_path / "o.jsonl", judge=judge)
        self.get(self.small_and_large(server, audit=audit, prices=PRICES), "ask")
        assert audit.flush(30)
        (outcome,) = read_outcomes(tmp_path / "o.jsonl")
        assert [model.score for model in outcome.models] == [0.25, 0.75]
        assert outcome.reference is None
        assert outcome.audit_cost is not None

    def test_the_evaluators_of_the_framework_judge_and_their_tokens_are_paid_for(
        self, server: OpenAIServer, tmp_path: Path
    ) -> None:
        script(server, YES)
        judge, says = self.evaluator(server, "judge")
        server.say("judge", says)
        audit = Audit(tmp_path / "o.jsonl", judge=judge, judge_price=Price(100, 1000))
        self.get(self.small_and_large(server, audit=audit, prices=PRICES), "ask")
        assert audit.flush(30)
        (outcome,) = read_outcomes(tmp_path / "o.jsonl")
        assert [model.score for model in outcome.models] == [1.0, 1.0]
        assert outcome.reference == "largest"
        spent = [[bill for bill in server.billed if bill.model == name] for name in ("judge", "large")]
        assert len(spent[0]) == 1  # the largest model's own answer is not compared with itself
        assert outcome.audit_cost == pytest.approx(
            Price(100, 1000).of(_usage(spent[0])) + PRICES[1].of(_usage(spent[1]))
        )

    def test_a_judge_of_unknown_price_leaves_the_cost_unknown(self, server: OpenAIServer) -> None:
        script(server, YES)
        judge, says = self.evaluator(server, "judge")
        server.say("judge", says)
        found: list[Any] = []
        audit = Audit(found.append, judge=judge)
        self.get(self.small_and_large(server, audit=audit, prices=PRICES), "ask")
        assert audit.flush(30)
        assert [outcome["audit_cost"] for outcome in found] == [None]
        assert audit.counts.cost_unknown == 1

    def test_a_judge_that_fails_leaves_the_agreement(
        self, server: OpenAIServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        script(server, YES)
        judge, _ = self.evaluator(server, "judge")
        server.say("judge", Reply(status=500))
        found: list[Any] = []
        audit = Audit(found.append, judge=judge, score=lambda answer, golds: 0.125)
        answer = self.get(self.small_and_large(server, audit=audit), "ask")
        assert audit.flush(30)
        ((small, large),) = [[model["score"] for model in outcome["models"]] for outcome in found]
        assert (answer.text, small, large) == (DRAFT, 0.125, 1.0)
        assert "The judge of an audit failed with" in caplog.text
        assert (found[0]["judged"], found[0]["reference"]) == (False, "largest")

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
            ({"share": -0.1}, "share"),
            ({"share": float("nan")}, "share"),
            ({"judge": "gpt"}, "judge"),
            ({"judge": str}, "judge"),
            ({"judge": lambda question: 1.0}, "no parameter called answer"),
            ({"score": "f2"}, "no scorer 'f2'"),
            ({"score": "nowhere_at_all:f"}, "nowhere_at_all"),
            ({"score": "json:nothing_there"}, "nothing_there"),
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
