"""HTTP clients for servers on this computer: no proxy from the environment, closed when nobody uses them any more."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx


class LoopbackClient(httpx.Client):
    """A client that ignores the environment's proxies and closes its connections when it is collected."""

    def __init__(self, timeout: float) -> None:
        super().__init__(trust_env=False, timeout=timeout)

    def __del__(self) -> None:
        """Close the connections; whoever was given a client by us has no reason to."""
        with suppress(Exception):
            self.close()


class AsyncLoopbackClient(httpx.AsyncClient):
    """The same for asyncio: it is closed on the running loop, if there is one."""

    def __init__(self, timeout: float) -> None:
        super().__init__(trust_env=False, timeout=timeout)

    def __del__(self) -> None:
        """Close the connections if a loop still runs; without one they ended with theirs."""
        with suppress(Exception):
            loop = asyncio.get_running_loop()
            loop.create_task(self.aclose())  # noqa: RUF006 - nobody is left to wait for it
