"""How a model is told what a check needs: its own fields, what it keeps for its provider, keywords of the call."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from automix_core.checking.client import (
    TOP,
    Client,
    Told,
    default_of,
    guessed,
    known,
    name_stranger,
    package,
    telling,
    told,
    untrying,
)
from automix_core.checking.thinking import thinking

NAMES = ("max_tokens", "max_completion_tokens")
WANTED = {"temperature": 1.0, "max_tokens": 256}
ALL = frozenset({"temperature", "max_tokens"})


class Chat(BaseModel):
    """A client with fields as OpenAI's have them."""

    model: str = "m"
    temperature: float | None = None
    max_tokens: int | None = None
    n: int | None = None
    seed: int | None = None
    stop: list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    max_retries: int = 2
    model_kwargs: dict[str, Any] = {}
    additional_kwargs: dict[str, Any] = {}
    extra_body: dict[str, Any] | None = None


class Bare(BaseModel):
    """A client that has no field for anything."""

    model: str = "m"


class Keeping(Bare):
    """A client that keeps arguments for its provider."""

    additional_kwargs: dict[str, Any] = {}


class Stranger(Bare):
    """A client that no table has."""


def fields(model: BaseModel, client: Client, settings: Any = WANTED, without: frozenset[str] = frozenset()) -> Any:
    return dict(told(model, client, settings, without).fields)


def test_settings_are_its_own_fields() -> None:
    assert fields(Chat(), Client()) == {"temperature": 1.0, "max_tokens": 256, "max_retries": 0}
    assert fields(Chat(temperature=0.1, max_tokens=900), Client(retries=None)) == {
        "temperature": 1.0,
        "max_tokens": 256,
    }


def test_what_is_not_to_be_sent_is_taken_from_the_model_too() -> None:
    model = Chat(temperature=0.1, max_tokens=900, additional_kwargs={"temperature": 0.2, "num_predict": 9, "top_p": 1})
    client = Client(retries=None)
    assert fields(model, client, {}, ALL) == {
        "temperature": None,
        "max_tokens": None,
        "additional_kwargs": {"top_p": 1},
    }
    assert fields(model, client, {}) == {}, "no limit of the verifier's leaves the model's own"
    assert "max_tokens" not in fields(model, Client(needs_limit=True), {}, ALL)


def test_a_limit_without_a_none_is_left() -> None:
    class Strict(Chat):
        max_tokens: int = 512

    assert "max_tokens" not in fields(Strict(), Client(), {}, ALL)
    assert default_of(Strict.model_fields["max_tokens"]) == 512


def test_what_sends_nothing_may_have_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a_client", SimpleNamespace(NOT_GIVEN="nothing"))
    change = told(Chat(temperature=0.1), Client(unset="a_client.NOT_GIVEN", retries=None), {}, ALL)
    assert (change.fields, change.keywords) == ({}, {"temperature": "nothing"})
    assert fields(Chat(temperature=0.1), Client(unset="not_loaded.NOT_GIVEN", retries=None), {}, ALL) == {
        "temperature": None
    }


def test_what_shapes_an_answer_is_dropped_wherever_it_stands() -> None:
    shapes = {
        "seed": 3,
        "response_format": {"type": "json_object"},
        "tools": [],
        "tool_choice": "auto",
        "format": "json",
        "cached_content": "cachedContents/7",
    }
    model = Chat(
        seed=1,
        stop=["x"],
        additional_kwargs={**shapes, "top_p": 0.5},
        extra_body={"guided_json": {}, "grammar": "g", "top_k": 4},
        model_kwargs={"text": {"format": {"type": "json_schema"}, "verbosity": "low"}},
    )
    assert fields(model, Client(retries=None), {}) == {
        "seed": None,
        "stop": None,
        "additional_kwargs": {"top_p": 0.5},
        "extra_body": {"top_k": 4},
        "model_kwargs": {"text": {"verbosity": "low"}},
    }
    assert "stop" not in fields(model, Client(retries=None, keeps=frozenset({"stop"})), {})


def test_a_limit_stands_where_the_model_keeps_its_own() -> None:
    model = Chat(additional_kwargs={"max_completion_tokens": 900, "temperature": 0.1}, max_tokens=5)
    assert fields(model, Client(retries=None)) == {
        "temperature": 1.0,
        "max_tokens": None,
        "additional_kwargs": {"max_completion_tokens": 256, "temperature": 1.0},
    }


def test_a_limit_may_have_a_field_of_its_name_or_stand_among_the_providers_arguments() -> None:
    class Ollama(BaseModel):
        temperature: float | None = None
        additional_kwargs: dict[str, Any] = {}
        json_mode: bool = False

    class ChatOllama(BaseModel):
        temperature: float | None = None
        num_predict: int | None = None
        format: str | None = None

    client = Client(limit="num_predict", retries=None)
    assert fields(Ollama(json_mode=True), client) == {
        "temperature": 1.0,
        "additional_kwargs": {"num_predict": 256},
        "json_mode": False,
    }
    assert fields(ChatOllama(format="json"), client) == {"temperature": 1.0, "num_predict": 256, "format": None}


def test_a_limit_under_the_name_that_the_provider_proposes() -> None:
    client = Client(limit_names=NAMES, retries=None)
    assert fields(Chat(), client, {"max_completion_tokens": 256}) == {
        "additional_kwargs": {"max_completion_tokens": 256}
    }
    assert fields(Chat(max_tokens=7), client, {"max_completion_tokens": 256})["max_tokens"] is None


def test_several_replies_by_field_or_by_keyword() -> None:
    assert fields(Chat(n=4), Client(choices="n", retries=None), {}) == {"n": None}, "one is wanted"
    assert told(Chat(), Client(choices="n"), WANTED, n=8).fields["n"] == 8
    change = told(Chat(), Client(choices="n", by_keyword=True), WANTED, n=8)
    assert (dict(change.keywords), "n" in change.fields) == ({"n": 8}, False)
    assert not told(Chat(), Client(), WANTED, n=8).keywords


def test_settings_that_were_frozen_are_laid_over_by_a_keyword() -> None:
    change = told(Chat(), Client(limit="max_output_tokens", inside="config", retries=None), WANTED)
    assert {k: v for k, v in change.keywords["config"].items() if v is not None} == {
        "temperature": 1.0,
        "max_output_tokens": 256,
    }
    assert {change.keywords["config"][name] for name in ("seed", "tools", "cached_content")} == {None}
    none = told(Chat(), Client(limit="max_output_tokens", inside="config"), {}, ALL).keywords["config"]
    assert (none["temperature"], none["max_output_tokens"]) == (None, None)


def test_log_probabilities_in_the_clients_own_terms() -> None:
    client = Client(logprobs={"logprobs": True, "top_logprobs": TOP}, retries=None)
    assert fields(Chat(), client, {"logprobs": 5}) == {"logprobs": True, "top_logprobs": 5}
    assert dict(told(Bare(), client, {"logprobs": 5}).keywords) == {"logprobs": True, "top_logprobs": 5}
    assert fields(Chat(), Client(retries=None), {"logprobs": 5}) == {}


def test_a_draft_is_told_to_report_where_its_client_keeps_such_settings() -> None:
    client = Client(logprobs={"logprobs": True, "top_logprobs": TOP})
    assert telling(Chat(), client, 5) == Told({"logprobs": True, "top_logprobs": 5}, {})
    kept = telling(Keeping(additional_kwargs={"user": "me"}), client, 5)
    assert kept == Told({"additional_kwargs": {"user": "me", "logprobs": True, "top_logprobs": 5}}, {})
    assert telling(Bare(), client, 5) == Told({}, {"logprobs": True, "top_logprobs": 5})
    assert telling(Chat(), Client(), 5) is None


def test_a_client_that_no_table_has_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    home = frozenset({"somewhere_else"})
    for _ in range(2):
        name_stranger(Stranger, {}, home)
        name_stranger(Stranger, {f"{package(Stranger)}.Stranger": Client()}, home)
        name_stranger(Chat, {}, frozenset({package(Chat)}))
    (said,) = caplog.messages
    assert "Stranger is a client that AutoMix doesn't know" in said
    assert "SelfVerifier(model=...)" in said


def test_an_unknown_client_is_told_by_its_fields_and_what_it_lacks_by_keywords() -> None:
    assert fields(Chat(), guessed(Chat)) == {"temperature": 1.0, "max_tokens": 256, "max_retries": 0}
    change = told(Bare(), guessed(Bare), WANTED)
    assert (change.fields, change.keywords) == ({}, WANTED)
    known_bare = told(Bare(), Client(), WANTED)
    assert (known_bare.fields, known_bare.keywords) == ({}, {}), "a known client is passed nothing it does not document"


def test_a_client_is_known_by_its_package_and_class_or_by_a_base() -> None:
    class Base:
        __module__ = "some_package.models.chat"
        __qualname__ = "Base"

    class Hosted(Base):
        __module__ = "llama_index.llms.hosted.base"
        __qualname__ = "Hosted"

    rows = {"some_package.Base": Client(limit="a"), "llama_index.llms.hosted.Hosted": Client(limit="b")}
    assert [known(kind, rows) for kind in (Base, Hosted, object)] == [*rows.values(), None]
    assert known(Hosted, {"some_package.Base": rows["some_package.Base"]}) == rows["some_package.Base"]


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, (True, 2000)),
        ({"thinking": {"type": "adaptive"}}, (True, 0)),
        ({"thinking": {"type": "disabled"}}, (False, 0)),
        ({"thinking_dict": {"type": "enabled", "budget_tokens": 1024}}, (True, 1024)),
        ({"thinking_budget": 512}, (True, 512)),
        ({"thinking_budget": -1}, (True, 0)),
        ({"thinking_budget": 0}, (False, 0)),
        ({"thinking_config": SimpleNamespace(thinking_budget=300, include_thoughts=None)}, (True, 300)),
        ({"reasoning_effort": "low"}, (True, 0)),
        ({"reasoning_effort": "none"}, (False, 0)),
        ({"reasoning": True}, (True, 0)),
        ({"reasoning": False}, (False, 0)),
        ({"reasoning": {"effort": "high"}}, (True, 0)),
        ({"reasoning": {"enabled": False}}, (False, 0)),
        ({"reasoning_options": {"effort": "low"}}, (True, 0)),
        ({"reasoning": {}}, (False, 0)),
        ({"extra_body": {"chat_template_kwargs": {"enable_thinking": True}}}, (True, 0)),
        ({"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}, (False, 0)),
        ({"additional_kwargs": {"reasoning_effort": "medium"}}, (True, 0)),
        ({"_generation_config": {"thinking_config": {"thinking_budget": 99}}}, (True, 99)),
        ({}, (False, 0)),
    ],
)
def test_who_is_set_to_think(settings: dict[str, Any], found: tuple[bool, int]) -> None:
    assert thinking(SimpleNamespace(**settings)) == found
    if "_generation_config" not in settings:
        assert thinking(SimpleNamespace(), settings) == found, "bound arguments say so as well"


class Boto:
    meta: Any
    session: str
    _endpoint: Any
    _event_emitter: Any


class Emitter:
    def __init__(self) -> None:
        self.gone: list[str] = []

    def unregister(self, event: str, unique_id: str) -> None:
        self.gone = [*self.gone, f"{event} {unique_id}"]


def test_a_client_of_botocore_is_copied_without_what_tries_again() -> None:
    service = SimpleNamespace(service_model=SimpleNamespace(service_name="bedrock-runtime"), events=Emitter())
    client = Boto()
    client.meta, client._endpoint = service, Boto()
    client._endpoint._event_emitter, client._endpoint.session = service.events, "shared"
    twin = untrying(client)
    assert twin is not client
    assert twin._endpoint._event_emitter.gone == ["needs-retry.bedrock-runtime retry-config-bedrock-runtime"]
    assert (client._endpoint._event_emitter, service.events.gone) == (service.events, [])
    assert twin._endpoint.session == "shared"
    stranger = object()
    assert untrying(stranger) is stranger
