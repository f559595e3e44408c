"""What a check is sent, and what happens when a client or a provider refuses some of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.loopback import OpenAIServer, Quirks, Reply

from .adapter import DRAFT, LARGE, YES, Adapter, Way, drawn, script

BOTH: tuple[Way, ...] = ("ask", "aask")
K = 4


class ProviderError(Exception):
    """An error that bears its status as one or another client does."""

    def __init__(self, words: str, **places: Any) -> None:
        super().__init__(words)
        self.__dict__.update(places)


class Response:
    def __init__(self, status: int, text: str = "") -> None:
        self.status_code, self.text = status, text


def caused(words: str, status: int) -> Exception:
    error = ProviderError(words)
    error.__cause__ = ProviderError("the client's own", code=status)
    return error


DISGUISES: dict[str, Callable[[str, int], Exception]] = {
    "status_code": lambda words, status: ProviderError(words, status_code=status),
    "code": lambda words, status: ProviderError(words, code=status, status="INVALID_ARGUMENT"),
    "http_status": lambda words, status: ProviderError(words, http_status=status),
    "response": lambda words, status: ProviderError(words, response=Response(status)),
    "response that says why": lambda words, status: ProviderError("Bad request", response=Response(status, words)),
    "raw response": lambda words, status: ProviderError(words, raw_response=Response(status)),
    "botocore": lambda words, status: ProviderError(
        words, response={"Error": {"Code": "ValidationException"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    ),
    "cause": caused,
    "client side, TypeError": lambda words, _: TypeError(f"create() got an unexpected argument: {words}"),
    "client side, ValueError": lambda words, _: ValueError(words),
}


def checks(server: OpenAIServer) -> list[Any]:
    return server.calls(verdict=True)


def warnings(caplog: pytest.LogCaptureFixture, word: str) -> list[str]:
    said = [record.getMessage() for record in caplog.records if record.name == "automix"]
    return [message for message in said if word in message]


def limited(request: Any) -> bool:
    return bool({"max_tokens", "max_completion_tokens"} & request.body.keys())


def first_said(request: Any) -> str:
    return str(request.messages[0]["content"])


class Refusals(Adapter):
    def pair(self, server: OpenAIServer, small: Any = None, **settings: Any) -> Any:
        settings.setdefault("verifier", self.verifier(k=K))
        return self.cascade([small or self.child(server, "small"), self.child(server, "large")], **settings)

    @pytest.mark.parametrize("way", BOTH)
    @pytest.mark.parametrize("place", DISGUISES)
    def test_a_refused_temperature_is_understood_wherever_the_status_lies(
        self, server: OpenAIServer, place: str, way: Way
    ) -> None:
        """A client that keeps the status elsewhere must not send every question to the large model."""
        script(server, YES)
        server.fail("small", Reply(status=400), when=lambda r: r.asks_for_verdict and "temperature" in r.body)
        small = self.disguised(server, "small", lambda error: DISGUISES[place]("temperature is not supported", 400))
        route = self.get(self.pair(server, small), way).route
        assert (route.action, route.verdicts, route.errors) == ("accept", drawn(correct=K), [])

    @pytest.mark.usefixtures("at_once")
    @pytest.mark.parametrize("way", BOTH)
    def test_only_the_refused_ones_are_asked_again(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        refuse = Reply(status=400, error="temperature must be left out")
        server.fail("small", refuse, when=lambda r: r.asks_for_verdict and "temperature" in r.body, times=2)
        route = self.get(self.pair(server, self.single(server, "small")), way).route
        assert (route.action, route.verdicts) == ("accept", drawn(correct=K))
        assert ["temperature" in check.body for check in checks(server)].count(True) == K
        assert len(checks(server)) == K + 2

    @pytest.mark.usefixtures("at_once")
    @pytest.mark.parametrize("way", BOTH)
    @pytest.mark.parametrize(
        ("error", "when", "word"),
        [
            ("temperature is not supported", lambda r: "temperature" in r.body, "refuses the verifier's temperature"),
            ("Unknown parameter: max_tokens, max_completion_tokens", limited, "refuses max_tokens"),
            ("'n' must be 1", lambda r: r.n > 1, "refuses several choices"),
            ("System role not supported", lambda r: r.messages[0]["role"] == "system", "has no system role"),
        ],
    )
    def test_what_is_refused_is_left_out_remembered_and_warned_of_once(
        self, server: OpenAIServer, error: str, when: Any, word: str, way: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        script(server, YES)
        server.fail("small", Reply(status=400, error=error), when=lambda r: r.asks_for_verdict and when(r))
        small = self.child(server, "small")
        with caplog.at_level(logging.WARNING, "automix"):
            for asked in range(3):
                server.clear()
                model = self.pair(server, small)  # another cascade remembers the same model
                route = self.get(model, way).route
                assert (route.action, route.verdicts, route.errors) == ("accept", drawn(correct=K), [])
                assert sum(map(when, checks(server))) == (0 if asked else 1)
        (said,) = warnings(caplog, word)
        assert "small" in said

    def test_a_limit_goes_under_the_name_that_a_provider_proposes(self, server: OpenAIServer) -> None:
        script(server, YES)
        self.get(self.pair(server), "ask")
        (sent,) = {"max_tokens", "max_completion_tokens"} & checks(server)[0].body.keys()
        (other,) = {"max_tokens", "max_completion_tokens"} - {sent}
        words = f"Unsupported parameter: '{sent}' is not supported with this model. Use '{other}' instead."
        server.fail("small", Reply(status=400, error=words), when=lambda r: sent in r.body)
        server.clear()
        assert self.get(self.pair(server), "ask").route.action == "accept"
        assert [(check.body.get(sent), check.body.get(other)) for check in checks(server)] == [(256, None), (None, 256)]

    def test_a_request_that_is_too_long_is_no_refusal_of_the_limit(self, server: OpenAIServer) -> None:
        script(server, YES)
        words = "max_tokens is too large: the model's context length is 100 tokens."
        server.fail("small", Reply(status=400, error=words), when=limited, times=1)
        small = self.child(server, "small")
        assert self.get(self.pair(server, small), "ask").route.action == "accept"
        server.clear()
        self.get(self.pair(server, small), "ask")
        assert all(map(limited, checks(server)))

    def test_instructions_stand_in_the_first_user_turn_where_there_is_no_system_role(
        self, server: OpenAIServer
    ) -> None:
        script(server, YES)
        server.fail("small", Reply(status=500, error="jinja: System role not supported"), when=refuses_system)
        self.get(self.pair(server), "ask")
        refused, taken = checks(server)[0], checks(server)[-1]
        roles = [message["role"] for message in taken.messages]
        assert roles == [message["role"] for message in refused.messages][1:]
        assert first_said(taken) == f"{first_said(refused)}\n\n{refused.messages[1]['content']}"

    @pytest.mark.parametrize("way", BOTH)
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503])
    @pytest.mark.parametrize("words", ["no", "temperature, max_tokens and n are all wrong"])
    def test_a_server_that_refuses_everything_is_not_stormed(
        self, server: OpenAIServer, status: int, words: str, way: Way
    ) -> None:
        """At most k + 2 requests a question, whatever retries the client has for answers, and no second round."""
        script(server)
        server.fail("small", Reply(status=status, error=words), when=lambda request: request.asks_for_verdict)
        for small in (self.child(server, "small", max_retries=3), self.single(server, "small", max_retries=3)):
            server.clear()
            model = self.pair(server, small, verifier=self.verifier(k=8))
            answer = self.get(model, way)
            assert answer.text == LARGE
            failed = answer.route.verdicts["failed"]
            assert answer.route.verdicts == drawn(failed=failed)
            assert 1 <= failed <= 8
            assert len(checks(server)) <= failed + 2

    @pytest.mark.parametrize("way", BOTH)
    def test_the_first_final_refusal_stops_the_rest(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        server.fail("small", Reply(status=429), when=lambda request: request.asks_for_verdict)
        model = self.pair(server, self.single(server, "small"), verifier=self.verifier(k=8), verify_concurrency=2)
        assert self.get(model, way).route.verdicts == drawn(failed=3), "one round of three"
        assert len(checks(server)) <= 3

    def test_a_model_that_can_not_check_is_named_once_with_what_to_do(
        self, server: OpenAIServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        script(server)
        server.fail("small", Reply(status=403, error="not for checking"), when=lambda request: request.asks_for_verdict)
        small = self.child(server, "small")
        with caplog.at_level(logging.WARNING, "automix"):
            for _ in range(2):
                assert self.get(self.pair(server, small), "ask").route.action == "fallback"
        (said,) = warnings(caplog, "can't check")
        assert said.startswith("small can't check")
        assert "status 403" in said
        assert "SelfVerifier(model=...)" in said

    def test_what_shapes_an_answer_stays_out_of_its_check(self, server: OpenAIServer) -> None:
        script(server, YES)
        server.say("small", DRAFT)
        self.get(self.pair(server, self.shaped(server, "small")), "ask")
        (draft,) = server.calls("small", verdict=False)
        shapes = {"stop", "response_format", "seed", "tools", "tool_choice"}
        assert shapes <= draft.body.keys()
        assert checks(server)
        for check in checks(server):
            assert not shapes & check.body.keys()

    @pytest.mark.parametrize("way", BOTH)
    def test_a_model_that_thinks_is_given_room_and_remembered(
        self, server: OpenAIServer, way: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Cut off before a word was said: once more under a larger limit; from then on without one."""
        script(server)
        server.verdicts(lambda request: Reply(YES) if room(request) > 256 else Reply(finish_reason="length"))
        small = self.child(server, "small")
        with caplog.at_level(logging.WARNING, "automix"):
            route = self.get(self.pair(server, small), way).route
        assert (route.action, route.verdicts) == ("accept", drawn(correct=K))
        assert [room(check) for check in checks(server)] == [256, 4096]
        assert warnings(caplog, "thinks before it answers")
        server.clear()
        assert self.get(self.pair(server, small), way).route.action == "accept"
        assert not any(map(limited, checks(server)))

    @pytest.mark.parametrize("way", BOTH)
    def test_a_check_cut_off_without_a_verdict_is_named(
        self, server: OpenAIServer, way: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        script(server)
        server.verdicts(Reply("The passage says that", finish_reason="length"), Reply(YES))
        with caplog.at_level(logging.WARNING, "automix"):
            route = self.get(self.pair(server, verifier=self.verifier(k=K, max_tokens=20)), way).route
        assert f"2 of {K} checks were cut off before they gave a verdict" in route.reason
        (said,) = warnings(caplog, "cut off")
        assert "max_tokens" in said
        assert {room(check) for check in checks(server)} == {20}, "a limit that was set is kept"

    @pytest.mark.parametrize("k", [2, 4, 8])
    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("The passage says that Oda Verrin built it, as the answer does.\nVerdict: Correct", 18),
            ("文章明确指出灯塔是由奥达·维林建造的，答案与上下文完全一致，因此答案得到支持。\nVerdict: Correct", 31),
        ],
        ids=["English", "Chinese"],
    )
    def test_a_count_of_one_choice_is_told_from_one_of_all(
        self, server: OpenAIServer, text: str, tokens: int, k: int
    ) -> None:
        script(server)
        server.verdicts(Reply(text, output_tokens=tokens))
        for one in (False, True):
            server.quirks["small"] = Quirks(usage_of_one_choice=one)
            route = self.get(self.pair(server, verifier=self.verifier(k=k)), "ask").route
            counted = route.to_dict()["usage"]["verify"]["output_tokens"]
            assert (route.usage_estimated, counted) == (one, k * tokens)


def refuses_system(request: Any) -> bool:
    return bool(request.asks_for_verdict and request.messages[0]["role"] == "system")


def room(request: Any) -> int:
    """The tokens that a request allows its answer; very many where it says nothing."""
    return int(request.body.get("max_tokens") or request.body.get("max_completion_tokens") or 10**6)
