"""The processes of a run: the children, the proxy, `automix serve` as it is typed, and the CPU that each spends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

ROOT = Path(__file__).resolve().parents[2]
CASCADE = """name = "cascade"
policy = 0.75
[verify]
k = 2
[[model]]
name = "small"
url = "{0}#small"
price = "0.1/0.4"
[[model]]
name = "large"
url = "{0}#large"
price = "2/8"
[serve]
at_once = {1}
"""


@contextmanager
def module(name: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """A module of this folder as a process with a socket of its own: its address and its id."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        os.set_inheritable(listening.fileno(), True)
        command = [sys.executable, "-m", f"benchmarks.serve.{name}", str(listening.fileno()), *arguments]
        with subprocess.Popen(command, cwd=ROOT, pass_fds=[listening.fileno()]) as process:
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1", process.pid
            finally:
                process.terminate()


@contextmanager
def served(children: str, workers: int = 1, at_once: int = 4096) -> Iterator[tuple[str, int]]:
    """`automix serve` over the children: its address and its id."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cascade.toml"
        path.write_text(CASCADE.format(children, at_once))
        command = [sys.executable, "-m", "automix_cli", "serve", str(path), "--port", "0", "--workers", str(workers)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                said = process.stderr.readline()
                assert said.startswith("Serving"), said
                url = said.split()[-1]
                _ready(url.removesuffix("/v1"))
                yield url, process.pid
            finally:
                process.terminate()


def _ready(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{url}/ready", timeout=60, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server did not begin")


def cpu_seconds(pid: int) -> float:
    """What a process and its children have spent so far (Linux)."""
    total, waiting = 0.0, [pid]
    while waiting:
        each = waiting.pop()
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        waiting += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
    return total
