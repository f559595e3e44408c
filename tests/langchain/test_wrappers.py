"""What LangChain users put around a model, and what they put in its place as a child."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField, RunnableConfig, RunnableLambda
from langchain_core.runnables.fallbacks import RunnableWithFallbacks
from langchain_core.tools import tool
from openai import InternalServerError

from automix_core.policies.always import Always
from automix_core.policies.threshold import Threshold
from automix_core.routing.route import Route
from langchain_automix import AutoMixChatModel, SelfVerifier, collect_routes, route_of
from tests.langchain.cascades import DRAFT, INPUT, KEPT, LARGE, PATHS, PROMPT, Path, cascade, child, expected, script
from tests.loopback import OpenAIServer, Reply


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"Sunny in {city}."


def the_route(message: Any) -> Route:
    return route_of(message)


# Around the composite


def test_with_retry(server: OpenAIServer) -> None:
    script(server, "escalate")
    server.fail("large", Reply(status=500), times=1)
    retried = cascade(server).with_retry(retry_if_exception_type=(InternalServerError,), wait_exponential_jitter=False)
    assert retried.invoke("hello").text == LARGE
    assert len(server.calls("large")) == 2


def test_with_fallbacks(server: OpenAIServer) -> None:
    script(server, "escalate")
    server.fail("large", Reply(status=500))
    server.say("spare", "The spare answers.")
    guarded = cascade(server).with_fallbacks([child(server, "spare")])
    assert guarded.invoke("hello").text == "The spare answers."
    assert "".join(chunk.text for chunk in guarded.stream("hello")) == "The spare answers."


def test_with_fallbacks_then_bind_tools_and_structured_output(server: OpenAIServer) -> None:
    """Fallbacks re-apply a method to each member only if its return type can be resolved to a Runnable."""
    script(server, "escalate")
    server.fail("small", Reply(status=500))
    server.fail("large", Reply(status=500))
    guarded = cascade(server).with_fallbacks([child(server, "spare")])
    bound = guarded.bind_tools([weather], tool_choice="any")
    assert isinstance(bound, RunnableWithFallbacks)
    assert bound.invoke("weather in 'Oslo'?").tool_calls[0]["args"] == {"city": "Oslo"}
    schema = {"title": "Place", "description": "a place", "type": "object", "properties": {"city": {"type": "string"}}}
    structured = guarded.with_structured_output(schema)
    assert structured.invoke("weather in 'Oslo'?") == {"city": "Oslo"}


def test_with_config_reaches_the_children(server: OpenAIServer) -> None:
    script(server, "escalate")
    seen: list[tuple[str, list[str], dict[str, Any]]] = []

    from langchain_core.callbacks import BaseCallbackHandler

    class Starts(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            seen.append((kwargs["name"], kwargs["tags"], kwargs["metadata"]))

    config: RunnableConfig = {"tags": ["mine"], "metadata": {"team": "blue"}, "run_name": "asked"}
    cascade(server).with_config(config).invoke("hello", {"callbacks": [Starts()]})
    assert seen[0][0] == "asked"
    assert len(seen) == 4
    for _, tags, metadata in seen:
        assert "mine" in tags
        assert metadata["team"] == "blue"


def test_the_policy_is_a_switch_that_can_be_thrown_at_run_time(server: OpenAIServer) -> None:
    script(server, "accept")
    model = cascade(server).configurable_fields(policy=ConfigurableField(id="policy"))
    chain = PROMPT | model

    def answer(**configurable: Any) -> AIMessage:
        message = chain.invoke(INPUT, {"configurable": configurable})
        assert isinstance(message, AIMessage)
        return message

    assert answer().text == DRAFT
    killed = answer(policy=Always(-1))
    assert (killed.text, the_route(killed).action) == (LARGE, "direct")
    assert [step["do"] for step in the_route(killed).steps] == ["finish"]
    assert answer(policy=Always(0)).text == DRAFT
    assert answer().text == DRAFT


async def test_different_policies_at_the_same_time(server: OpenAIServer) -> None:
    server.say("small", DRAFT)
    server.say("large", LARGE)
    server.verdicts(KEPT["accept"], KEPT["escalate"])
    model = cascade(server).configurable_fields(policy=ConfigurableField(id="policy"))
    configs: list[RunnableConfig] = [{"configurable": {"policy": Threshold(0.4 if i % 2 else 0.6)}} for i in range(12)]
    messages = await model.abatch(["hello"] * 12, configs)
    assert [message.text for message in messages] == [LARGE, DRAFT] * 6


def test_configurable_alternatives(server: OpenAIServer) -> None:
    script(server, "escalate")
    model = cascade(server).configurable_alternatives(
        ConfigurableField(id="llm"), default_key="automix", plain=child(server, "large")
    )
    assert route_of(model.invoke("hello")).action == "escalate"
    assert route_of(model.with_config(configurable={"llm": "plain"}).invoke("hello"), None) is None


@pytest.mark.parametrize("given", ["bind", "call"])
def test_stop_reaches_the_answering_models_and_never_the_verifier(server: OpenAIServer, given: str) -> None:
    script(server, "escalate")
    model = cascade(server)
    message = model.bind(stop=["Oda"]).invoke("hello") if given == "bind" else model.invoke("hello", stop=["Oda"])
    assert message.text == "Largely spoken: the builder was "
    small, check, large = server.requests
    assert small.stop == large.stop == ["Oda"]
    assert check.stop == []
    assert the_route(message).verdicts["incorrect"] == 2


def test_sampling_settings_reach_the_answering_models_and_never_the_verifier(server: OpenAIServer) -> None:
    script(server, "escalate")
    cascade(server).bind(temperature=0.123, max_tokens=77, seed=5).invoke("hello")
    small, check, large = server.requests
    for request in (small, large):
        assert request.body["temperature"] == 0.123
        assert 77 in (request.body.get("max_tokens"), request.body.get("max_completion_tokens"))
        assert request.body["seed"] == 5
    assert check.body["temperature"] == 1.0
    assert check.body["max_completion_tokens"] == 256
    assert "seed" not in check.body


def test_keywords_for_automix_reach_no_provider(server: OpenAIServer) -> None:
    script(server, "escalate")
    cascade(server).invoke("hello", automix_context="ctx", automix_question="q?", automix_coin=0.5)
    assert "automix" not in str([request.body for request in server.requests])


class Counting(InMemoryRateLimiter):
    """Lets everything through and counts it."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.taken += 1
        return True


@pytest.mark.filterwarnings("ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("how", ["invoke", "stream", "v3"])
def test_a_rate_limiter_counts_a_call_once(server: OpenAIServer, how: str) -> None:
    script(server, "escalate")
    limiter = Counting()
    model = cascade(server, rate_limiter=limiter)
    calls: dict[str, Any] = {
        "invoke": lambda: model.invoke("hello"),
        "stream": lambda: list(model.stream("hello")),
        "v3": lambda: list(model.stream_events("hello", version="v3")),
    }
    calls[how]()
    assert limiter.taken == 1


def test_rate_limited_children_keep_their_own(server: OpenAIServer) -> None:
    """The limiter of the small model sees its draft and its checks, that of the large one its answer."""
    script(server, "escalate")
    slow, fast = Counting(), Counting()
    children = [child(server, "small", rate_limiter=slow), child(server, "large", rate_limiter=fast)]
    model = cascade(server, models=children)
    model.invoke("hello")
    list(model.stream("hello"))
    assert (slow.taken, fast.taken) == (4, 2)


# As a child


CHILDREN: dict[str, Any] = {
    "bind": lambda server, name: child(server, name).bind(user="someone"),
    "with_retry": lambda server, name: child(server, name).with_retry(),
    "with_fallbacks": lambda server, name: child(server, name).with_fallbacks([child(server, "spare")]),
    "with_config": lambda server, name: child(server, name).with_config(tags=["childs"]),
    "configurable_fields": lambda server, name: child(server, name).configurable_fields(
        temperature=ConfigurableField(id="temperature")
    ),
    "init_chat_model": lambda server, name: init_chat_model(
        name, model_provider="openai", base_url=server.url, api_key="none", stream_usage=True
    ),
    "init_chat_model, configurable": lambda server, name: init_chat_model(
        name, model_provider="openai", configurable_fields=["temperature"], base_url=server.url, api_key="none"
    ),
    "chain": lambda server, name: RunnableLambda(lambda messages: messages) | child(server, name),
}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", CHILDREN)
async def test_wrapped_children(server: OpenAIServer, kind: str, path: Path) -> None:
    script(server, path)
    model = cascade(server, models=[CHILDREN[kind](server, "small"), CHILDREN[kind](server, "large")], k=3)
    for message in (model.invoke("hello"), await model.ainvoke("hello")):
        assert message.text == expected(path)
        assert the_route(message).verdicts["correct" if path == "accept" else "incorrect"] == 3
    assert "".join(chunk.text for chunk in model.stream("hello")) == expected(path)
    assert "".join([chunk.text async for chunk in model.astream("hello")]) == expected(path)


def test_a_bound_child_still_gives_k_verdicts_in_one_request_with_its_arguments(server: OpenAIServer) -> None:
    script(server, "accept")
    small = child(server, "small").bind(user="someone").bind(logit_bias={"1": 1})
    cascade(server, models=[small, child(server, "large")], k=5).invoke("hello")
    (check,) = server.calls(verdict=True)
    assert (check.n, check.body["user"], check.body["logit_bias"]) == (5, "someone", {"1": 1})


def test_a_configurable_child_is_configured_from_the_chain_around(server: OpenAIServer) -> None:
    script(server, "escalate")
    small = child(server, "small").configurable_fields(temperature=ConfigurableField(id="warmth"))
    chain = PROMPT | cascade(server, models=[small, child(server, "large")])
    chain.invoke(INPUT, {"configurable": {"warmth": 0.321}})
    (draft,) = server.calls("small", verdict=False)
    assert draft.body["temperature"] == 0.321


def test_fallbacks_of_a_child_are_used_before_the_next_model(server: OpenAIServer) -> None:
    script(server, "accept")
    server.fail("small", Reply(status=500), when=lambda request: not request.asks_for_verdict)
    server.say("spare", "The spare drafts.")
    small = child(server, "small").with_fallbacks([child(server, "spare")])
    message = cascade(server, models=[small, child(server, "large")]).invoke("hello")
    assert (message.text, the_route(message).action) == ("The spare drafts.", "accept")


@pytest.mark.parametrize("kind", ["bind", "with_retry", "with_fallbacks", "init_chat_model"])
def test_wrapped_children_bind_tools(server: OpenAIServer, kind: str) -> None:
    if kind == "bind":
        pytest.skip("a binding hides bind_tools in LangChain itself")
    model = cascade(server, models=[CHILDREN[kind](server, "small"), child(server, "large")])
    message = model.bind_tools([weather], tool_choice="any").invoke("weather in 'Oslo'?")
    assert message.tool_calls[0]["args"] == {"city": "Oslo"}
    assert the_route(message).model == 0


@pytest.mark.parametrize("place", [0, 1])
async def test_another_cascade_as_a_child(server: OpenAIServer, place: int) -> None:
    script(server, "escalate")
    server.say("other", "Another speaks.")
    inner = cascade(server)
    models = [inner, child(server, "other")] if place == 0 else [child(server, "other"), inner]
    model = cascade(server, models=models)
    wanted = "Another speaks." if place == 0 else LARGE
    with collect_routes() as routes:
        assert model.invoke("hello").text == wanted
        assert (await model.ainvoke("hello")).text == wanted
        assert "".join(chunk.text for chunk in model.stream("hello")) == wanted
        assert "".join([chunk.text async for chunk in model.astream("hello")]) == wanted
    assert {route.action for route in routes} == {"escalate"}


def test_children_that_answer_text_alone(server: OpenAIServer) -> None:
    small = child(server, "small") | StrOutputParser()
    script(server, "accept")
    message = cascade(server, models=[small, child(server, "large")]).invoke("hello")
    assert (message.text, the_route(message).action) == (DRAFT, "accept")


def test_one_model_with_other_instructions_may_be_both(server: OpenAIServer) -> None:
    script(server, "accept")
    shared = child(server, "small")
    model = AutoMixChatModel(models=[shared, shared], verifier=SelfVerifier(k=2))
    assert model.invoke("hello").text == DRAFT


def test_with_listeners_and_assign(server: OpenAIServer) -> None:
    script(server, "escalate")
    ended: list[Any] = []
    model = cascade(server).with_listeners(on_end=lambda run: ended.append(run.name))
    assert model.invoke("hello").text == LARGE
    assert ended == ["AutoMixChatModel"]


def test_a_list_of_fakes_needs_no_provider() -> None:
    small = GenericFakeChatModel(messages=iter([AIMessage("draft")] * 2))
    large = GenericFakeChatModel(messages=iter([AIMessage("answer")] * 2))
    model = AutoMixChatModel(models=[small, large], verifier=lambda *case: 0.9)
    assert (PROMPT | model | StrOutputParser()).invoke(INPUT) == "draft"
