"""Any other way of checking: a function, sync or async, or a Runnable, in the place of a `SelfVerifier`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from automix_core.checking.custom import CheckFunction, Verdicts
from automix_core.checking.query import Query
from automix_core.checking.results import read_result
from automix_core.errors import ConfigError
from automix_core.routing.effects import Checks


class CustomVerifier:
    """Runs a user's verifier as a traced step and reads what it returns.

    A function is called as `(context, question, answer, n)` and returns n verdicts or one direct confidence. A Runnable
    gets the dict that `SelfVerifier` takes, with `n`, and may return `SelfVerifier`'s dict too. Its tokens are not
    known to the route, whose sums are then unknown.
    """

    def __init__(self, verifier: CheckFunction | Runnable[Any, Any]) -> None:
        """Raises `ConfigError` if `verifier` is neither a function nor a Runnable that could check."""
        if isinstance(verifier, BaseLanguageModel):
            raise ConfigError("verifier must check, which a model alone does not; pass SelfVerifier(model=...).")
        if isinstance(verifier, type) or not (isinstance(verifier, Runnable) or callable(verifier)):
            kind = "a class" if isinstance(verifier, type) else type(verifier).__name__
            raise ConfigError(
                f"verifier must be a SelfVerifier, a Runnable or a function (context, question, answer, n), not {kind}."
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
        result = call(case) if is_async else await asyncio.to_thread(call, case)
        return await result if inspect.isawaitable(result) else result

    def wait(case: dict[str, Any]) -> Any:
        result = call(case)
        return _waited(result) if inspect.isawaitable(result) else result

    return RunnableLambda(wait, afunc=acall, name=name)


def _waited(result: Awaitable[Verdicts]) -> Verdicts:
    """The result on a loop of its own, in a thread, as this one may be running a loop."""

    async def wait() -> Verdicts:
        return await result

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, wait()).result()


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
