"""`collect_routes`: whose block a call belongs to, however it was started."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from contextvars import copy_context
from typing import Any

import pytest

from automix_core.routing.collecting import collect, collect_routes, collectors
from automix_core.routing.route import Route

_WHY = "it is about the threads of both frameworks, and one is not installed here"
_langchain = pytest.importorskip("langchain_core.runnables.config", reason=_WHY)
ContextThreadPoolExecutor: Any = _langchain.ContextThreadPoolExecutor
asyncio_run: Any = pytest.importorskip("llama_index.core.async_utils", reason=_WHY).asyncio_run
LlamaIndexThread: Any = pytest.importorskip("llama_index.core.types", reason=_WHY).Thread


def call(name: str = "") -> None:
    """What an adapter does for one call."""
    route: Any = name  # only ever handed on
    collect(route, collectors())


def in_bare_thread(work: Callable[..., Any], *args: Any) -> None:
    thread = threading.Thread(target=work, args=args)
    thread.start()
    thread.join()


def in_copied_context(work: Callable[..., Any], *args: Any) -> None:
    in_bare_thread(copy_context().run, work, *args)


def in_langchains_executor(work: Callable[..., Any], *args: Any) -> None:
    with ContextThreadPoolExecutor(2) as pool:
        pool.submit(work, *args).result()


def in_llamaindexs_thread(work: Callable[..., Any], *args: Any) -> None:
    thread = LlamaIndexThread(target=work, args=args)
    thread.start()
    thread.join()


def in_task(work: Callable[..., Any], *args: Any) -> None:
    async def task() -> None:
        await asyncio.create_task(_awaited(work, *args))

    asyncio.run(task())


def in_to_thread(work: Callable[..., Any], *args: Any) -> None:
    asyncio.run(asyncio.to_thread(work, *args))


def in_llamaindexs_loop(work: Callable[..., Any], *args: Any) -> None:
    """Where a loop runs already, LlamaIndex runs another in a thread."""

    async def task() -> None:
        asyncio_run(_awaited(work, *args))

    asyncio.run(task())


async def _awaited(work: Callable[..., Any], *args: Any) -> None:
    await asyncio.sleep(0)
    work(*args)


def here(work: Callable[..., Any], *args: Any) -> None:
    work(*args)


WAYS = [
    here,
    in_copied_context,
    in_langchains_executor,
    in_llamaindexs_loop,
    in_llamaindexs_thread,
    in_task,
    in_to_thread,
]


def names(routes: list[Route]) -> list[Any]:
    return list(routes)


@pytest.mark.parametrize("way", WAYS)
def test_a_call_belongs_to_the_open_block(way: Callable[..., None]) -> None:
    way(call, "before")
    with collect_routes() as routes:
        way(call, "one")
        way(call, "two")
    way(call, "after")
    assert names(routes) == ["one", "two"]


@pytest.mark.parametrize("way", WAYS)
def test_blocks_nest(way: Callable[..., None]) -> None:
    with collect_routes() as outer:
        way(call, "outer")
        with collect_routes() as inner:
            way(call, "both")
        way(call, "outer again")
    assert names(inner) == ["both"]
    assert names(outer) == ["outer", "both", "outer again"]


def test_a_block_that_breaks_is_closed() -> None:
    with pytest.raises(KeyError), collect_routes():
        raise KeyError
    with collect_routes() as routes:
        call("one")
    assert names(routes) == ["one"]


def test_a_call_belongs_to_the_blocks_open_when_it_began() -> None:
    with collect_routes() as routes:
        into = collectors()
    collect("late", into)  # type: ignore[arg-type]
    assert names(routes) == ["late"]


async def test_tasks_side_by_side_do_not_see_each_other() -> None:
    async def block(name: str) -> list[Any]:
        with collect_routes() as routes:
            for _ in range(3):
                await _awaited(call, name)
                await asyncio.gather(_awaited(call, name), asyncio.to_thread(call, name))
        return names(routes)

    for name, found in zip("abc", await asyncio.gather(*map(block, "abc")), strict=True):
        assert found == [name] * 9


def test_threads_side_by_side_do_not_see_each_other() -> None:
    barrier = threading.Barrier(3)

    def block(name: str) -> list[Any]:
        barrier.wait(5)
        with collect_routes() as routes:
            barrier.wait(5)
            call(name)
            in_copied_context(call, name)
            in_bare_thread(call, "whose?")
            barrier.wait(5)
        return names(routes)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(block, "abc")) == [["a"] * 2, ["b"] * 2, ["c"] * 2]


def test_a_thread_with_its_own_block_keeps_it_to_itself() -> None:
    inside: list[Any] = []

    def block() -> None:
        with collect_routes() as routes:
            call("own")
        inside.extend(routes)

    with collect_routes() as outer:
        in_bare_thread(block)
    assert (inside, names(outer)) == (["own"], [])


def test_another_threads_call_is_not_the_blocks_own() -> None:
    """Two threads of one server: the second request's call must not land on the first one's bill."""
    with collect_routes() as routes:
        in_bare_thread(call, "another request's")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(call, "another request's").result()
        call("mine")
    assert names(routes) == ["mine"]


def test_blocks_may_close_in_any_order() -> None:
    first, second = ExitStack(), ExitStack()
    outer = first.enter_context(collect_routes())
    inner = second.enter_context(collect_routes())
    first.close()
    call("inner's")
    second.close()
    call("nobody's")
    assert (names(outer), names(inner)) == ([], ["inner's"])


async def test_a_block_of_an_async_generator_may_close_in_another_context() -> None:
    @asynccontextmanager
    async def fixture() -> AsyncIterator[list[Route]]:
        with collect_routes() as routes:
            yield routes

    stack = AsyncExitStack()
    routes = await asyncio.create_task(stack.enter_async_context(fixture()))
    await asyncio.create_task(stack.aclose())
    call("after")
    assert routes == []
