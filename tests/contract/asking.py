"""What is asked, from which context, and with which configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automix_core import ConfigError, PolicyError, Price, QueryError
from tests.loopback import OpenAIServer

from .adapter import (
    CONTEXT,
    DRAFT,
    KEY,
    LARGE,
    NO,
    QUESTION,
    WAYS,
    YES,
    Adapter,
    Way,
    script,
)


class Queries(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_keywords_are_for_the_verifier_only(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO)
        asked = "Who was the builder?"
        self.get(self.small_and_large(server), way, automix_question=asked, automix_coin=0.5)
        for request in server.requests:
            text = json.dumps(request.body)
            assert "automix" not in text
            assert (asked in text) == request.asks_for_verdict
            assert (CONTEXT in text) == request.asks_for_verdict

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("empty", ["", "  \n", []])
    @pytest.mark.parametrize(("where", "model"), [("large", 1), ("small", 0)])
    def test_an_empty_context_is_none(self, server: OpenAIServer, way: Way, empty: Any, where: str, model: int) -> None:
        script(server)
        answer = self.get(self.small_and_large(server, without_context=where), way, automix_context=empty)
        assert answer.text == (DRAFT, LARGE)[model]
        assert (answer.route.model, answer.route.action, answer.route.context_source) == (model, "bypass", "none")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("coin", [1, -0.1, float("nan"), "0.5", True, pytest.param(10**400, id="huge"), []])
    def test_a_coin_is_a_number_below_one(self, server: OpenAIServer, way: Way, coin: Any) -> None:
        model = self.small_and_large(server)
        with pytest.raises(ConfigError, match="automix_coin must be a number from 0 up to, but not including, 1, not"):
            self.get(model, way, automix_coin=coin)
        with pytest.raises(ConfigError, match="automix_coin"):
            self.get(model, way, automix_coin=coin, automix_context=None)
        assert server.requests == []

    @pytest.mark.parametrize("way", WAYS)
    def test_a_missing_context_may_be_an_error(self, server: OpenAIServer, way: Way) -> None:
        with pytest.raises(QueryError, match="automix_context"):
            self.get(self.small_and_large(server, without_context="raise"), way, automix_context=None)
        assert server.requests == []

    def test_the_whole_prompt_may_stand_for_it(self, server: OpenAIServer) -> None:
        script(server, YES)
        question = f"{CONTEXT} {QUESTION}"
        model = self.small_and_large(server, without_context="prompt")
        route = self.get(model, "ask", question=question, automix_context=None).route
        assert (route.action, route.context_source) == ("accept", "prompt")
        assert CONTEXT in server.calls(verdict=True)[0].question


class Configuration(Adapter):
    def test_what_cannot_work_is_said_at_once(self, server: OpenAIServer, tmp_path: Path) -> None:
        models = [self.child(server, "small"), self.child(server, "large")]
        broken: list[tuple[dict[str, Any], str]] = [
            ({"models": models[:1]}, "two models"),
            ({"models": ["small", "large"]}, "models"),
            ({"prices": [Price(1, 1)]}, "prices"),
            ({"verifier": 3}, "verifier"),
            ({"policy": 0.5}, "policy"),
            ({"verify_concurrency": 0}, "verify_concurrency"),
            ({"without_context": "guess"}, "without_context"),
            ({"on_failure": "ignore"}, "on_failure"),
        ]
        for settings, word in broken:
            with pytest.raises(ConfigError, match=word) as caught:
                self.cascade(**{"models": models, **settings})
            assert KEY not in str(caught.value)
        for path, words in [
            (
                tmp_path / "nowhere.json",
                r"nowhere\.json can't be read: No such file .* give the path of a saved policy",
            ),
            (str(tmp_path), "can't be read: Is a directory; give the path of a saved policy"),
        ]:
            with pytest.raises(PolicyError, match=words):
                self.cascade(models, policy=path)
        for blank in ("", " "):
            with pytest.raises(ConfigError, match="policy is an empty path; give the path of a saved policy"):
                self.cascade(models, policy=blank)

    def test_a_verifier_that_cannot_work_is_said_at_once(self) -> None:
        for settings in ({"k": 0}, {"temperature": -1}, {"max_tokens": 0}, {"context_window": 0}, {"k": "many"}):
            with pytest.raises(ConfigError, match=next(iter(settings))):
                self.verifier(**settings)

    def test_unknown_keywords_are_ignored_with_a_warning(self, server: OpenAIServer) -> None:
        with pytest.warns(UserWarning, match="temprature"):
            self.small_and_large(server, temprature=0.5)
