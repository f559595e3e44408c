"""Signals of drafts, and policies that may change from call to call."""

from __future__ import annotations

from pathlib import Path

import pytest

from automix_core import Always, ConfigError, Threshold, save_policy
from automix_core.policies.reloading import Reloading
from automix_core.policies.share import Share
from tests.loopback import OpenAIServer

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
