"""How k verdicts are asked for: in one request or k at the same time, and what providers make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_openai import ChatOpenAI, OpenAI

from langchain_automix import SelfVerifier
from langchain_automix.child.models import finish_reason
from langchain_automix.child.sampler import Sampler
from langchain_automix.verifier.sampling import adraw, draw
from tests.langchain.cascades import SECRET, cascade, child, script
from tests.langchain.fakes import HUM, NO, YES, Fake, Text, Together
from tests.langchain.verdicts import CASE, K, both, route, verdicts
from tests.loopback import OpenAIServer, Quirks, Reply

# One request only for models with a field n of their own, as they are or in bindings

ONE: dict[str, Callable[[OpenAIServer], Any]] = {
    "as it is": lambda server: child(server, "m"),
    "n of its own": lambda server: child(server, "m", n=1),
    "bound": lambda server: child(server, "m").bind(user="me", stop=["END"]),
    "configured": lambda server: child(server, "m").with_config(tags=["t"]),
    "bound and configured": lambda server: (
        child(server, "m").bind(user="me").with_config(tags=["t"]).bind(stop=["END"])
    ),
    "streaming": lambda server: child(server, "m", streaming=True),
}
MANY: dict[str, Callable[[OpenAIServer], Any]] = {
    "retried": lambda server: child(server, "m").with_retry(),
    "with fallbacks": lambda server: child(server, "m").with_fallbacks([child(server, "other")]),
    "configurable": lambda server: child(server, "m").configurable_fields(temperature=ConfigurableField(id="t")),
    "built when called": lambda server: init_chat_model(
        "m", model_provider="openai", configurable_fields="any", base_url=server.url, api_key=SECRET
    ),
    "a chain": lambda server: RunnableLambda(lambda messages: messages) | child(server, "m"),
    "responses api": lambda server: ReportsResponses(
        model="m", base_url=server.url, api_key=SECRET, use_responses_api=True
    ),
}


class ReportsResponses(ChatOpenAI):
    """A ChatOpenAI that is set to the Responses API, which has no n, and still speaks what the loopback server does."""

    def _use_responses_api(self, payload: dict[str, Any]) -> bool:
        return False


@both
@pytest.mark.parametrize("kind", ONE)
async def test_one_request(server: OpenAIServer, kind: str, way: str) -> None:
    server.verdicts(YES, NO, HUM, YES, YES)
    model = ONE[kind](server)
    assert await verdicts(SelfVerifier(model=model, k=K), way) == [1, 0, None, 1, 1]
    (request,) = server.requests
    assert (request.n, request.streams) == (K, False)
    assert request.body.get("user") == ("me" if "bound" in kind else None)
    assert request.stop == [], "what would cut a verdict off is for answers"
    assert request.body["temperature"] == 1.0


@both
@pytest.mark.parametrize("kind", MANY)
async def test_separate_requests_at_the_same_time(server: OpenAIServer, kind: str, way: str) -> None:
    together = Together(K)
    server.verdicts(together)
    assert await verdicts(SelfVerifier(model=MANY[kind](server), k=K), way) == [1] * K
    assert [request.n for request in server.requests] == [1] * K
    assert server.peak == K, "never one after the other"
    if kind != "a chain":
        assert {request.body["temperature"] for request in server.requests} == {1.0}


@both
@pytest.mark.parametrize(
    "kind",
    [
        lambda together: Fake(judges=together),
        lambda together: Fake(judges=together).bind(stop=["END"]),
        lambda together: Fake(judges=together).with_retry(),
        lambda together: Text(says=together),
        lambda together: Text(says=together).with_retry(),
        lambda together: RunnableLambda(together),
        lambda together: RunnableLambda(lambda messages: messages) | Fake(judges=together),
    ],
    ids=["chat", "bound", "retried", "text", "text retried", "function", "chain"],
)
async def test_models_of_any_kind_check_at_the_same_time(kind: Callable[[Any], Any], way: str) -> None:
    assert await verdicts(SelfVerifier(model=kind(Together(4)), k=4), way) == [1] * 4


@both
async def test_one_text_model_check_that_breaks_breaks_no_other(way: str) -> None:
    turn = iter([YES, ValueError("broken"), NO])

    def says(prompt: str) -> str:
        what = next(turn)
        if isinstance(what, Exception):
            raise what
        return str(what)

    verifier = SelfVerifier(model=Text(says=says), k=3, concurrency=1)
    assert await verdicts(verifier, way) == [1, 0]


def test_a_field_n_has_to_be_the_models_own() -> None:
    class WithN(Fake):
        n: int | None = None

    def gives_n(model: Any) -> bool:
        return Sampler.of(model).terms(1.0, "auto").choices

    assert gives_n(WithN())
    assert gives_n(WithN().bind(stop=["x"]).with_config(tags=["t"]))
    assert not gives_n(Fake())
    assert not gives_n(Fake().bind(n=8)), "a bound n is a guess"
    assert not gives_n(WithN().with_retry())
    assert not gives_n(OpenAI(model="m", api_key=SECRET)), "a text model's n is for prompts in one call"


@pytest.mark.usefixtures("at_once")
@both
@pytest.mark.parametrize("concurrency", [1, 2, 4])
async def test_no_more_at_once_than_allowed(server: OpenAIServer, concurrency: int, way: str) -> None:
    script(server, "accept")
    together = Together(concurrency)
    server.verdicts(together)
    checker = child(server, "checker").with_retry()
    model = cascade(server, verifier=SelfVerifier(model=checker, k=4), verify_concurrency=concurrency)
    assert (await route(model, way)).verdicts["correct"] == 4
    assert server.peak == concurrency
    alone = SelfVerifier(model=checker, k=4, concurrency=concurrency)
    assert await verdicts(alone, way) == [1] * 4
    assert server.peak == concurrency


# Fewer choices than asked for


@both
@pytest.mark.parametrize(("given", "asked"), [(1, [5, 1, 1, 1, 1]), (3, [5, 1, 1]), (5, [5])])
async def test_fewer_choices_count_and_the_rest_is_asked_for(
    server: OpenAIServer, given: int, asked: list[int], way: str
) -> None:
    server.quirks["m"] = Quirks(max_choices=given)
    server.verdicts(YES, NO, HUM, YES, YES)
    found = await verdicts(SelfVerifier(model=child(server, "m"), k=K), way)
    assert sorted(map(str, found)) == ["0", "1", "1", "1", "None"]
    assert [request.n for request in server.requests] == asked


@both
async def test_an_endpoint_that_refuses_n_is_asked_one_by_one(server: OpenAIServer, way: str) -> None:
    server.verdicts(YES)
    server.fail("m", Reply(status=400, error="n > 1 is not supported"), when=lambda request: request.n > 1)
    assert await verdicts(SelfVerifier(model=child(server, "m"), k=K), way) == [1] * K
    assert [request.n for request in server.requests] == [K, 1, 1, 1, 1, 1]


@both
@pytest.mark.parametrize("status", [401, 429, 500])
async def test_another_error_is_not_asked_again(server: OpenAIServer, status: int, way: str) -> None:
    script(server, "accept")
    server.fail("checker", Reply(status=status))
    found = await route(cascade(server, verifier=SelfVerifier(model=child(server, "checker"), k=K)), way)
    assert len(server.calls("checker")) == 1
    assert (found.action, found.verdicts["failed"], found.model) == ("fallback", K, 1)


@both
async def test_some_of_the_rest_may_break(server: OpenAIServer, way: str) -> None:
    script(server, "accept")
    server.quirks["small"] = Quirks(max_choices=2)
    server.fail("small", Reply(status=500), when=lambda request: request.asks_for_verdict and request.n == 1, times=1)
    found = await route(cascade(server, k=K), way)
    assert found.verdicts == {"correct": 4, "incorrect": 0, "unreadable": 0, "failed": 1}
    assert (found.model, found.action, len(found.errors)) == (0, "accept", 1)


async def test_drawing_one_is_one_plain_request(server: OpenAIServer) -> None:
    server.verdicts(YES)
    model: BaseChatModel = child(server, "m")
    prompt = SelfVerifier().prompt.format_messages(**CASE)
    sampler = Sampler.of(model)
    terms = sampler.terms(1.0, "auto")
    for sample in (draw(sampler, prompt, 1, {}, terms), await adraw(sampler, prompt, 1, {}, terms)):
        assert sample.texts == [YES]
    assert ["n" in request.body for request in server.requests] == [False, False]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, None),
        ({"finish_reason": "length"}, "length"),
        ({"finish_reason": None, "stop_reason": "max_tokens"}, "max_tokens"),
        ({"stopReason": "max_tokens"}, "max_tokens"),
        ({"done_reason": "length"}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens"),
        ({"status": "completed", "incomplete_details": None}, "completed"),
        ({"status": "in_progress"}, None),
    ],
)
def test_why_a_model_stopped(metadata: dict[str, Any], reason: str | None) -> None:
    message = Fake().invoke("q")
    message.response_metadata = metadata
    assert finish_reason(message) == reason


class Claude(Fake):
    """Anthropic's client, known by its package and name."""


Claude.__module__, Claude.__qualname__ = "langchain_anthropic.chat_models", "ChatAnthropic"


class Bedrock(Fake):
    """Bedrock's."""


Bedrock.__module__, Bedrock.__qualname__ = "langchain_aws.chat_models.bedrock_converse", "ChatBedrockConverse"

MARKS: dict[type[Fake], Any] = {
    Claude: lambda text: [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}],
    Bedrock: lambda text: [{"type": "text", "text": text}, {"cachePoint": {"type": "default"}}],
}


@pytest.mark.parametrize("kind", MARKS)
@pytest.mark.parametrize("k", [1, 3])
def test_what_checks_share_is_marked_where_the_provider_wants_marks(kind: type[Fake], k: int) -> None:
    plain, model = Fake(), kind()
    assert SelfVerifier(model=plain, k=1).invoke(CASE)["verdicts"] == [1]
    assert SelfVerifier(model=model, k=k).invoke(CASE)["verdicts"] == [1] * k
    ((*shared, examples, case),) = plain.checks
    last = MARKS[kind](case.content) if k > 1 else case.content
    for check in model.checks:
        assert [m.content for m in check] == [*(m.content for m in shared), MARKS[kind](examples.content), last]
    assert SelfVerifier(model=kind(), k=k, shots=[], instructions="").invoke(CASE)["verdicts"] == [1] * k


def test_a_fallback_that_knows_no_marks_is_sent_none() -> None:
    assert Sampler.of(Claude().with_fallbacks([Claude()])).mark == "cache_control"
    assert Sampler.of(Claude().with_fallbacks([Fake()])).mark is None
