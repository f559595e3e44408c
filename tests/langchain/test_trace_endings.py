"""A trace is finished however its call ends: by an error, a break or a cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client
from openai import InternalServerError
from urllib3 import Retry

from tests.langchain.cascades import LARGE, cascade, eventually, script
from tests.langchain.tracing import PLACES, call, drain
from tests.loopback import LangSmithCollector, OpenAIServer, Reply

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream", "v3", "v3 async"])
def test_an_error_finishes_every_run(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], how: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    server.fail("large", Reply(status=500))
    with pytest.raises(InternalServerError):
        call(cascade(server), "hello", how, config)
    client.flush()
    (root,) = collector.roots()
    assert all(node.finished for node in root.walk()), root.drawn()
    assert "500" in str(root.error)
    (answer,) = root.find("automix_answer")
    assert "500" in str(answer.error)
    others = [node for node in root.walk() if node not in (root, answer)]
    assert others
    assert not [node.name for node in others if node.error]


@pytest.mark.parametrize("how", ["stream", "astream"])
@pytest.mark.parametrize("place", ["root", "chain"])
def test_a_break_finishes_every_run(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], place: str, how: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    # No gate: LangChain's own parsers wait for one more chunk before they close, and a starved stream is an error
    server.say("large", Reply(f"{LARGE} " * 20))
    runnable, value = PLACES[place](cascade(server))

    def has_text(chunk: Any) -> bool:
        return bool(chunk if isinstance(chunk, str) else chunk.text)

    if how == "stream":
        stream = runnable.stream(value, config)
        next(chunk for chunk in stream if has_text(chunk))
        stream.close()
    else:

        async def read() -> None:
            stream = runnable.astream(value, config)
            async for chunk in stream:
                if has_text(chunk):
                    break
            await stream.aclose()

        asyncio.run(read())
    client.flush()
    (root,) = collector.roots()
    assert root.find("automix_answer")
    assert all(node.finished for node in root.walk()), root.drawn()


@pytest.mark.parametrize("moment", ["draft", "verify", "answer"])
@pytest.mark.parametrize("how", ["ainvoke", "astream"])
def test_a_cancellation_finishes_every_run(
    server: OpenAIServer, collector: LangSmithCollector, tracing: tuple[Client, RunnableConfig], how: str, moment: str
) -> None:
    client, config = tracing
    script(server, "escalate")
    slow = Reply("late", delay=30)
    if moment == "verify":
        server.verdicts(slow)
    else:
        server.say("small" if moment == "draft" else "large", slow)
    model = cascade(server)

    async def go() -> None:
        work = model.ainvoke("hello", config) if how == "ainvoke" else drain(model.astream("hello", config))
        task = asyncio.ensure_future(work)
        await eventually(lambda: len(server.requests) == {"draft": 1, "verify": 2, "answer": 3}[moment])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not [other for other in asyncio.all_tasks() if other is not asyncio.current_task()]

    asyncio.run(go())
    client.flush()
    (root,) = collector.roots()
    assert all(node.finished for node in root.walk()), root.drawn()
    assert root.error is not None


def test_a_tracing_service_that_is_down_changes_nothing(server: OpenAIServer) -> None:
    script(server, "escalate")
    with LangSmithCollector(status=500) as broken:
        client = broken.client(retry_config=Retry(total=0))
        answer = cascade(server).invoke("hello", {"callbacks": [LangChainTracer(client=client)]})
        client.flush()
        client.close()
        assert broken.posts
    assert answer.text == LARGE
