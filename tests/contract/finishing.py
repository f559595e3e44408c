"""Why a model stopped, and what becomes of its draft."""

from __future__ import annotations

import pytest

from automix_core import ModelError
from tests.loopback import OpenAIServer, Reply

from .adapter import DRAFT, LARGE, NO, WAYS, YES, Adapter, Way, script


class Finishing(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("reason", ["insufficient_system_resource", "pause_turn", "error"])
    def test_a_draft_with_an_unknown_finish_reason_is_rejected(
        self, server: OpenAIServer, way: Way, reason: str
    ) -> None:
        script(server, YES)
        server.say("small", Reply(DRAFT, finish_reason=reason))
        answer = self.get(self.small_and_large(server), way)
        assert (answer.text, answer.route.action) == (LARGE, "escalate")
        assert f"unknown finish reason ({reason})" in answer.route.reason
        assert server.calls(verdict=True) == []

    @pytest.mark.parametrize("way", WAYS)
    def test_an_answer_with_an_unknown_finish_reason_is_marked(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO)
        server.say("large", Reply(LARGE, finish_reason="error"))
        answer = self.get(self.small_and_large(server), way)
        assert (answer.text, answer.route.action) == (LARGE, "escalate")
        assert answer.route.errors == ["of an unknown finish reason (error)"]

    @pytest.mark.parametrize("way", WAYS)
    def test_an_answer_without_a_finish_reason_is_not_taken_for_whole(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        server.say("small", Reply("Oda Ver", finish_reason="none"))
        answer = self.get(self.small_and_large(server), way)
        assert (answer.text, answer.route.action) == (LARGE, "escalate")
        assert "it came without a finish reason" in answer.route.reason
        server.say("large", Reply("It was", finish_reason="none"))
        model = self.small_and_large(server)
        if way in ("ask", "aask"):
            assert self.get(model, way).route.errors == ["cut off (it came without a finish reason)"]
            return
        with self.collect() as routes, pytest.raises(ModelError, match="broke off"):
            self.get(model, way)
        assert [route.errors for route in routes] == [["ModelError"]]
