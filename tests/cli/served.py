"""What the tests of a served engine share: asking it, and a parent process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from automix_cli.engine.engine import Engine
from automix_core.errors import EngineError

ROOT = Path(__file__).parents[2]


def post(engine: Engine, key: str | None = None, **body: Any) -> httpx.Response:
    """One chat completion, without the environment's proxies."""
    headers = {"Authorization": f"Bearer {engine.api_key if key is None else key}"}
    with httpx.Client(trust_env=False, timeout=110) as client:
        return client.post(f"{engine.base_url}/chat/completions", json=body, headers=headers)


def complaint(engine: Engine) -> str:
    """What `check` raises; empty as long as it finds nothing wrong."""
    try:
        engine.check()
    except EngineError as error:
        return str(error)
    return ""


def arguments(pid: int) -> str:
    """The command line of a process, as everybody on the computer can read it."""
    file = Path(f"/proc/{pid}/cmdline")
    if not file.exists():
        pytest.skip("no /proc here to read a command line from")
    return file.read_text()


@contextmanager
def parent_of(model: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A process that starts an engine, says its child's process id, and goes on; and what it says."""
    script = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from automix_cli.engine.engine import Engine
engine = Engine.start(sys.argv[1], slots=1)
print(engine.pid, flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        try:
            yield parent, parent.stdout
        finally:
            parent.kill()


def start_toy(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`automix` in a process of its own, on the weights of the fakes in `folder`; `tests.cli.toy` tells more."""
    inherited = os.environ.get("PYTHONPATH", "")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.cli.toy", str(folder), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), inherited]))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
