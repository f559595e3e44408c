"""What each client is told, by the fields that its real class has; the packages have a matrix of their own."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_openai import AzureChatOpenAI, ChatOpenAI, OpenAI
from pydantic import Field

from automix_core.checking.sampling import Wanted
from langchain_automix import AutoMixChatModel, SelfVerifier, collect_routes
from langchain_automix.child.clients import CLIENTS
from langchain_automix.child.sampler import Sampler
from tests.langchain import cascades
from tests.langchain.cascades import SECRET
from tests.langchain.fakes import Fake
from tests.loopback import OpenAIServer

WITHOUT = frozenset({"temperature", "max_tokens"})


def named(package: str, name: str, kind: type[Any]) -> type[Any]:
    """`kind` as if it were that package's: rows are found by name, so that no client has to be installed."""
    kind.__module__, kind.__qualname__ = f"{package}.chat_models", name
    return kind


class Ollama(Fake):
    temperature: float | None = None
    num_predict: int | None = None
    seed: int | None = None
    stop: list[str] | None = None
    format: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Google(Fake):
    temperature: float | None = 0.7
    max_output_tokens: int | None = None
    n: int = 1
    max_retries: int = 6
    seed: int | None = None
    stop: list[str] | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    thinking_budget: int | None = None


class Anthropic(Fake):
    temperature: float | None = None
    max_tokens: int | None = 4096
    max_retries: int = 2
    stop_sequences: list[str] | None = None
    thinking: dict[str, Any] | None = None
    output_config: dict[str, Any] | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)


class Mistral(Fake):
    temperature: float = 0.7
    max_tokens: int | None = None
    random_seed: int | None = None
    max_retries: int = 5


class OpenRouter(Fake):
    temperature: float | None = None
    max_tokens: int | None = None
    n: int = 1
    max_retries: int = 2


named("langchain_ollama", "ChatOllama", Ollama)
named("langchain_google_genai", "ChatGoogleGenerativeAI", Google)
named("langchain_anthropic", "ChatAnthropic", Anthropic)
named("langchain_mistralai", "ChatMistralAI", Mistral)
named("langchain_openrouter", "ChatOpenRouter", OpenRouter)


def told(model: Any, n: int = 1, without: frozenset[str] = frozenset()) -> Any:
    """The model as it is asked for a check, told what its terms say."""
    sampler = Sampler.of(model)
    terms = sampler.terms(1.0, "auto")
    offered = {"temperature": 1.0} | ({} if terms.thinks else {terms.limit_names[0]: 256})
    names = {"max_completion_tokens": "max_tokens"}
    settings = {name: value for name, value in offered.items() if names.get(name, name) not in without}
    return sampler.asked(Wanted(1, n, settings, without))


def test_ollama() -> None:
    copy = told(Ollama(temperature=0.0, seed=3, stop=["x"], format="json"))
    assert (copy.temperature, copy.num_predict, copy.seed, copy.stop, copy.format) == (1.0, 256, None, None, None)
    assert Sampler.of(Ollama()).terms(1.0, "auto").choices is False


def test_options_bound_to_ollama_stand_in_the_place_of_its_fields() -> None:
    bound = Ollama().bind(options={"num_ctx": 99, "seed": 4, "num_predict": 9}, stop=["x"])
    assert told(bound).kwargs == {"options": {"num_ctx": 99, "temperature": 1.0, "num_predict": 256}}
    assert told(bound, without=WITHOUT).kwargs == {"options": {"num_ctx": 99}}


def test_google() -> None:
    model = Google(seed=3, stop=["x"], response_mime_type="application/json", response_schema={"type": "object"})
    copy = told(model, n=8)
    assert (copy.temperature, copy.max_output_tokens, copy.n, copy.max_retries) == (1.0, 256, 8, 1)
    assert (copy.seed, copy.stop, copy.response_mime_type, copy.response_schema) == (None, None, None, None)


def test_a_thinking_budget_is_respected() -> None:
    thinker = Anthropic(max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 2000})
    terms = Sampler.of(thinker).terms(1.0, "auto")
    assert (terms.thinks, terms.budget, terms.own_limit) == (True, 2000, 4000)
    assert told(thinker).max_tokens == 4000
    assert told(Anthropic()).max_tokens == 256
    assert told(Anthropic(), without=WITHOUT).max_tokens == 4096, "its provider demands one"
    assert Sampler.of(Google(thinking_budget=512)).terms(1.0, "auto").budget == 512


def test_what_shapes_an_answer_is_taken_from_where_else_stands_beside_it() -> None:
    model = Anthropic(output_config={"effort": "low", "format": {"type": "json_schema"}}, stop_sequences=["x"])
    copy = told(model)
    assert (copy.output_config, copy.stop_sequences) == ({"effort": "low"}, None)


def test_mistral_has_a_seed_of_its_own_name() -> None:
    copy = told(Mistral(random_seed=42, max_tokens=900))
    assert (copy.random_seed, copy.max_tokens, copy.temperature, copy.max_retries) == (None, 256, 1.0, 0)


def test_a_field_n_that_is_never_sent_is_not_used() -> None:
    assert Sampler.of(OpenRouter()).terms(1.0, "auto").choices is False


@pytest.mark.parametrize(
    ("bound", "choices"),
    [
        ({}, True),
        ({"reasoning": {"effort": "low"}}, False),
        ({"tools": [{"type": "web_search"}]}, True),
        ({"text": {"format": {"type": "json_object"}, "verbosity": "low"}}, False),
        ({"previous_response_id": "r"}, False),
    ],
)
def test_the_responses_api_may_be_chosen_by_an_argument(bound: dict[str, Any], choices: bool) -> None:
    """Which has no n; a built-in tool alone chooses it for answers only, as checks have no tools."""
    model = ChatOpenAI(model="m", api_key=SECRET)
    assert Sampler.of(model.bind(**bound)).terms(1.0, "auto").choices is choices
    assert Sampler.of(ChatOpenAI(model="m", api_key=SECRET, use_responses_api=True)).terms(1.0, 9).choices is False


def test_azure_sends_one_limit() -> None:
    model = AzureChatOpenAI(
        azure_deployment="d", azure_endpoint="https://example.com", api_key=SECRET, api_version="v", max_tokens=900
    )
    payload = told(model)._get_request_payload("hello")
    assert [payload.get(name) for name in ("max_tokens", "max_completion_tokens")].count(256) == 1
    assert 900 not in payload.values()


def test_bound_settings_do_not_override_the_checks() -> None:
    model = ChatOpenAI(model="m", api_key=SECRET).bind(temperature=0.1, max_tokens=900, n=4, user="me", seed=1)
    copy = told(model)
    assert copy.kwargs == {"user": "me"}
    assert (copy.bound.temperature, copy.bound.max_tokens) == (1.0, 256)


@pytest.mark.parametrize(
    "own",
    [{}, {"seed": 3, "n": 2, "best_of": 2}, {"temperature": 0.1, "max_tokens": 900}, {"model_kwargs": {"stop": "x"}}],
)
def test_a_model_that_completes_texts_checks(server: OpenAIServer, own: dict[str, Any]) -> None:
    """It has a table's row, a client of another kind, and tells neither tokens nor why a text ended."""
    server.say("small", "Oda built it.")
    server.verdicts("It says so.\nVerdict: Correct")
    small = OpenAI(model="small", base_url=server.url, api_key=SECRET, max_retries=2, **own)
    llm = AutoMixChatModel(models=[small, cascades.child(server, "large")], verifier=SelfVerifier(k=4))
    with collect_routes() as routes:
        assert llm.invoke("Who built it?", automix_context="Oda built it.").text == "Oda built it."
    assert (routes[0].action, routes[0].errors, routes[0].usage["draft"]) == ("accept", [], None)
    for check in server.calls("small", verdict=True):
        assert (check.body["temperature"], check.body["max_tokens"], check.body["n"]) == (1.0, 256, 1)
        assert not any(check.body.get(name) for name in ("seed", "stop", "best_of"))


def test_a_retry_wrapper_tries_once() -> None:
    model: Any = ChatOpenAI(model="m", api_key=SECRET).with_retry(stop_after_attempt=5)
    copy = told(model)
    assert (copy.max_attempt_number, copy.bound.max_retries, model.max_attempt_number) == (1, 0, 5)


def test_every_row_has_what_the_matrix_needs() -> None:
    for name, row in CLIENTS.items():
        assert row.good, name
        assert all(reason == reason.lower() for reason in row.good), name
