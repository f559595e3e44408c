"""Any other way of checking: a function, sync or async, or a Runnable, in the place of a `SelfVerifier`."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from automix_core.checking.custom import CheckFunction, Results, case_of, is_async, waited
from automix_core.checking.query import Query
from automix_core.errors import ConfigError
from automix_core.routing.effects import Checks


class CustomVerifier:
    """Runs a user's verifier as a traced step and reads what it returns.

    A function is called as `(context, question, answer, n)` and returns n verdicts or one direct confidence. A Runnable
    gets the dict that `SelfVerifier` takes, with `n`. Either may return `SelfVerifier`'s dict too, and may name its own
    `k`, the most verdicts it is asked for on one draft. Its tokens are not known to the route, whose sums are then
    unknown.
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
        self._results = Results(verifier)
        self.k = self._results.k
        self._step: Runnable[Any, Any] = verifier if isinstance(verifier, Runnable) else _step(verifier)

    def check(self, query: Query, answer: str, n: int, config: RunnableConfig) -> Checks:
        """`n` verdicts, or a direct confidence."""
        return Checks(self._results.read(self._step.invoke(case_of(query, answer, n), config), n)[0])

    async def acheck(self, query: Query, answer: str, n: int, config: RunnableConfig) -> Checks:
        """`check`, awaited."""
        return Checks(self._results.read(await self._step.ainvoke(case_of(query, answer, n), config), n)[0])


def _step(function: CheckFunction) -> Runnable[Any, Any]:
    awaits = is_async(function)
    name = getattr(function, "__name__", type(function).__name__)

    def call(case: dict[str, Any]) -> Any:
        return function(case["context"], case["question"], case["answer"], case["n"])

    async def acall(case: dict[str, Any]) -> Any:
        result = call(case) if awaits else await asyncio.to_thread(call, case)
        return await result if inspect.isawaitable(result) else result

    def wait(case: dict[str, Any]) -> Any:
        result = call(case)
        return waited(result) if inspect.isawaitable(result) else result

    return RunnableLambda(wait, afunc=acall, name=name)
