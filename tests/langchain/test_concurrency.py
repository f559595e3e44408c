"""Many callers, one model: everybody reads their own decision, limits hold, cancellations clean up."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from openai import InternalServerError

from automix_core.routing.route import Route
from langchain_automix import SelfVerifier, collect_routes, route_of
from tests.langchain.cascades import KEPT, LARGE, cascade, child, eventually, script
from tests.loopback import OpenAIServer, Reply
from tests.loopback.request import Request


def alternate(server: OpenAIServer) -> None:
    """Even callers are kept, odd ones escalate; every answer names its caller."""

    def caller(request: Request) -> int:
        return int(request.question.split("caller-")[1][:3])

    server.say("small", lambda request: f"draft for caller-{caller(request):03d}")
    server.say("large", lambda request: f"answer for caller-{caller(request):03d}")
    server.verdicts(lambda request: KEPT["escalate" if caller(request) % 2 else "accept"])


def check(number: int, message: Any) -> None:
    route = route_of(message)
    odd = number % 2
    assert message.text == f"{'answer' if odd else 'draft'} for caller-{number:03d}"
    assert (route.action, route.model) == (("escalate", 1) if odd else ("accept", 0))
    assert route.verdicts["incorrect" if odd else "correct"] == 2


async def test_a_hundred_tasks_read_their_own_decision(server: OpenAIServer) -> None:
    alternate(server)
    model = cascade(server)
    messages = await asyncio.gather(*(model.ainvoke(f"caller-{i:03d}") for i in range(100)))
    for number, message in enumerate(messages):
        check(number, message)


def test_threads_read_their_own_decision(server: OpenAIServer) -> None:
    alternate(server)
    model = cascade(server)
    start = threading.Barrier(16)

    def call(number: int) -> Any:
        if number < 16:
            start.wait(10)
        return model.invoke(f"caller-{number:03d}")

    with ThreadPoolExecutor(16) as pool:
        for number, message in enumerate(pool.map(call, range(64))):
            check(number, message)


async def test_streams_at_the_same_time_keep_apart(server: OpenAIServer) -> None:
    alternate(server)
    model = cascade(server)

    async def read(number: int) -> Any:
        whole = None
        async for chunk in model.astream(f"caller-{number:03d}"):
            whole = chunk if whole is None else whole + chunk
        return whole

    for number, message in enumerate(await asyncio.gather(*(read(i) for i in range(40)))):
        check(number, message)


async def test_collected_routes_belong_to_their_block(server: OpenAIServer) -> None:
    alternate(server)
    model = cascade(server)

    async def block(numbers: range) -> list[Route]:
        with collect_routes() as routes:
            await model.abatch([f"caller-{i:03d}" for i in numbers])
        return list(routes)

    blocks = await asyncio.gather(block(range(10)), block(range(10, 15)), block(range(15, 16)))
    assert [len(routes) for routes in blocks] == [10, 5, 1]
    for routes, odd in zip(blocks, (5, 2, 1), strict=True):
        assert sum(route.action == "escalate" for route in routes) == odd


def test_routes_are_collected_from_batches_threads_and_streams(server: OpenAIServer) -> None:
    alternate(server)
    model = cascade(server)
    with collect_routes() as routes:
        model.invoke("caller-000")
        model.batch([f"caller-{i:03d}" for i in range(1, 5)])
        list(model.stream("caller-005"))
        asyncio.run(_read(model.astream("caller-006")))
    assert len(routes) == 7
    model.invoke("caller-007")
    assert len(routes) == 7


def test_a_stream_asked_for_in_a_block_and_begun_after_it_belongs_to_it(server: OpenAIServer) -> None:
    alternate(server)
    model = cascade(server)
    with collect_routes() as routes:
        stream, streamed = model.stream("caller-000"), model.astream("caller-001")
    with collect_routes() as others:
        list(stream)
        asyncio.run(_read(streamed))
    assert (len(routes), others) == (2, [])


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


async def test_separate_verdicts_run_together_and_never_more_than_allowed(server: OpenAIServer) -> None:
    script(server, "accept")
    server.verdicts(Reply(KEPT["accept"], delay=0.05))
    checker = child(server, "checker").with_retry()
    for concurrency, peak in ((8, 6), (3, 3)):
        model = cascade(server, verifier=SelfVerifier(model=checker, k=6), verify_concurrency=concurrency)
        for how in ("async", "sync"):
            server.clear()
            _ = await model.ainvoke("hello") if how == "async" else model.invoke("hello")
            assert server.peak <= peak
            assert server.peak > 1, "never one after the other"


async def test_a_batchs_limit_times_the_verdicts_is_the_most(server: OpenAIServer) -> None:
    script(server, "accept")
    server.verdicts(Reply(KEPT["accept"], delay=0.03))
    checker = child(server, "checker").with_retry()
    model = cascade(server, verifier=SelfVerifier(model=checker, k=3), verify_concurrency=3)
    config: RunnableConfig = {"max_concurrency": 2}
    model.batch(["hello"] * 6, config)
    await model.abatch(["hello"] * 6, config)
    assert 2 < server.peak <= 6


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("moment", ["draft", "verify", "answer"])
@pytest.mark.parametrize("how", ["cancel", "timeout"])
async def test_a_cancelled_call_leaves_nothing_behind(server: OpenAIServer, how: str, moment: str) -> None:
    script(server, "escalate")
    slow = Reply("late", delay=30)
    if moment == "verify":
        server.verdicts(slow)
    else:
        server.say("small" if moment == "draft" else "large", slow)
    model = cascade(server, verifier=SelfVerifier(model=child(server, "checker").with_retry(), k=3))
    before = {"draft": 1, "verify": 4, "answer": 5}[moment]
    if how == "cancel":
        task = asyncio.ensure_future(model.ainvoke("hello"))
        await eventually(lambda: len(server.requests) == before)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(model.ainvoke("hello"), 1.0)
    waiting = 3 if moment == "verify" else 1
    await eventually(lambda: server.disconnects == waiting)
    assert [other for other in asyncio.all_tasks() if other is not asyncio.current_task()] == []
    assert len(server.requests) == before


@pytest.mark.usefixtures("at_once")
async def test_one_broken_check_of_many_costs_one_verdict(server: OpenAIServer) -> None:
    script(server, "accept")
    server.fail("checker", Reply(status=500), times=1)
    checker = child(server, "checker").bind(user="u").with_config(tags=["t"])
    model = cascade(server, verifier=SelfVerifier(model=checker.with_retry(stop_after_attempt=1), k=4))
    for message in (model.invoke("hello"), await model.ainvoke("hello")):
        route = route_of(message)
        assert route.verdicts["correct"] + route.verdicts["failed"] == 4
        assert route.model == 0


async def test_the_event_loop_is_never_held(server: OpenAIServer) -> None:
    script(server, "escalate")
    server.verdicts(Reply(KEPT["escalate"], delay=0.2))
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    heart = asyncio.ensure_future(beat())
    model = cascade(server)
    before = beats
    await model.ainvoke("hello")
    heart.cancel()
    assert beats - before > 5


async def test_a_failing_item_fails_alone(server: OpenAIServer) -> None:
    script(server, "escalate")
    server.fail("large", Reply(status=500), when="bad item")
    model = cascade(server)
    for results in (
        model.batch(["good", "bad item", "good"], return_exceptions=True),
        await model.abatch(["good", "bad item", "good"], return_exceptions=True),
    ):
        assert [getattr(result, "text", "failed") for result in results] == [LARGE, "failed", LARGE]
        failure: object = results[1]
        assert isinstance(failure, InternalServerError)


def test_results_in_the_order_of_arrival(server: OpenAIServer) -> None:
    alternate(server)
    found = dict(cascade(server).batch_as_completed([f"caller-{i:03d}" for i in range(6)]))
    for number, message in found.items():
        check(number, message)


async def test_a_sync_call_inside_a_running_loop(server: OpenAIServer) -> None:
    script(server, "escalate")
    assert cascade(server).invoke("hello").text == LARGE


async def test_async_call_of_a_model_made_in_another_loop(server: OpenAIServer) -> None:
    script(server, "escalate")
    model = cascade(server)
    await model.ainvoke("hello")
    texts: list[str] = []
    thread = threading.Thread(target=lambda: texts.append(asyncio.run(model.ainvoke("hello")).text))
    thread.start()
    while thread.is_alive():  # noqa: ASYNC110 - a thread sets no event
        await asyncio.sleep(0.01)
    assert texts == [LARGE]
