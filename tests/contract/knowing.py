"""Signals of drafts, and policies that may change from call to call."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from automix_core import Always, ConfigError, Threshold, save_policy
from automix_core.evidence.estimator import Estimator, Evidence, Term
from automix_core.policies import Skipping
from automix_core.policies.reloading import Reloading
from automix_core.policies.share import Share
from tests.loopback import OpenAIServer, Reply
from tests.loopback.openai_server import Quirks

from .adapter import DRAFT, LARGE, WAYS, YES, Adapter, Way, script


class Signals(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_the_route_shows_the_draft_s_textual_signals(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        signals = self.get(self.small_and_large(server), way).route.signals
        assert set(signals) == {"support", "quote", "unsupported_numbers", "echo", "length", "refusal"}
        assert signals["unsupported_numbers"] == 0
        assert 0 < signals["support"] <= 1
        assert signals["length"] == len(DRAFT.split())

    def test_only_those_asked_for_are_found_out(self, server: OpenAIServer) -> None:
        script(server, YES)
        model = self.small_and_large(server, signals=["support"])
        assert set(self.get(model, "ask").route.signals) == {"support"}

    def test_a_whole_prompt_has_no_question_apart_to_echo(self, server: OpenAIServer) -> None:
        script(server, YES)
        model = self.small_and_large(server, without_context="prompt")
        route = self.get(model, "ask", automix_context="").route
        assert route.context_source == "prompt"
        assert "echo" not in route.signals
        assert "length" in route.signals

    @pytest.mark.parametrize("way", WAYS)
    def test_a_draft_is_skipped_by_the_question_and_its_context(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        one = Evidence([Estimator([Term("passages", 1.0, (0.0, 1.0), (-9.0, 9.0))])])
        route = self.get(self.small_and_large(server, policy=Skipping(Threshold(0.75), one, 1)), way).route
        assert (route.model, route.action) == (1, "direct")
        assert not server.calls("small")
        longer = Evidence([Estimator([Term("question_words", 1.0, (0.0, 99.0), (-9.0, 9.0))])])
        model = self.small_and_large(server, policy=Skipping(Threshold(0.75), longer, 1))
        assert self.get(model, way).route.model == 0

    @pytest.mark.parametrize("way", WAYS)
    def test_token_signals_are_read_where_they_are_named(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        server.say("small", Reply(DRAFT, logprobs={"Oda": -0.5, "Ada": -2.0, "it.": -3.0}))
        model = self.small_and_large(server, signals=["logprob_min", "margin_first", "support"])
        signals = self.get(model, way).route.signals
        assert (signals["logprob_min"], signals["margin_first"]) == (-3.0, 1.5)
        (draft,) = server.calls("small", verdict=False)
        assert (draft.body["logprobs"], draft.body["top_logprobs"]) == (True, 5)
        assert not any(check.body.get("logprobs") for check in server.calls(verdict=True))

    def test_nobody_asks_for_log_probabilities_that_no_signal_needs(self, server: OpenAIServer) -> None:
        script(server, YES)
        self.get(self.small_and_large(server), "ask")
        assert not any(request.body.get("logprobs") for request in server.calls())

    @pytest.mark.parametrize("way", ["ask", "aask"])
    @pytest.mark.parametrize("quirk", [{"refuse_logprobs": True}, {"no_logprobs": True}])
    def test_a_provider_that_gives_none_is_named_once_and_not_asked_again(
        self, server: OpenAIServer, caplog: pytest.LogCaptureFixture, way: Way, quirk: dict[str, Any]
    ) -> None:
        script(server, YES)
        server.quirks["small"] = Quirks(**quirk)
        model = self.small_and_large(server, signals=["logprob_min", "support"])
        with caplog.at_level(logging.WARNING, "automix"):
            routes = [self.get(model, way).route for _ in range(2)]
        assert [(route.action, list(route.signals)) for route in routes] == [("accept", ["support"])] * 2
        assert len([record for record in caplog.records if "log-probabilities" in record.getMessage()]) == 1
        assert len([request for request in server.calls() if request.body.get("logprobs")]) == 1

    @pytest.mark.parametrize("signals", [["suport"], "all"])
    def test_an_unknown_signal_is_named(self, server: OpenAIServer, signals: object) -> None:
        with pytest.raises(ConfigError, match=r"suport|auto"):
            self.small_and_large(server, signals=signals)

    def test_a_share_of_the_traffic_escalates_by_its_evidence(self, server: OpenAIServer) -> None:
        script(server, YES)
        share = Share(0.4)
        model = self.small_and_large(server, policy=share)
        route = self.get(model, "ask").route
        assert route.evidence is not None
        assert (route.action, len(share._recent)) == ("direct" if route.model == 0 else "escalate", 1)
        assert not any(step["do"] == "verify" for step in route.steps)

    @pytest.mark.parametrize("way", WAYS)
    def test_a_new_policy_file_is_taken_up_by_the_next_call(
        self, server: OpenAIServer, tmp_path: Path, way: Way
    ) -> None:
        script(server, YES)
        path = tmp_path / "policy.json"
        save_policy(Threshold(0.5), path)
        model = self.small_and_large(server, policy=Reloading(path, seconds=0))
        first = self.get(model, way)
        save_policy(Always(-1), path)
        second = self.get(model, way)
        assert (first.text, second.text) == (DRAFT, LARGE)
        assert (first.route.policy, second.route.policy) == ("Threshold(0.5)", "Always(-1)")
        versions = {first.route.policy_version, second.route.policy_version}
        assert len(versions) == 2
        assert None not in versions
