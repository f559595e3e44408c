"""Seeds and response caches, which would make all verdicts one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.runnables import ConfigurableField
from langchain_openai import ChatOpenAI

from automix_core.checking.sampling import Wanted
from langchain_automix import SelfVerifier
from langchain_automix.child.sampler import Sampler
from tests.langchain.cascades import SECRET, cascade, child, script
from tests.langchain.fakes import NO, YES
from tests.langchain.verdicts import both, route, verdicts
from tests.loopback import OpenAIServer

SEEDED: dict[str, Callable[[OpenAIServer], Any]] = {
    "field": lambda server: child(server, "m", seed=7),
    "model_kwargs": lambda server: child(server, "m", model_kwargs={"seed": 7, "user": "me"}),
    "extra_body": lambda server: child(server, "m", extra_body={"seed": 7, "top_k": 3}),
    "bound": lambda server: child(server, "m").bind(seed=7, user="me"),
    "retried": lambda server: child(server, "m", seed=7).with_retry(),
    "fallbacks": lambda server: child(server, "m", seed=7).with_fallbacks([child(server, "other", seed=7)]),
    "configurable": lambda server: child(server, "m", seed=7).configurable_fields(
        temperature=ConfigurableField(id="t")
    ),
    "built when called": lambda server: init_chat_model(
        "m", model_provider="openai", configurable_fields="any", base_url=server.url, api_key=SECRET, seed=7
    ),
}


@both
@pytest.mark.filterwarnings("ignore:Parameters {'seed'} should be specified explicitly")
@pytest.mark.parametrize("kind", SEEDED)
async def test_a_seed_is_for_drafts_only(server: OpenAIServer, kind: str, way: str) -> None:
    script(server, "accept")
    server.say("m", "A draft.")
    await route(cascade(server, models=[SEEDED[kind](server), child(server, "large")]), way)
    draft, *checks = server.requests
    assert draft.body["seed"] == 7
    assert checks
    for check in checks:
        assert "seed" not in check.body
        assert [check.body.get(name) for name in ("user", "top_k")] == [
            draft.body.get(name) for name in ("user", "top_k")
        ]


@both
@pytest.mark.parametrize("kind", ["field", "retried", "configurable"])
@pytest.mark.parametrize("where", ["global", "own"])
async def test_a_response_cache_is_for_drafts_only(server: OpenAIServer, kind: str, where: str, way: str) -> None:
    server.verdicts(YES, NO, YES, NO)
    cache = InMemoryCache()
    model: Any = child(server, "m", cache=cache if where == "own" else None)
    if kind == "configurable":
        model = model.configurable_fields(temperature=ConfigurableField(id="t"))
    set_llm_cache(cache if where == "global" else None)
    try:
        verifier = SelfVerifier(model=model.with_retry() if kind == "retried" else model, k=4)
        assert sorted(await verdicts(verifier, way)) == sorted(await verdicts(verifier, way)) == [0, 0, 1, 1]  # type: ignore[type-var]
    finally:
        set_llm_cache(None)


def test_the_child_itself_is_left_as_it_is() -> None:
    model = ChatOpenAI(model="m", api_key=SECRET, seed=7, streaming=True, cache=True)
    copy: Any = Sampler.of(model).asked(Wanted(1, 1, {"temperature": 1.0}))
    assert (model.seed, model.streaming, model.cache, model.temperature) == (7, True, True, None)
    assert (copy.seed, copy.streaming, copy.cache, copy.temperature) == (None, False, False, 1.0)
    assert copy.root_client._client is model.root_client._client, "one connection pool"
    assert (copy.root_client.max_retries, copy.root_async_client.max_retries) == (0, 0)
    assert model.root_client.max_retries == 2
