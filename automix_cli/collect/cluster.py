"""`automix collect --engine ray`: requests are sent by workers of a Ray cluster, and all else stays in one process.

The process that was started keeps the journal, counts the requests in flight over all workers and tries again what
failed, so records and resuming are those of a run without Ray. A worker that ends takes with it the requests that it
had in flight: these are sent again by another, and may be paid twice; it is started anew.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import ExitStack, redirect_stdout
from types import TracebackType
from typing import Any, Self

import httpx

from automix_core.endpoint.endpoint import TIMEOUT
from automix_core.errors import ConfigError

_PATIENCE = 120.0
"""Seconds that a request waits for a worker where none is alive."""
_AGAIN = 0.5
_LEFT_OUT = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Asker:
    """What runs on a worker: it sends requests and tells the replies."""

    def __init__(self) -> None:
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def ready(self) -> int:
        """The worker's process, once it is there."""
        return os.getpid()

    async def ask(
        self, method: str, url: str, headers: list[tuple[bytes, bytes]], content: bytes, from_environment: bool
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes] | tuple[str, str]:
        """Status, headers and body of a reply; or the kind of failure and what it said."""
        try:
            if from_environment not in self._clients:
                self._clients[from_environment] = httpx.AsyncClient(
                    timeout=TIMEOUT, trust_env=from_environment, limits=httpx.Limits(max_connections=None)
                )
            client = self._clients[from_environment]
            reply = await client.request(method, url, headers=headers, content=content)
        except (httpx.RequestError, OSError, ValueError) as error:
            return type(error).__name__, str(error)
        kept = [(name, value) for name, value in reply.headers.raw if name.decode().lower() not in _LEFT_OUT]
        return reply.status_code, kept, reply.content


class Cluster:
    """Workers of the Ray cluster at `address`, or of one that is started on this computer where none is given.

    Raises `ConfigError` where Ray is not installed or no cluster is found.
    """

    def __init__(self, workers: int, address: str | None = None) -> None:
        self._count, self._address = workers, address
        self._stack = ExitStack()
        self._workers: list[Any] = []
        self._busy = [0] * workers
        self._up: list[asyncio.Event] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Join the cluster."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports nothing home of our runs
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_worker_niceness", "0")  # workers wait; at Ray's 15 a busy machine starves them
        try:
            import ray
        except ImportError:
            raise ConfigError("--engine ray needs Ray: pip install 'automix-rag[ray]'.") from None
        self._ray = ray
        here: dict[str, Any] = {} if self._address or os.environ.get("RAY_ADDRESS") else {"num_cpus": self._count}
        here |= {"include_dashboard": False} if here else {}
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(sys.stderr))  # Ray prints there that a worker has died
            try:
                _knock(self._address or os.environ.get("RAY_ADDRESS"))
                ray.init(address=self._address, log_to_driver=False, logging_level="error", **here)
            except (OSError, RuntimeError, ValueError) as error:
                why, where = str(error).splitlines()[0].rstrip("."), self._address or "this computer"
                raise ConfigError(f"No Ray cluster can be used at {where} ({why}).") from None
            stack.callback(ray.shutdown)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it; one that was started here ends."""
        self._stack.close()

    async def __aenter__(self) -> Self:
        """Start the workers, spread over the machines."""
        remote = self._ray.remote(Asker).options(
            num_cpus=0, max_restarts=-1, max_concurrency=1_000, scheduling_strategy="SPREAD"
        )
        self._workers = [remote.remote() for _ in range(self._count)]
        self._up = [asyncio.Event() for _ in self._workers]
        for place in range(self._count):
            self._wake(place)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the workers go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            self._ray.kill(worker)

    def _wake(self, place: int) -> None:
        task = asyncio.create_task(self._until_up(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_up(self, place: int) -> None:
        """Wait for a worker that is being started, at first or anew."""
        while True:
            try:
                await self._workers[place].ready.remote()
            except self._ray.exceptions.RayError:
                await asyncio.sleep(_AGAIN)
            else:
                self._up[place].set()
                return

    async def processes(self) -> list[int]:
        """The workers' processes, once all are there."""
        await asyncio.gather(*(event.wait() for event in self._up))
        return [await worker.ready.remote() for worker in self._workers]

    async def send(self, request: httpx.Request, from_environment: bool) -> httpx.Response:
        """Have the worker with the fewest requests send this one. Raises `httpx.RequestError` where that fails."""
        content = await request.aread()
        place = await self._free(request)
        self._busy[place] += 1
        try:
            told = await self._workers[place].ask.remote(
                request.method, str(request.url), list(request.headers.raw), content, from_environment
            )
        except self._ray.exceptions.RayError:
            if self._up[place].is_set():
                self._up[place].clear()
                self._wake(place)
            raise httpx.ReadError("the worker that asked has ended", request=request) from None
        finally:
            self._busy[place] -= 1
        if isinstance(told[0], str):
            raise _failure(told[0], told[1], request)
        status, headers, body = told
        return httpx.Response(status, headers=headers, content=body, request=request)

    async def _free(self, request: httpx.Request) -> int:
        waits = [asyncio.ensure_future(event.wait()) for event in self._up]
        try:
            await asyncio.wait(waits, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        up = [place for place, event in enumerate(self._up) if event.is_set()]
        if not up:
            raise httpx.ConnectError("no worker of the cluster is alive", request=request)
        return min(up, key=self._busy.__getitem__)


class OnCluster(httpx.AsyncBaseTransport):
    """A client's way to its server that begins at one of the cluster's workers."""

    def __init__(self, cluster: Cluster, from_environment: bool) -> None:
        self._cluster, self._from_environment = cluster, from_environment

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it from a worker."""
        return await self._cluster.send(request, self._from_environment)


def _failure(kind: str, words: str, request: httpx.Request) -> Exception:
    """The same error as on the worker, as far as httpx has it; another counts as one of reading."""
    known = getattr(httpx, kind, None)
    if isinstance(known, type) and issubclass(known, httpx.RequestError):
        return known(words, request=request)
    return httpx.ReadError(f"{kind}: {words}", request=request)


def _knock(address: str | None) -> None:
    """Raise `OSError` unless something listens at a HOST:PORT: Ray itself tries for minutes before it says so."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
