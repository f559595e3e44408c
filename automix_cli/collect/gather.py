"""Several calls at a time, of which one may fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from automix_cli.collect.system import CallError

Result = TypeVar("Result")


async def all_of(jobs: Iterable[Callable[[], Coroutine[Any, Any, Result]]]) -> list[Result]:
    """The results of all jobs. Raises the first `CallError` once all have ended: what is under way is paid for."""
    failed: list[CallError] = []

    async def tried(job: Callable[[], Coroutine[Any, Any, Result]]) -> list[Result]:
        try:
            return [await job()]
        except CallError as error:
            failed.append(error)
            return []

    results = await asyncio.gather(*map(tried, jobs))
    if failed:
        raise failed[0]
    return [result for some in results for result in some]
