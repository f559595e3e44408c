"""Any other way of checking: a function, sync or async, or a Runnable, in the place of a `SelfVerifier`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeAlias

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from automix_core.checking import read_result
from automix_core.effects import Checks
from automix_core.errors import ConfigError
from automix_core.query import Query

Verdicts: TypeAlias = list[bool | None] | float
CheckFunction: TypeAlias = Callable[[str, str, str, int], Verdicts | Awaitable[Verdicts]]


class CustomVerifier:
    """Runs a user's verifier as a traced step and reads what it returns.

    A function is called as `(context, question, answer, n)` and returns n verdicts or one direct confidence. A Runnable
    gets the dict that `SelfVerifier` takes, with `n`, and may return `SelfVerifier`'s dict too. Its tokens are not
    known to the route unless they are another model's own affair: they count as none.
    """

    def __init__(self, verifier: CheckFunction | Runnable[Any, Any]) -> None:
        """Raises `ConfigError` if `verifier` is neither callable nor a Runnable."""
        if not isinstance(verifier, Runnable) and not callable(verifier):
            raise ConfigError(
                f"verifier must be a SelfVerifier, a Runnable or a function (context, question, answer, n), "
                f"not {type(verifier).__name__}."
            )
        self.verifier = verifier
        self._step: Runnable[Any, Any] = verifier if isinstance(verifier, Runnable) else _step(verifier)

    def check(self, query: Query, answer: str, n: int, config: RunnableConfig) -> Checks:
        """`n` verdicts, or a direct confidence."""
        return _read(self._step.invoke(_case(query, answer, n), config), n)

    async def acheck(self, query: Query, answer: str, n: int, config: RunnableConfig) -> Checks:
        """`check`, awaited."""
        return _read(await self._step.ainvoke(_case(query, answer, n), config), n)


def _step(function: CheckFunction) -> Runnable[Any, Any]:
    is_async = any(inspect.iscoroutinefunction(part) for part in (function, getattr(function, "__call__", None)))  # noqa: B004
    name = getattr(function, "__name__", type(function).__name__)

    def call(case: dict[str, Any]) -> Any:
        return function(case["context"], case["question"], case["answer"], case["n"])

    async def acall(case: dict[str, Any]) -> Any:
        return await call(case)

    def wait(case: dict[str, Any]) -> Any:
        """An async function under a blocking call: a loop of its own, in a thread, as this one may be running one."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, asyncio.run, acall(case)).result()

    return RunnableLambda(wait if is_async else call, afunc=acall if is_async else None, name=name)


def _case(query: Query, answer: str, n: int) -> dict[str, Any]:
    return {
        "context": query.context_text,
        "question": query.question,
        "answer": answer,
        "history": query.history,
        "instructions": query.instructions,
        "n": n,
    }


def _read(output: Any, n: int) -> Checks:
    if isinstance(output, dict):
        output = output["verdicts"] if output.get("verdicts") else output.get("confidence")
    return Checks(read_result(output, n))
