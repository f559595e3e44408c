"""The child process of the embedded engine: one model behind llama.cpp's OpenAI-compatible server.

`python -m automix_cli.engine.server` reads its settings as one JSON line from standard input, writes one JSON line to
standard output once it serves (`{"url": ...}`) or can't (`{"error": ...}`), and ends when its standard input closes.
What the engine prints goes to standard error, which the parent has turned into the log.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from automix_cli.tether import end_with_parent


def main() -> None:
    """Serve until standard input closes."""
    settings = json.loads(sys.stdin.buffer.readline())
    end_with_parent()
    report = os.dup(1)
    os.dup2(2, 1)  # the engine may print: the pipe is for the report alone
    try:
        url, version, _server = _serve(settings)
    except BaseException as error:
        _tell(report, {"error": f"{type(error).__name__}: {error}"})
        return
    _tell(report, {"url": url, "version": version})
    threading.Event().wait()


def _tell(report: int, answer: dict[str, str]) -> None:
    os.write(report, json.dumps(answer).encode() + b"\n")
    os.close(report)


def _serve(settings: dict[str, Any]) -> tuple[str, str, Any]:
    """Its URL, the engine's version, and the running server; none if no model is named: the engine is only loaded."""
    import xllamacpp

    if settings["path"] is None:
        return "", xllamacpp.__version__, None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["path"]
    parameters.model_alias = {settings["name"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [settings["key"]]
    parameters.cors_origins = ""
    parameters.cors_methods = ""
    parameters.cors_headers = ""
    parameters.cors_credentials = False
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_metrics = True
    # One pool of keys and values for all slots: the choices of one request then share their prompt in memory.
    parameters.n_parallel = settings["slots"]
    parameters.kv_unified = True
    parameters.kv_unified_per_slot = settings["context"]
    parameters.cache_prompt = True
    parameters.cache_ram_mib = 0  # the slots themselves are the cache; its default is 8 GB beside them
    parameters.cache_idle_slots = False
    parameters.fit_params = False  # it loads the model twice, to fit a graphics card
    parameters.warmup = False  # the first request warms up as well
    if settings["threads"]:
        parameters.cpuparams.n_threads = settings["threads"]
        parameters.cpuparams_batch.n_threads = settings["threads"]
    server = xllamacpp.Server(parameters)
    return server.listening_address, xllamacpp.__version__, server


if __name__ == "__main__":
    main()
