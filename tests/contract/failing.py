"""What breaks on the way, and who answers then."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from automix_core import Always
from automix_core.routing.attached import route_of
from tests.loopback import OpenAIServer, Reply

from .adapter import (
    KEY,
    LARGE,
    NO,
    WAYS,
    YES,
    Adapter,
    Way,
    billed,
    drawn,
    script,
)


class Failures(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_a_failed_draft_hands_over(self, server: OpenAIServer, way: Way, caplog: pytest.LogCaptureFixture) -> None:
        script(server, YES)
        server.fail("small", Reply(status=500, error=f"the key {KEY} is bad"))
        with caplog.at_level(logging.WARNING, "automix"):
            answer = self.get(self.small_and_large(server), way)
        assert answer.text == LARGE
        assert (answer.route.action, answer.route.errors) == ("fallback", [self.server_error])
        logged = [record.getMessage() for record in caplog.records if record.name == "automix"]
        assert any(self.server_error in message for message in logged)
        assert KEY not in "".join(logged)

    @pytest.mark.parametrize("way", WAYS)
    def test_failed_checks_hand_over(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.fail("small", Reply(status=500), when=lambda request: request.asks_for_verdict)
        answer = self.get(self.small_and_large(server), way)
        assert answer.text == LARGE
        assert answer.route.action == "fallback"
        assert set(answer.route.errors) == {self.server_error}
        assert answer.route.confidence is None
        assert answer.route.verdicts == drawn(failed=4)

    @pytest.mark.parametrize("way", WAYS)
    def test_the_last_models_error_is_the_callers(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO)
        server.fail("large", Reply(status=500))
        model = self.small_and_large(server)
        with self.collect() as routes, pytest.raises(Exception, match="Error code: 500") as caught:
            self.get(model, way)
        (route,) = routes
        assert route_of(caught.value) == route, "what was paid is on the books"
        assert (route.model, route.action, route.errors) == (1, "fallback", [self.server_error])
        assert [step["do"] for step in route.steps] == ["draft", "verify", "finish"]
        assert route.usage["total"] == billed(server, lambda bill: True)
        assert route.confidence == 0.0

    @pytest.mark.parametrize("way", WAYS)
    def test_a_finishing_model_that_fails_hands_over_too(self, server: OpenAIServer, way: Way) -> None:
        server.say("last", LARGE)
        script(server)
        server.fail("large", Reply(status=500))
        models = [self.child(server, name) for name in ("small", "large", "last")]
        answer = self.get(self.cascade(models, policy=Always(1), verifier=self.verifier(k=1)), way)
        assert answer.text == LARGE
        assert (answer.route.model, answer.route.action) == (2, "fallback")
        assert answer.route.errors == [self.server_error]

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("verdict", [False, True])
    def test_the_first_error_may_be_raised(self, server: OpenAIServer, way: Way, verdict: bool) -> None:
        script(server, YES)
        server.fail("small", Reply(status=500), when=lambda request: request.asks_for_verdict is verdict)
        model = self.small_and_large(server, on_failure="raise")
        with pytest.raises(Exception, match="Error code: 500"):
            self.get(model, way)
        assert server.calls("large") == []

    def test_an_interruption_is_not_a_failure(self, server: OpenAIServer) -> None:
        script(server)

        def check(*_: Any) -> list[bool | None]:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.get(self.small_and_large(server, verifier=check), "ask")
        assert server.calls("large") == []
