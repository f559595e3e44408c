"""`automix collect --engine ray` where there is no Ray: what it can't do is said before anything is paid."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from automix_cli.collect import cluster
from automix_cli.collect.cluster import Asker, Cluster
from automix_core.outcomes.outcome import read_outcomes
from tests.cli.test_collect import command, server  # noqa: F401 - a fixture
from tests.loopback import OpenAIServer


def test_without_ray_the_extra_is_named(
    server: OpenAIServer,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "automix-rag[ray]" in command(server, tmp_path, "--engine=ray", fails=2).stderr
    assert not server.requests


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--engine=dask"], "--engine must be local or ray"),
        (["--workers=2"], "--workers and --address are of --engine ray"),
        (["--engine=ray", "--model=tiny=embedded:0.5b"], "embedded models"),
    ],
)
def test_what_cannot_be_is_bad_use(
    server: OpenAIServer,  # noqa: F811
    tmp_path: Path,
    more: list[str],
    told: str,
) -> None:
    assert told in command(server, tmp_path, *more, fails=2).stderr


class EndedError(Exception):
    """What Ray raises where a worker has ended."""


class Handle:
    """A worker's method as Ray has it, in this process; each call in `ends` ends the worker."""

    def __init__(self, call: Any, ends: set[int]) -> None:
        self._call, self._ends, self.calls = call, ends, 0

    async def remote(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls in self._ends:
            raise EndedError
        return await self._call(*arguments)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """As much of Ray as is used, without processes: the real one is used in tests/ray."""
    made: Any = types.ModuleType("ray")
    made.exceptions = types.SimpleNamespace(RayError=EndedError)
    made.asked, made.ended, made.ends = {}, [], [{3}, {2, 5}]

    def worker() -> Any:
        asker, place = Asker(), len(made.ended) % 2
        made.ended.append(asker)
        return types.SimpleNamespace(ready=Handle(asker.ready, {1}), ask=Handle(asker.ask, made.ends[place]))

    actor = types.SimpleNamespace(options=lambda **_: types.SimpleNamespace(remote=worker))
    made.init = lambda **settings: made.asked.update(settings)
    made.remote, made.kill, made.shutdown = (lambda _: actor), (lambda _: None), (lambda: None)
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setattr(cluster, "_AGAIN", 0.01)
    yield made
    for asker in made.ended:
        for client in asker._clients.values():
            asyncio.run(client.aclose())


def test_requests_go_through_workers_and_are_sent_again_where_one_ends(
    server: OpenAIServer,  # noqa: F811
    tmp_path: Path,
    ray: Any,
) -> None:
    command(server, tmp_path, "--engine=ray", "--workers=2", "--concurrency=1")
    assert len(read_outcomes(tmp_path / "outcomes.jsonl")) == 3
    assert ray.asked["num_cpus"] == 2


async def test_failures_are_told_as_on_the_worker(ray: Any) -> None:
    ray.ends = [set(), set()]
    with Cluster(1) as found:
        async with found:
            assert await found.processes()
            for url, kind in (("http://127.0.0.1:1/", httpx.ConnectError), ("nothing://x", httpx.UnsupportedProtocol)):
                with pytest.raises(kind):
                    await found.send(httpx.Request("GET", url), False)


async def test_without_a_worker_alive_a_request_fails(ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE", 0.05)
    monkeypatch.setattr(cluster, "_AGAIN", 10)
    with Cluster(1) as found:
        async with found:
            with pytest.raises(httpx.ConnectError, match="no worker"):
                await found.send(httpx.Request("GET", "http://127.0.0.1:1/"), False)


def test_no_cluster_is_said_in_one_sentence(
    server: OpenAIServer,  # noqa: F811
    tmp_path: Path,
    ray: Any,
) -> None:
    def refuse(**_: Any) -> None:
        raise ConnectionError("Nobody there.\nTry again")

    ray.init = refuse
    there = server.url.removeprefix("http://").partition("/")[0]
    told = command(server, tmp_path, "--engine=ray", f"--address={there}", fails=2).stderr
    assert f"No Ray cluster can be used at {there} (Nobody there)." in told


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "ray://[::1]:1"])
def test_where_nothing_listens_ray_is_not_asked(
    server: OpenAIServer,  # noqa: F811
    tmp_path: Path,
    ray: Any,
    address: str,
) -> None:
    """It would try for minutes."""
    told = command(server, tmp_path, "--engine=ray", f"--address={address}", fails=2).stderr
    assert f"No Ray cluster can be used at {address} (" in told
    assert ray.asked == {}
    assert server.requests == []


def test_outcomes_are_collected_as_parquet(server: OpenAIServer, tmp_path: Path) -> None:  # noqa: F811
    pytest.importorskip("pyarrow")
    command(server, tmp_path)
    expected = [outcome.record() for outcome in read_outcomes(tmp_path / "outcomes.jsonl")]
    (tmp_path / "outcomes.jsonl.journal").rename(tmp_path / "outcomes.parquet.journal")
    command(server, tmp_path, "-o", tmp_path / "outcomes.parquet")
    assert [outcome.record() for outcome in read_outcomes(tmp_path / "outcomes.parquet")] == expected
