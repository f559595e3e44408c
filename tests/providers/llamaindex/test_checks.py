"""What a check sends to each provider, and what of its reply and of a draft counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

from llamaindex_automix import SelfVerifier, TokenVerifier
from llamaindex_automix.child.clients import client_of
from llamaindex_automix.child.responses import usage_of
from llamaindex_automix.child.sampler import Sampler
from tests.loopback import Reply
from tests.providers.cells import (
    CASE,
    DRAFT,
    LARGE,
    NO,
    YES,
    a_drafts_tokens_are_signals,
    a_word_is_read_from_its_tokens,
    refusals,
    refused_marks_are_left_out,
    script,
    settled,
    shared_is_marked,
)
from tests.providers.llamaindex.asking import LARGE as OPENAI_LIKE
from tests.providers.llamaindex.asking import ask, cascade
from tests.providers.llamaindex.clients import CLIENTS, Client, extra
from tests.providers.wire import ProviderServer

K = 4
SPOILING = {"seed": "seed", "stop": "stop", "json": "response_format", "cache": "cached_content"}
"""What of a model's own a check must not carry, and where it stands on the wire."""
SECRET = "Verdict: Incorrect. So I thought in SECRET."


def where(holds: Callable[[Client], object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "client", [client for client in CLIENTS if holds(client)], ids=lambda client: client.name
    )


def with_each(name: str, values: Callable[[Client], Iterable[Any]]) -> pytest.MarkDecorator:
    """A cell for each client and each of its values."""
    cells = [pytest.param(client, value, id=f"{client.name}-{value}") for client in CLIENTS for value in values(client)]
    return pytest.mark.parametrize(("client", name), cells)


each_client = where(lambda client: True)
marking = where(lambda client: client.provider in ("anthropic", "bedrock") and "litellm" not in client.name)


def verdicts(model: Any, k: int = K) -> list[int | None]:
    found: list[int | None] = SelfVerifier(model=model, k=k)(CASE)["verdicts"]
    return found


@each_client
def test_the_settings_of_a_check_stand_under_the_clients_own_names(server: ProviderServer, client: Client) -> None:
    server.verdicts(YES)
    assert verdicts(client.over(server)) == [1] * K
    refused = [request for request, _ in server.refused]
    assert not refused or client.learns, refusals(server)
    checks = [check for check in server.asked(client.model) if check not in refused]
    assert len(checks) == (1 if client.n else K)
    for check in checks:
        if client.n:
            assert check.at(client.n) == K
        limit = check.at(client.limit)
        if client.thinks:
            assert limit is None or limit > 2048, "more than a budget of thoughts here"
        else:
            assert limit == 256
            assert client.temperature is None or check.at(client.temperature) == 1.0


@with_each("setting", lambda client: [name for name in SPOILING if getattr(client, name)])
def test_a_check_drops_what_would_spoil_it(server: ProviderServer, client: Client, setting: str) -> None:
    server.verdicts(YES)
    server.say(client.model, Reply("{}"))
    model = client.over(server, **getattr(client, setting))
    model.chat([ChatMessage(role="user", content="hello, as JSON")])
    place = SPOILING[setting]
    (draft,) = server.asked(client.model, verdict=False)
    assert draft.body.get(place), "the model itself sends it"
    assert verdicts(model) == [1] * K
    assert {str(check.body.get(place)) for check in server.asked(client.model, verdict=True)} == {"None"}


@where(lambda client: not client.thinks)
def test_a_limit_and_a_temperature_of_the_users_own_give_way_in_a_check(server: ProviderServer, client: Client) -> None:
    server.verdicts(YES)
    limit: dict[str, Any] = {client.own_limit: 900}
    own = {**(extra(**limit) if client.name == "ollama" else limit), "temperature": 0.2}
    assert verdicts(client.over(server, **own)) == [1] * K
    assert not server.refused, refusals(server)
    for check in server.asked(client.model):
        assert (check.body.get("max_tokens"), check.body.get("temperature")) == (256, 1.0)


@where(lambda client: client.name != "mistral")  # which raises a ValidationError at any reply that has thoughts
def test_thoughts_are_never_judged(server: ProviderServer, client: Client) -> None:
    server.say(client.model, Reply(DRAFT, reasoning=SECRET))
    server.verdicts(Reply(YES, reasoning=SECRET))
    server.say("large-1", LARGE)
    text, routes = ask(cascade(server, client))
    assert text == DRAFT
    if not client.silent:
        settled(server, routes, "accept", client.model, client.learns)
    for check in server.calls(client.model, verdict=True):
        assert "SECRET" not in str(check.body)


@where(lambda client: client.name != "mistral")
def test_a_model_that_thinks_before_its_verdict_is_heard(server: ProviderServer, client: Client) -> None:
    script(server, "accept", client.model)
    server.thinks[client.model] = 400
    model = cascade(server, client)
    text, (route,) = ask(model)
    report = route.to_dict()
    assert (text, report["action"], report["errors"]) == (DRAFT, "accept", [])
    assert report["verdicts"]["correct"] > 0
    server.clear()
    text, (route,) = ask(model)
    assert text == DRAFT
    assert route.to_dict()["verdicts"]["unreadable"] == 0, "the model is remembered"


@with_each("reason", lambda client: client.bad)
def test_a_draft_with_a_bad_ending_is_rejected_unverified(server: ProviderServer, client: Client, reason: str) -> None:
    script(server, "accept", client.model)
    server.say(client.model, Reply("Oda Verrin built the", finish_reason=reason))
    text, (route,) = ask(cascade(server, client))
    assert text == LARGE
    assert not server.calls(client.model, verdict=True)
    report = route.to_dict()
    assert report["action"] == "escalate"
    usage = report["usage"]["by_model"][0]
    if reason in client.raises:
        assert usage is None or usage["output_tokens"] is None
    else:
        assert usage["output_tokens"] == server.tokens(client.model)[1]


@with_each("reason", lambda client: client.good)
def test_a_draft_with_a_good_ending_is_kept(server: ProviderServer, client: Client, reason: str) -> None:
    script(server, "accept", client.model)
    server.say(client.model, Reply(DRAFT, finish_reason=reason))
    text, (route,) = ask(cascade(server, client))
    assert text == DRAFT
    assert route.to_dict()["action"] == "accept"


def refusable(client: Client) -> list[str]:
    """The settings of a check that this client sends and could do without, each with a status."""
    settings = ["n"] if client.n else []
    if not client.thinks:
        settings += ["temperature"] if client.limited else ["temperature", "max_tokens"]
    statuses = (400, 422) if client.provider in ("openai", "mistral", "openai-like") else (400,)
    return [f"{setting}-{status}" for setting in settings for status in statuses]


@with_each("refused", refusable)
def test_a_setting_that_is_refused_is_left_out_and_remembered(
    server: ProviderServer, client: Client, refused: str
) -> None:
    setting, status = refused.split("-")
    script(server, "accept", client.model)
    server.refuse(client.model, setting, int(status), drafts=False)
    model = cascade(server, client)
    text, (route,) = ask(model)
    report = route.to_dict()
    assert (text, report["action"], report["errors"]) == (DRAFT, "accept", [])
    assert report["verdicts"]["failed"] == 0
    assert server.refused
    assert len(server.refused) <= K
    server.clear()
    text, (route,) = ask(model)
    assert text == DRAFT
    assert not server.refused, "it was not remembered"


@pytest.mark.parametrize("status", [400, 429, 503])
@each_client
def test_checks_that_fail_stop_soon(server: ProviderServer, client: Client, status: int) -> None:
    script(server, "accept", client.model)
    fault = Reply(status=status, error="no more of this", headers={"retry-after-ms": "1"})
    server.fail(client.model, fault, when=lambda request: request.asks_for_verdict)
    models = [client.over(server, **client.retries), OPENAI_LIKE.over(server, "large-1")]
    text, (route,) = ask(cascade(server, client, k=8, models=models))
    assert text == LARGE
    assert route.to_dict()["action"] == "fallback"
    assert len(server.calls(client.model, verdict=True)) <= 8 + 2


@each_client
def test_correct_and_incorrect_are_told_apart(server: ProviderServer, client: Client) -> None:
    server.verdicts(YES, NO)
    assert sorted(str(verdict) for verdict in verdicts(client.over(server))) == ["0", "0", "1", "1"]


@marking
def test_what_checks_share_is_marked_for_the_providers_cache(server: ProviderServer, client: Client) -> None:
    shared_is_marked(server, client.model, lambda k: verdicts(client.over(server), k), K)


@marking
def test_a_model_that_takes_no_marks_is_checked_without(server: ProviderServer, client: Client) -> None:
    model = client.over(server)
    refused_marks_are_left_out(server, client.model, lambda k: verdicts(model, k), K)


@each_client
def test_a_check_in_one_word_is_read_from_its_tokens(server: ProviderServer, client: Client) -> None:
    """Of a client that hands log-probabilities on one request is enough; any other one's checks are sampled."""
    model = client.over(server)
    a_word_is_read_from_its_tokens(
        server,
        client.model,
        lambda: Sampler.of(model).gives_logprobs,
        lambda: TokenVerifier(model=model, k=K)(CASE),
        K,
        told="litellm" not in client.name,
    )


@where(lambda client: not client.thinks)
def test_a_drafts_tokens_are_signals(server: ProviderServer, client: Client) -> None:
    model = cascade(server, client, signals=["logprob_min"])
    drafter = Sampler.of(model.models[0])
    a_drafts_tokens_are_signals(server, client.model, lambda: ask(model)[1][0], lambda: drafter.gives_logprobs)


@where(lambda client: client.provider != "ollama")
def test_tokens_from_a_cache_are_told(server: ProviderServer, client: Client) -> None:
    server.say(client.model, Reply(DRAFT, cached_tokens=3))
    usage = usage_of(client.over(server).chat([ChatMessage("Who built it, pray?")]))
    known = client_of(client.over(server)).cached
    assert (usage.cached_input_tokens if usage else 0) == (3 if known else 0)
