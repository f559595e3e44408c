"""Any other way of checking: a function, sync or async, in the place of a `SelfVerifier`."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from llama_index_instrumentation import DispatcherSpanMixin, get_dispatcher

from automix_core.checking.custom import CheckFunction, Results, is_async, waited
from automix_core.checking.query import Query
from automix_core.errors import ConfigError
from automix_core.routing.effects import Checks

from .self_verifier import Verification

dispatcher = get_dispatcher(__name__)


class CustomVerifier(DispatcherSpanMixin):
    """Runs a user's verifier in a span of its own and reads what it returns.

    The function is called as `(context, question, answer, n)` and returns n verdicts or one direct confidence. A
    blocking one runs in a thread where the call is awaited, an async one on a loop of its own where it is not. It may
    name its own `k`, the most verdicts it is asked for on one draft. Its tokens are not known to the route, whose sums
    are then unknown.
    """

    def __init__(self, function: CheckFunction) -> None:
        """Raises `ConfigError` if `function` can't be called."""
        if not callable(function):
            raise ConfigError(
                f"verifier must be a SelfVerifier or a function (context, question, answer, n), "
                f"not {type(function).__name__}."
            )
        self._function, self._is_async = function, is_async(function)
        self._results = Results(function)
        self.k = self._results.k

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
        return self._read(waited(result) if inspect.isawaitable(result) else result, n)

    @dispatcher.span
    async def averify(self, query: Query, answer: str, n: int) -> Verification:
        """`verify`, awaited."""
        arguments = (query.context_text, query.question, answer, n)
        result = self._function(*arguments) if self._is_async else await asyncio.to_thread(self._function, *arguments)
        return self._read(await result if inspect.isawaitable(result) else result, n)

    def _read(self, result: Any, n: int) -> Verification:
        tally, verdicts = self._results.read(result, n)
        return Verification(verdicts=verdicts, confidence=tally.confidence, checks=Checks(tally))
