"""The endpoint as a Ray Serve application on a local Ray: two replicas, one of them killed under load."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from automix_core.errors import ConfigError
from tests.loopback import OpenAIServer, Reply

pytest.importorskip("ray.exceptions", reason="Ray is not installed (the extra ray)")
ray = pytest.importorskip("ray")

KEY = "a-key-of-a-client"
BODY = {"model": "cascade", "messages": [{"role": "user", "content": "Built by Oda Verrin.\n\nWho built it?"}]}
pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]


def written(folder: Path, url: str) -> Path:
    path = folder / "cascade.toml"
    models = "".join(f'[[model]]\nname = "{name}"\nurl = "{url}#{name}"\n' for name in ("small", "large"))
    path.write_text(f"[verify]\nk = 2\n{models}")
    return path


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.say("small", Reply("Oda Verrin.", delay=0.2))
        server.verdicts("Verdict: correct")
        yield server


@pytest.fixture
def url(tmp_path: Path, provider: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from ray import serve

    from automix_cli.serve.ray import application

    monkeypatch.setenv("AUTOMIX_SERVE_KEYS", KEY)
    monkeypatch.setenv("RAY_worker_niceness", "0")  # at Ray's 15 a busy machine starves its workers
    for patience in ("PROXY_READY_CHECK_TIMEOUT_S", "PROXY_HEALTH_CHECK_TIMEOUT_S"):
        monkeypatch.setenv(f"RAY_SERVE_{patience}", "120")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        serve.run(application(written(tmp_path, provider.url), replicas=2), name="automix", route_prefix="/")
        yield f"http://127.0.0.1:{port}/v1/chat/completions"
        serve.shutdown()
    finally:
        ray.shutdown()


def replicas() -> list[int]:
    """The processes that serve."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if (each / "cmdline").read_bytes().startswith(b"ray::ServeReplica:automix:"):
                found.append(int(each.name))
        except OSError:
            continue
    return found


def ask(url: str, key: str = KEY) -> str:
    """The status that the caller sees, or how the connection broke."""
    try:
        reply = httpx.post(url, json=BODY, headers={"authorization": f"Bearer {key}"}, timeout=120, trust_env=False)
    except httpx.TransportError as error:
        return type(error).__name__
    if reply.status_code == 200:
        assert reply.json()["automix"]["action"] == "accept"
    return str(reply.status_code)


def test_a_replica_killed_under_load_loses_nothing_in_silence(url: str, provider: OpenAIServer) -> None:
    assert ask(url, "a-wrong-key") == "401"
    assert provider.requests == []
    before = replicas()
    assert len(before) == 2
    at_once, calls = 6, 90

    def call(place: int) -> str:
        if place == calls // 3:
            os.kill(before[0], signal.SIGKILL)
        return ask(url)

    with ThreadPoolExecutor(at_once) as callers:
        told = Counter(callers.map(call, range(calls)))
    assert sum(told.values()) == calls
    broken = calls - told["200"]
    assert broken <= at_once, told  # those that the dead replica was answering, each told so
    for _ in range(600):
        now = replicas()
        if len(now) == 2 and before[0] not in now:
            break
        time.sleep(0.1)
    assert len(replicas()) == 2
    assert [ask(url) for _ in range(4)] == ["200"] * 4


def test_what_can_not_work_is_refused_before_it_is_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from automix_cli.serve.ray import app

    monkeypatch.delenv("AUTOMIX_SERVE_KEYS", raising=False)
    with pytest.raises(ConfigError, match="clients need keys"):
        app({"file": str(written(tmp_path, "http://127.0.0.1:9/v1"))})
    with pytest.raises(ConfigError, match=r"line 5: small is embedded"):
        app({"file": str(written(tmp_path, "embedded:0.5b"))})
