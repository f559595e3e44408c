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


def call(name: str = "") -> None:
    """What an adapter does for one call."""
    route: Any = name  # only ever handed on
    collect(route, collectors())


def in_thread(work: Callable[..., Any], *args: Any) -> None:
    thread = threading.Thread(target=work, args=args)
    thread.start()
    thread.join()


def in_copied_context(work: Callable[..., Any], *args: Any) -> None:
    in_thread(copy_context().run, work, *args)


def in_executor(work: Callable[..., Any], *args: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        pool.submit(work, *args).result()


def in_thread_of_a_thread(work: Callable[..., Any], *args: Any) -> None:
    in_thread(in_thread, work, *args)


def in_task(work: Callable[..., Any], *args: Any) -> None:
    async def task() -> None:
        await asyncio.create_task(_awaited(work, *args))

    asyncio.run(task())


def in_to_thread(work: Callable[..., Any], *args: Any) -> None:
    asyncio.run(asyncio.to_thread(work, *args))


def in_loops_executor(work: Callable[..., Any], *args: Any) -> None:
    async def task() -> None:
        await asyncio.get_running_loop().run_in_executor(None, work, *args)

    asyncio.run(task())


async def _awaited(work: Callable[..., Any], *args: Any) -> None:
    await asyncio.sleep(0)
    work(*args)


def here(work: Callable[..., Any], *args: Any) -> None:
    work(*args)


WAYS = [
    here,
    in_thread,
    in_copied_context,
    in_executor,
    in_thread_of_a_thread,
    in_task,
    in_to_thread,
    in_loops_executor,
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
        in_thread(call, "one")
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
            in_thread(call, "whose?")  # three blocks are open: it can't be known, and nothing is guessed
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
        in_thread(block)
    assert (inside, names(outer)) == (["own"], [])


def test_a_thread_that_ran_before_the_block_is_none_of_its_business() -> None:
    begin, done = threading.Event(), threading.Event()

    def server() -> None:
        begin.wait(5)
        call("somebody else's")
        done.set()

    thread = threading.Thread(target=server)
    thread.start()
    with collect_routes() as routes:
        begin.set()
        done.wait(5)
        in_thread(call, "mine")
    thread.join()
    assert names(routes) == ["mine"]


def test_a_thread_between_two_blocks_belongs_to_the_outer_one() -> None:
    begin = threading.Event()

    def work() -> None:
        begin.wait(5)
        call("outer's")

    with collect_routes() as outer:
        thread = threading.Thread(target=work)
        thread.start()
        with collect_routes() as inner:
            begin.set()
            thread.join()
    assert (names(outer), names(inner)) == (["outer's"], [])


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
