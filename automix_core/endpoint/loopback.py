"""HTTP clients for servers on this computer: no proxy from the environment, closed when nobody uses them any more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def clients(timeout: float) -> tuple[httpx.Client, httpx.AsyncClient]:
    """A client that ignores the environment's proxies and closes its connections when it is collected, and its
    asynchronous twin, which is closed on the running loop, if there is one.

    httpx is there wherever a client of OpenAI's is, and only then is this called.
    """
    plain, awaited = _kinds()
    return plain(trust_env=False, timeout=timeout), awaited(trust_env=False, timeout=timeout)


@cache
def _kinds() -> tuple[type[httpx.Client], type[httpx.AsyncClient]]:
    import httpx

    class LoopbackClient(httpx.Client):
        def __del__(self) -> None:
            with suppress(Exception):  # whoever was given a client by us has no reason to close it
                self.close()

    class AsyncLoopbackClient(httpx.AsyncClient):
        def __del__(self) -> None:
            with suppress(Exception):  # without a running loop the connections ended with theirs
                loop = asyncio.get_running_loop()
                loop.create_task(self.aclose())  # noqa: RUF006 - nobody is left to wait for it

    return LoopbackClient, AsyncLoopbackClient
