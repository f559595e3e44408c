"""The server's processes: one, or several that share a socket, the counts of a minute and the metrics."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from automix_cli.serve.traffic import Traffic

if TYPE_CHECKING:
    from fastapi import FastAPI

    from automix_cli.serve.cascades import Embedded

_HUNG = 60
"""Seconds after which a worker that does not answer is killed and replaced; a busy machine is no hung worker."""
_KEPT = 75
"""Seconds that an idle connection is kept: above the minute after which balancers close theirs, so that none sends a
request on one that is just being closed."""


def _settings(grace: float) -> dict[str, Any]:
    """What uvicorn is told; what has begun comes to its end, for `grace` seconds at most."""
    return {
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": _KEPT,
        "timeout_graceful_shutdown": max(1, round(grace)),
    }


def run(app: FastAPI, listening: socket.socket, *, grace: float) -> None:
    """Serve in this process until SIGTERM or Ctrl-C."""
    uvicorn.Server(uvicorn.Config(app, **_settings(grace))).run([listening])


def run_several(
    files: Sequence[Path], embedded: Embedded, traffic: Traffic, listening: socket.socket, *, grace: float, workers: int
) -> None:
    """The same in processes of their own.

    A worker that dies is replaced; what it was answering breaks off for its callers.
    """
    with TemporaryDirectory(prefix="automix-serve-") as folder:
        app = partial(_worker, files, embedded, traffic, folder)
        several = _settings(grace) | {"factory": True, "workers": workers, "timeout_worker_healthcheck": _HUNG}
        Multiprocess(uvicorn.Config(app, **several), sockets=[listening]).run()


def _worker(files: Sequence[Path], embedded: Embedded, traffic: Traffic, shared: str) -> FastAPI:
    """The application of one worker, made within its own process."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared  # read when prometheus_client is imported, below
    from automix_cli.serve.application import application
    from automix_cli.serve.cascades import built
    from automix_core.cascade_file.reading import read_cascade_file

    cascades = built([(path, read_cascade_file(path)) for path in files], embedded)
    return application(cascades, traffic, shared)
