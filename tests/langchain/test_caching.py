"""Caches: an entry belongs to what decided the answer, and verdicts are never one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.tools import tool

from automix_core.policies.threshold import Band, Threshold
from langchain_automix import AutoMixChatModel, SelfVerifier, route_of
from tests.langchain.cascades import KEPT, cascade, child, script
from tests.langchain.cascades import cascade as made
from tests.loopback import OpenAIServer


@pytest.fixture
def cache() -> Iterator[InMemoryCache]:
    before = get_llm_cache()
    shared = InMemoryCache()
    set_llm_cache(shared)
    yield shared
    set_llm_cache(before)


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"Sunny in {city}."


def requests_of(server: OpenAIServer, call: Callable[[], Any]) -> int:
    """How many requests `call` made."""
    before = len(server.requests)
    call()
    return len(server.requests) - before


@pytest.mark.usefixtures("cache")
async def test_a_repeated_call_is_served_without_a_request(server: OpenAIServer) -> None:
    script(server, "escalate")
    first = cascade(server).invoke("hello")
    same = cascade(server)  # another object, everything equal
    assert requests_of(server, lambda: same.invoke("hello")) == 0
    again = same.invoke("hello")
    assert again.text == first.text
    route, before = route_of(again), route_of(first)
    assert (route.action, route.confidence, route.steps) == (before.action, before.confidence, before.steps)
    count = len(server.requests)
    assert (await same.ainvoke("hello")).text == first.text
    assert len(server.requests) == count


def _changed(server: OpenAIServer, cache: InMemoryCache) -> dict[str, AutoMixChatModel]:
    """Cascades that differ in one thing; all have one cache, which their children do not use."""
    cascade = partial(made, server, cache=cache)
    small, large = child(server, "small"), child(server, "large")
    return {
        "another large model": cascade(models=[small, child(server, "larger")]),
        "another small model": cascade(models=[child(server, "smaller"), large]),
        "a third model": cascade(models=[small, child(server, "middle"), large]),
        "a child's temperature": cascade(models=[child(server, "small", temperature=0.3), large]),
        "a child's address": cascade(models=[child(server, "small", base_url=server.url + "/"), large]),
        "a bound argument": cascade(models=[small.bind(user="someone"), large]),
        "a retried child": cascade(models=[small.with_retry(), large]),
        "k": cascade(k=3),
        "the threshold": cascade(policy=Threshold(0.5)),
        "the policy": cascade(policy=Band(0, 0.75)),
        "the instructions": cascade(verifier=SelfVerifier(k=2, instructions="Check it.\nVerdict: Correct")),
        "the examples": cascade(verifier=SelfVerifier(k=2, shots=SelfVerifier().shots[:4])),
        "the verifier's temperature": cascade(verifier=SelfVerifier(k=2, temperature=0.5)),
        "the verifier's model": cascade(verifier=SelfVerifier(k=2, model=large)),
        "a callable verifier": cascade(verifier=lambda *case: [True]),
        "where no context is given": cascade(without_context="large"),
        "what a failure does": cascade(on_failure="raise"),
    }


def test_two_cascades_share_an_entry_only_if_all_that_decides_is_equal(server: OpenAIServer) -> None:
    script(server, "accept")
    cache = InMemoryCache()
    cascade(server, cache=cache).invoke("hello")
    assert requests_of(server, lambda: cascade(server, cache=cache).invoke("hello")) == 0
    changed = _changed(server, cache)
    shared = [name for name, model in changed.items() if requests_of(server, partial(model.invoke, "hello")) == 0]
    assert not shared
    for name, model in changed.items():
        assert requests_of(server, partial(model.invoke, "hello")) == 0, name


@pytest.mark.usefixtures("cache")
def test_what_is_said_to_a_call_is_part_of_the_entry(server: OpenAIServer) -> None:
    script(server, "accept")
    model = cascade(server)
    calls: list[Callable[[], Any]] = [
        lambda: model.invoke("hello"),
        lambda: model.invoke("hello", stop=["you"]),
        lambda: model.invoke("hello", automix_context="one"),
        lambda: model.invoke("hello", automix_context="two"),
        lambda: model.invoke("hello", automix_question="other?"),
        lambda: model.bind_tools([weather]).invoke("hello"),
        lambda: model.bind(temperature=0.2).invoke("hello"),
    ]
    assert all(requests_of(server, call) > 0 for call in calls)
    assert all(requests_of(server, call) == 0 for call in calls)


def test_a_callable_verifier_never_borrows_anothers_entry(server: OpenAIServer, cache: InMemoryCache) -> None:
    """Two functions cannot be compared, so each has entries of its own."""
    script(server, "accept")
    yes = cascade(server, verifier=lambda *case: [True])
    no = cascade(server, verifier=lambda *case: [False])
    assert yes.invoke("hello").text != no.invoke("hello").text


@pytest.mark.usefixtures("at_once")
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("samples", ["one request", "separate requests"])
async def test_verdicts_stay_k_samples_under_a_global_cache(server: OpenAIServer, samples: str) -> None:
    script(server, "accept")
    server.verdicts(KEPT["accept"], KEPT["escalate"], KEPT["escalate"], KEPT["accept"])
    checker = child(server, "checker") if samples == "one request" else child(server, "checker").with_retry()
    model = cascade(server, verifier=SelfVerifier(model=checker, k=4))
    for how in ("sync", "async"):
        message = model.invoke(how) if how == "sync" else await model.ainvoke(how)
        route = route_of(message)
        assert (route.verdicts["correct"], route.verdicts["incorrect"]) == (2, 2)
    assert len(server.calls("checker")) == (2 if samples == "one request" else 8)


@pytest.mark.usefixtures("at_once")
@pytest.mark.usefixtures("cache")
def test_a_configurable_verifier_model_is_not_cached_either(server: OpenAIServer) -> None:
    from langchain.chat_models import init_chat_model

    script(server, "accept")
    checker = init_chat_model(
        "checker", model_provider="openai", configurable_fields=["temperature"], base_url=server.url, api_key="none"
    )
    cascade(server, verifier=SelfVerifier(model=checker, k=4)).invoke("hello")
    assert len(server.calls("checker")) == 4


@pytest.mark.usefixtures("at_once")
@pytest.mark.usefixtures("cache")
def test_a_verifier_with_its_own_cache_still_draws(server: OpenAIServer) -> None:
    script(server, "accept")
    checker = child(server, "checker", cache=InMemoryCache()).with_retry()
    cascade(server, verifier=SelfVerifier(model=checker, k=4)).invoke("hello")
    assert len(server.calls("checker")) == 4


def test_the_children_may_use_the_global_cache(server: OpenAIServer, cache: InMemoryCache) -> None:
    """The composite may be told not to cache while its children do: the draft is reused, the check is drawn anew."""
    script(server, "accept")
    model = cascade(server, cache=False)
    model.invoke("hello")
    assert requests_of(server, lambda: model.invoke("hello")) == 1
    (_, check) = server.requests[-2:]
    assert check.asks_for_verdict


@pytest.mark.usefixtures("cache")
def test_entries_hold_no_secret(server: OpenAIServer, cache: InMemoryCache) -> None:
    script(server, "accept")
    cascade(server).invoke("hello")
    assert "sk-loopback" not in str(cache._cache)


@pytest.mark.usefixtures("cache")
def test_a_hit_cannot_be_spoiled_by_its_reader(server: OpenAIServer) -> None:
    script(server, "accept")
    first = cascade(server).invoke("hello")
    first.response_metadata["automix"]["action"] = "spoiled"
    second = cascade(server).invoke("hello")
    assert second.response_metadata["automix"]["action"] == "accept"
    second.response_metadata["automix"]["usage"]["total"] = "spoiled"
    third = cascade(server).invoke("hello")
    assert third.response_metadata["automix"]["usage"]["total"] != "spoiled"
