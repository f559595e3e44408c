"""The loopback servers themselves, seen through the clients that the other tests use."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langchain_core.tracers.langchain import LangChainTracer
from langchain_openai import ChatOpenAI
from openai import APIConnectionError, BadRequestError, InternalServerError
from pydantic import BaseModel

from tests.loopback import Gate, LangSmithCollector, OpenAIServer, Quirks, Reply


def _model(server: OpenAIServer, **settings: object) -> ChatOpenAI:
    given = {"model": "small", "base_url": server.url, "api_key": "none", "stream_usage": True, "max_retries": 0}
    return ChatOpenAI(**{**given, **settings})


def test_the_bill_is_what_the_client_reports() -> None:
    with OpenAIServer() as server, get_usage_metadata_callback() as reported:
        model = _model(server)
        model.invoke("how are you")
        for _ in model.stream("how are you"):
            pass
        spent = reported.usage_metadata["small"]
        assert server.tokens() == (spent["input_tokens"], spent["output_tokens"])
        assert [bill.streamed for bill in server.billed] == [False, True]


def test_n_choices_are_scripted_one_by_one_and_billed_together() -> None:
    with OpenAIServer() as server:
        server.say("small", "one", "two words", "three of them")
        answer = _model(server, n=3).generate([[HumanMessage("hi")]])
        assert [each.text for each in answer.generations[0]] == ["one", "two words", "three of them"]
        assert server.tokens() == (1, 6)
        server.quirks["small"] = Quirks(max_choices=2)
        assert len(_model(server, n=3).generate([[HumanMessage("hi")]]).generations[0]) == 2


def test_a_gated_stream_waits_for_its_reader() -> None:
    with OpenAIServer() as server:
        gate = Gate()
        server.say("small", Reply("one two three", gate=gate))
        seen = []
        for chunk in _model(server).stream("hi"):
            if chunk.text:
                seen.append((chunk.text, gate.sent))
                gate.open()
        assert seen == [("one ", 1), ("two ", 2), ("three", 3)]
        assert not gate.starved


def test_faults_reach_the_client_as_a_providers_do() -> None:
    with OpenAIServer() as server:
        server.fail("small", Reply(status=503), times=1)
        server.fail("small", Reply(reset=True), times=1)
        server.quirks["warm"] = Quirks(refuse_temperature=True)
        model = _model(server)
        with pytest.raises(APIConnectionError):
            model.invoke("hi")
        with pytest.raises(InternalServerError):
            model.invoke("hi")
        with pytest.raises(BadRequestError, match="temperature"):
            _model(server, model="warm", temperature=1).invoke("hi")
        assert model.invoke("hi").text
        assert len(server.billed) == 1


def test_tools_and_schemas_are_answered_from_their_fields() -> None:
    class Cat(BaseModel):
        name: str
        lives: int

    with OpenAIServer() as server:
        for method in ("json_schema", "function_calling"):
            chain = _model(server).with_structured_output(Cat, method=method)
            assert chain.invoke("the cat 'Ada' has 9 lives") == Cat(name="Ada", lives=9)
        stopped = _model(server).invoke("hi", stop=["by"])
        assert stopped.text == "An answer "


async def test_a_client_that_leaves_is_seen() -> None:
    with OpenAIServer() as server:
        server.say("small", Reply("late", delay=5))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_model(server).ainvoke("hi"), 0.3)
        for _ in range(100):
            if server.disconnects:
                break
            await asyncio.sleep(0.02)
        assert server.disconnects == 1
        assert not server.billed


def test_the_real_langsmith_client_posts_its_trees_here() -> None:
    with OpenAIServer() as server, LangSmithCollector() as collector:
        client = collector.client()
        tracer = LangChainTracer(client=client)
        chain = _model(server) | (lambda message: message.text)
        chain.invoke("hi", config={"callbacks": [tracer], "metadata": {"thread_id": "t1"}})
        client.flush()
        (root,) = collector.roots()
        assert [node.kind for node in root.walk()] == ["chain", "llm", "chain"]
        assert all(node.finished and node.metadata["thread_id"] == "t1" for node in root.walk())
        assert root.children[0].usage == server.tokens()
        client.close()
