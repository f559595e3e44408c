"""Every token once: the bill, the callback, the message, the route and the traces agree."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client

from automix_core.policies.always import Always
from langchain_automix import AutoMixChatModel, SelfVerifier, route_of
from tests.langchain.cascades import KEPT, PATHS, Path, cascade, child, script
from tests.loopback import LangSmithCollector, OpenAIServer, Quirks, Reply
from tests.loopback.streams import INPUT as ASKED
from tests.loopback.streams import MESSAGES as GRAPH_ASKED
from tests.loopback.streams import agent, chain, graph

Tokens = tuple[int, int]


@pytest.fixture
def tracing(collector: LangSmithCollector) -> Iterator[tuple[Client, RunnableConfig]]:
    client = collector.client()
    yield client, {"callbacks": [LangChainTracer(client=client)]}
    client.close()


def of(usage: UsageMetadata | None) -> Tokens:
    assert usage is not None
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    return usage["input_tokens"], usage["output_tokens"]


def plus(*parts: Tokens) -> Tokens:
    return sum(part[0] for part in parts), sum(part[1] for part in parts)


def traced(collector: LangSmithCollector) -> Tokens:
    """The sum that LangSmith shows: over the model runs of all traces."""
    return plus(*(node.usage for node in collector.nodes() if node.kind == "llm" and node.usage is not None))


def answers(model: Any, how: str, config: RunnableConfig) -> list[AIMessage]:
    """The messages that a caller gets; chunks are added up."""
    if how == "invoke":
        return [model.invoke("hello", config)]
    if how == "ainvoke":
        return [asyncio.run(model.ainvoke("hello", config))]
    if how == "batch":
        return list(model.batch(["hello", "hey"], config))
    if how == "abatch":
        return list(asyncio.run(model.abatch(["hello", "hey"], config)))
    if how == "stream":
        return [_sum(list(model.stream("hello", config)))]

    async def read() -> list[AIMessageChunk]:
        return [chunk async for chunk in model.astream("hello", config)]

    return [_sum(asyncio.run(read()))]


def _sum(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


HOW = ("invoke", "ainvoke", "batch", "abatch", "stream", "astream")


@pytest.mark.parametrize("samples", ["one request", "separate requests"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", HOW)
def test_five_ledgers_agree(
    server: OpenAIServer,
    collector: LangSmithCollector,
    tracing: tuple[Client, RunnableConfig],
    how: str,
    path: Path,
    samples: str,
) -> None:
    client, config = tracing
    script(server, path)
    if samples == "one request":
        model = cascade(server, k=3)
    else:
        model = cascade(server, verifier=SelfVerifier(model=child(server, "checker").with_retry(), k=3))
    with get_usage_metadata_callback() as reported:
        given = answers(model, how, config)
    client.flush()
    # three verdicts that say correct are drawn in rounds of one and two; one that says incorrect settles it
    assert len(server.calls(verdict=True)) == (3 if samples != "one request" and path == "accept" else 1) * len(given)
    bill = server.tokens()
    assert bill[1] > 0
    assert plus(*(of(usage) for usage in reported.usage_metadata.values())) == bill
    for name, usage in reported.usage_metadata.items():
        assert of(usage) == server.tokens(name)
    assert plus(*(of(message.usage_metadata) for message in given)) == bill
    assert traced(collector) == bill
    totals = [route_of(message).usage["total"] for message in given]
    assert plus(*((total["input_tokens"], total["output_tokens"]) for total in totals if total)) == bill


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", HOW[:1] + HOW[4:])
def test_the_route_says_whose_tokens_they_were(server: OpenAIServer, how: str, path: Path) -> None:
    script(server, path)
    (message,) = answers(cascade(server, k=3), how, {})
    route = route_of(message)
    parts = {
        "draft": [bill for bill in server.billed if bill.model == "small" and not bill.verdict],
        "verify": [bill for bill in server.billed if bill.verdict],
        "answer": [bill for bill in server.billed if bill.model == "large"],
    }
    usage = route.to_dict()["usage"]
    for name, bills in parts.items():
        used = plus(*((bill.input_tokens, bill.output_tokens) for bill in bills))
        assert usage[name] == {"input_tokens": used[0], "output_tokens": used[1], "total_tokens": sum(used)}
    small, large = usage["by_model"]
    assert (small["input_tokens"], small["output_tokens"]) == server.tokens("small")
    assert (large["input_tokens"], large["output_tokens"]) == server.tokens("large")
    assert route.usage_estimated is False


@pytest.mark.parametrize("how", HOW)
def test_a_nested_cascade_counts_once(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], how: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    inner = cascade(server)
    model = cascade(server, models=[inner, child(server, "largest")])
    with get_usage_metadata_callback() as reported:
        given = answers(model, how, config)
    client.flush()
    bill = server.tokens()
    assert plus(*(of(usage) for usage in reported.usage_metadata.values())) == bill
    assert plus(*(of(message.usage_metadata) for message in given)) == bill
    assert traced(collector) == bill


@pytest.mark.parametrize("how", HOW)
def test_three_models(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], how: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    model = cascade(server, models=[child(server, name) for name in ("small", "middle", "large")])
    with get_usage_metadata_callback() as reported:
        given = answers(model, how, config)
    client.flush()
    assert plus(*(of(usage) for usage in reported.usage_metadata.values())) == server.tokens()
    assert plus(*(of(message.usage_metadata) for message in given)) == server.tokens()
    assert traced(collector) == server.tokens()
    for message in given:
        route = route_of(message)
        assert [step["do"] for step in route.steps] == ["draft", "verify", "draft", "verify", "finish"]


@pytest.mark.parametrize("where", ["chain", "graph", "agent"])
def test_inside_hosts(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], where: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    model = cascade(server)
    with get_usage_metadata_callback() as reported:
        if where == "chain":
            assert list(chain(model).stream(ASKED, config))
        elif where == "graph":
            assert list(graph(model).stream(GRAPH_ASKED, config, stream_mode="messages"))
        else:
            agent(model).invoke({"messages": [("user", "hello")]}, config)
    client.flush()
    assert plus(*(of(usage) for usage in reported.usage_metadata.values())) == server.tokens()
    assert traced(collector) == server.tokens()


def test_fewer_choices_than_asked_are_made_up_and_counted(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig]
) -> None:
    client, config = tracing
    script(server, "accept")
    server.quirks["small"] = Quirks(max_choices=2)
    with get_usage_metadata_callback() as reported:
        message = cascade(server, k=5).invoke("hello", config)
    client.flush()
    route = route_of(message)
    assert route.verdicts["correct"] == 5
    assert [bill.n for bill in server.billed if bill.verdict] == [2, 1, 1, 1]
    assert of(message.usage_metadata) == server.tokens() == traced(collector)
    assert of(reported.usage_metadata["small"]) == server.tokens()


def test_a_server_that_bills_one_choice_of_n_is_marked(server: OpenAIServer) -> None:
    script(server, "accept")
    server.quirks["small"] = Quirks(usage_of_one_choice=True)
    route = route_of(cascade(server, k=8).invoke("hello"))
    assert route.usage_estimated
    verify = [bill for bill in server.billed if bill.verdict]
    assert route.to_dict()["usage"]["verify"]["output_tokens"] == verify[0].output_tokens


def test_details_of_usage_survive(server: OpenAIServer) -> None:
    script(server, "escalate")
    server.say("small", Reply("A draft.", cached_tokens=1))
    server.say("large", Reply("An answer.", cached_tokens=1, reasoning_tokens=1))
    for message in (cascade(server).invoke("hello"), _sum(list(cascade(server).stream("hello")))):
        usage = message.usage_metadata
        assert usage is not None
        assert usage["input_token_details"]["cache_read"] == 2
        assert usage["output_token_details"]["reasoning"] == 1


def test_a_provider_that_reports_nothing_leaves_the_sum_unknown(server: OpenAIServer) -> None:
    script(server, "escalate")
    server.say("large", Reply("No usage reported.", usage=False))
    message = cascade(server).invoke("hello")
    route = route_of(message)
    assert route.usage["total"] is None
    assert route.usage["answer"] is None
    assert route.usage["draft"] is not None
    assert message.usage_metadata is None, "a sum with a hole would read as a smaller bill"


@pytest.mark.parametrize("how", HOW[:4])
def test_cache_hits_add_nothing(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], how: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    model = cascade(server, cache=InMemoryCache())
    answers(model, how, config)
    client.flush()
    bill = server.tokens()
    assert traced(collector) == bill
    with get_usage_metadata_callback() as reported:
        again = answers(model, how, config)
    client.flush()
    assert server.tokens() == bill, "the second call was served from the cache"
    assert traced(collector) == bill
    assert plus(*(of(usage) for usage in reported.usage_metadata.values())) == (0, 0)
    for message in again:
        usage: Any = message.usage_metadata
        assert usage["total_cost"] == 0, "core's mark of a hit stays"


def test_a_childs_own_cache_hit_adds_nothing(server: OpenAIServer) -> None:
    script(server, "escalate")
    cached = child(server, "small", cache=InMemoryCache())
    model = cascade(server, models=[cached, child(server, "large")])
    model.invoke("hello")
    before = server.tokens()
    with get_usage_metadata_callback() as reported:
        message = model.invoke("hello")
    after = server.tokens()
    spent = after[0] - before[0], after[1] - before[1]
    assert len(server.calls("small", verdict=False)) == 1
    assert of(message.usage_metadata) == spent
    assert plus(*(of(usage) for usage in reported.usage_metadata.values())) == spent
    route = route_of(message)
    assert route.usage["draft"] == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


def test_a_failed_large_model_leaves_the_small_ones_tokens_in_the_books(server: OpenAIServer) -> None:
    script(server, "accept")
    server.fail("small", Reply(status=500), when=lambda request: request.asks_for_verdict)
    message = cascade(server).invoke("hello")
    assert of(message.usage_metadata) == server.tokens()


def test_skipping_the_small_model_costs_nothing_extra(server: OpenAIServer) -> None:
    script(server, "accept")
    for how in HOW:
        server.clear()
        given = answers(cascade(server, policy=Always(-1)), how, {})
        assert plus(*(of(message.usage_metadata) for message in given)) == server.tokens() == server.tokens("large")


@pytest.mark.filterwarnings("ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_v3_carries_the_total_in_the_record(server: OpenAIServer) -> None:
    """The v3 message is made before its callbacks end, so its own usage is zero; the record has the sum."""
    script(server, "escalate")
    with get_usage_metadata_callback() as reported:
        stream = cascade(server).stream_events("hello", version="v3")
        list(stream)
    route = route_of(stream.output)
    total = route.to_dict()["usage"]["total"]
    assert (total["input_tokens"], total["output_tokens"]) == server.tokens()
    assert plus(*(of(usage) for usage in reported.usage_metadata.values())) == server.tokens()


def test_children_without_usage_and_without_names(server: OpenAIServer) -> None:
    small = GenericFakeChatModel(messages=iter([AIMessage("draft")]))
    model = AutoMixChatModel(models=[small, child(server, "large")], verifier=lambda *case: [False])
    message = model.invoke("hello")
    route = route_of(message)
    assert route.usage["draft"] is None
    assert route.usage["total"] is None
    assert route.usage["by_model"][1] is not None


def test_usage_adds_up_over_a_conversation(server: OpenAIServer) -> None:
    server.verdicts(KEPT["accept"], KEPT["escalate"])
    model = cascade(server)
    total: UsageMetadata | None = None
    history: list[Any] = []
    for turn in ("one", "two", "three"):
        history.append(("user", turn))
        message = model.invoke(history)
        total = add_usage(total, message.usage_metadata)
        history.append(message)
    assert of(total) == server.tokens()
