"""Any other way of checking: a function, sync or async, in the place of a `SelfVerifier`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from llama_index_instrumentation import DispatcherSpanMixin, get_dispatcher

from automix_core.checking.custom import CheckFunction, Verdicts
from automix_core.checking.query import Query
from automix_core.checking.results import read_result
from automix_core.errors import ConfigError
from automix_core.routing.effects import Checks

from .self_verifier import Verification

dispatcher = get_dispatcher(__name__)


class CustomVerifier(DispatcherSpanMixin):
    """Runs a user's verifier in a span of its own and reads what it returns.

    The function is called as `(context, question, answer, n)` and returns n verdicts or one direct confidence. A
    blocking one runs in a thread where the call is awaited, an async one on a loop of its own where it is not. Its
    tokens are not known to the route: they count as none.
    """

    k = 8
    """The most verdicts asked for on one draft."""

    def __init__(self, function: CheckFunction) -> None:
        """Raises `ConfigError` if `function` can't be called."""
        if not callable(function):
            raise ConfigError(
                f"verifier must be a SelfVerifier or a function (context, question, answer, n), "
                f"not {type(function).__name__}."
            )
        self._function = function
        call = getattr(function, "__call__", None)  # noqa: B004 - an object may have an async __call__
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)

    def check(self, query: Query, answer: str, n: int) -> Verification:
        """`n` verdicts on `answer`, or a direct confidence."""
        return self.verify(query, answer, n)

    async def acheck(self, query: Query, answer: str, n: int) -> Verification:
        """`check`, awaited."""
        return await self.averify(query, answer, n)

    @dispatcher.span
    def verify(self, query: Query, answer: str, n: int) -> Verification:
        """`n` verdicts on `answer`, or a direct confidence."""
        result = self._function(query.context_text, query.question, answer, n)
        return _read(_waited(result) if inspect.isawaitable(result) else result, n)

    @dispatcher.span
    async def averify(self, query: Query, answer: str, n: int) -> Verification:
        """`verify`, awaited."""
        arguments = (query.context_text, query.question, answer, n)
        result = self._function(*arguments) if self._is_async else await asyncio.to_thread(self._function, *arguments)
        return _read(await result if inspect.isawaitable(result) else result, n)


def _waited(result: Awaitable[Verdicts]) -> Verdicts:
    """The result on a loop of its own, in a thread, as this one may be running a loop."""

    async def wait() -> Verdicts:
        return await result

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, wait()).result()


def _read(result: Any, n: int) -> Verification:
    tally = read_result(result, n)
    verdicts = [] if tally.probability is not None else [None if v is None else int(v) for v in result[:n]]
    return Verification(verdicts=verdicts, confidence=tally.confidence, checks=Checks(tally))
