"""What a verifier of the user's own is: a function, sync or async, in place of a `SelfVerifier`."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeAlias

from ..decision import Tally
from ..errors import ConfigError
from .prompt import case_values
from .query import Query
from .results import verdicts_of
from .verdict import count

log = logging.getLogger("automix")

DEFAULT_K = 8
"""How many verdicts a verifier that names no k of its own is asked for."""

Verdicts: TypeAlias = Sequence[bool | None] | float
"""One verdict a check (None where it could not be read), or one direct confidence from 0 to 1."""

CheckFunction: TypeAlias = Callable[[str, str, str, int], Verdicts | Awaitable[Verdicts]]
"""Called as (context, question, answer, n); returns n verdicts or one direct confidence."""


class Results:
    """Reads what one verifier returns. What can't be read is told the user, in one sentence, once."""

    def __init__(self, verifier: Any) -> None:
        """Raises `ConfigError` if `verifier` names a k that can't be one."""
        self.k = k_of(verifier)
        self._told: set[str] = set()

    def read(self, result: Any, n: int) -> tuple[Tally, list[int | None]]:
        """The tally of `n` verdicts, and the verdicts; `result` may be a dict as `SelfVerifier` returns it.

        Raises `ConfigError` for what can't be read.
        """
        if isinstance(result, Mapping):
            result = result["verdicts"] if result.get("verdicts") else result.get("confidence")
        try:
            found = verdicts_of(result, n)
        except ConfigError as error:
            if str(error) not in self._told:
                self._told.add(str(error))
                log.warning("%s No draft can be checked so.", error)
            raise
        if isinstance(found, float):
            return Tally(probability=found), []
        return count(found), [None if verdict is None else int(verdict) for verdict in found]


def k_of(verifier: Any) -> int:
    """The most verdicts that `verifier` is asked for on one draft: its attribute `k`, if it has one, else 8.

    Raises `ConfigError` for a k that is no whole number from 1 on.
    """
    k = getattr(verifier, "k", DEFAULT_K)
    if isinstance(k, bool) or not hasattr(k, "__index__") or k < 1:
        raise ConfigError(f"verifier.k must be a whole number of 1 or more, not {k!r}.")
    return int(k)


def case_of(query: Query, answer: str, n: int) -> dict[str, Any]:
    """What a verifier that takes one dict gets: `SelfVerifier`'s input, and how many verdicts are wanted."""
    return {**case_values(query, answer), "n": n}


def is_async(function: Any) -> bool:
    """True for an async function, or an object with an async `__call__`."""
    return any(inspect.iscoroutinefunction(part) for part in (function, getattr(function, "__call__", None)))  # noqa: B004


def waited(result: Awaitable[Any]) -> Any:
    """The result on a loop of its own, in a thread, as this one may be running a loop."""

    async def wait() -> Any:
        return await result

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, wait()).result()
