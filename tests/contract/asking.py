"""What is asked, from which context, and with which configuration."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from automix_core import Always, ConfigError, PolicyError, Price, QueryError, Threshold
from automix_core.checking.query import Query
from automix_core.checking.turns import turns
from tests.cases import block
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


class Errands(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(("errands", "model"), [("large", 1), ("small", 0)])
    def test_an_errand_is_never_drafted_or_checked_whatever_comes_with_it(
        self, server: OpenAIServer, way: Way, errands: str, model: int
    ) -> None:
        script(server, YES)
        cascade = self.small_and_large(server, errands=errands, without_context="raise")
        answer = self.get(cascade.errand(), way)
        assert (answer.text, answer.route.model, answer.route.action) == ((DRAFT, LARGE)[model], model, "bypass")
        assert [step["do"] for step in answer.route.steps] == ["finish"]
        assert len(server.requests) == 1
        assert self.get(cascade.errand(), way, automix_context=None).route.action == "bypass"
        assert self.get(cascade, way).route.action == "accept", "the model itself is as it was"

    @pytest.mark.parametrize("way", WAYS)
    def test_should_verify_says_which_questions_are_checked(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        seen: list[Any] = []

        def is_no_greeting(query: Any) -> bool:
            seen.append((query.question, query.context_text))
            return "Hello" not in query.question

        model = self.small_and_large(server, should_verify=is_no_greeting, errands="small")
        assert self.get(model, way).route.action == "accept"
        greeting = self.get(model, way, question="Hello!").route
        assert (greeting.action, greeting.model, greeting.context_source) == ("bypass", 0, "argument")
        assert seen == [(QUESTION, CONTEXT), ("Hello!", CONTEXT)]

    @pytest.mark.parametrize("way", WAYS)
    def test_what_is_checked_is_what_is_served(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        for hidden in (
            "EVIL </think> {}",
            "<think>EVIL</think>{}",
            "{}<thought>EVIL</thought>",
            "[THINK]EVIL[/THINK]{}",
        ):
            server.say("small", hidden.format(DRAFT))
            answer = self.get(self.small_and_large(server), way)
            assert (answer.text.strip(), answer.route.action) == (DRAFT, "accept")
            assert block(server.calls(verdict=True)[-1].question, "answer") == DRAFT

    @pytest.mark.parametrize("way", WAYS)
    def test_the_context_stands_once_and_earlier_words_are_no_context(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        passages = [f"Passage {number}: {CONTEXT}" for number in range(200)]
        whole = "\n\n".join(passages)
        asked = f"Answer from this.\n{whole}\n\nQuestion: {QUESTION}"
        model = self.small_and_large(server, without_context="prompt")
        fixed = sum(len(text) for _, text in turns(Query(""), DRAFT))
        for context in (whole, passages, None):
            server.clear()
            answer = self.get(model, way, question=asked, automix_context=context)
            assert answer.route.context_source == ("argument" if context else "prompt")
            check = server.calls(verdict=True)[0]
            assert sum(len(message["content"]) for message in check.messages) <= 1.1 * (len(whole) + fixed)
            assert check.question.count(passages[7]) == 1
            assert QUESTION in check.question


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

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"temprature": 0.5}, r"ignores the unknown keyword 'temprature'\."),
            ({"threshold": 0.8}, r"unknown keyword 'threshold'\. Write policy=Threshold\(0\.8\)\."),
            ({"k": 4}, r"unknown keyword 'k'\. Write verifier=SelfVerifier\(k=4\)\."),
            ({"polcy": None}, r"unknown keyword 'polcy'\. Did you mean 'policy'\?"),
        ],
    )
    def test_unknown_keywords_are_ignored_with_a_warning_at_the_callers_line(
        self, server: OpenAIServer, given: dict[str, Any], words: str
    ) -> None:
        models = [self.child(server, "small"), self.child(server, "large")]
        with pytest.warns(UserWarning, match=words) as caught:
            model = self.cascade(models, **given)
        assert model.policy == Threshold()
        assert [Path(warning.filename).name for warning in caught] == [Path(inspect.getfile(type(self))).name]

    def test_a_verifiers_unknown_keywords_too(self) -> None:
        with pytest.warns(
            UserWarning, match=r"^SelfVerifier ignores the unknown keyword 'shotz'\. Did you mean 'shots'"
        ):
            assert self.verifier(shotz=3).k == 8

    def test_an_unknown_keyword_of_a_call_reaches_no_provider(self, server: OpenAIServer) -> None:
        script(server, YES)
        with pytest.warns(UserWarning, match="'automix_contxt'. Did you mean 'automix_context'"):
            self.get(self.small_and_large(server), "ask", automix_contxt="x")
        assert all("automix" not in json.dumps(request.body) for request in server.requests)

    def test_models_verifier_policy_and_prices_may_stand_in_their_order(self, server: OpenAIServer) -> None:
        models = [self.child(server, "small"), self.child(server, "large")]
        verifier, prices = self.verifier(k=2), [Price(1, 2), None]
        named = self.cascade(models, verifier=verifier, policy=Always(0), prices=prices)
        placed = type(named)(models, verifier, Always(0), prices)
        assert placed.policy == Always(0)
        assert placed.prices == prices
        assert placed.verifier is verifier

    def test_a_wrong_value_is_a_config_error_from_pydantics_validators_too(self, server: OpenAIServer) -> None:
        model = self.small_and_large(server)
        for wrong in ({"on_failure": "rase"}, {"models": [model.models[0]]}, {"verify_concurrency": "many"}):
            with pytest.raises(ConfigError, match=next(iter(wrong))):
                type(model).model_validate({"models": model.models, **wrong})

    def test_reprs_are_short_and_show_what_was_chosen(self, server: OpenAIServer) -> None:
        judge = self.child(server, "judge")
        model = self.small_and_large(server, policy=Threshold(0.6))
        assert re.fullmatch(
            r"\w+\(models=\[\w+\('small'\), \w+\('large'\)\], policy=Threshold\(0\.6\), without_context='\w+'\)",
            repr(model),
        )
        assert repr(self.verifier()) == "SelfVerifier(k=8)"
        shown = repr(self.verifier(k=3, model=judge, instructions="Check. " * 40, temperature=0.5))
        assert re.fullmatch(r"SelfVerifier\(model=\w+\('judge'\), k=3, temperature=0\.5, instructions=\.\.\.\)", shown)
