"""Starting the engine's child process, and saying in one sentence why it didn't start."""

from __future__ import annotations

import json
import os
import queue
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from automix_cli import tether, weights
from automix_core.errors import EngineError

if TYPE_CHECKING:
    import subprocess

    from automix_cli.progress import Progress

_KEPT_LOGS = 10
_OTHERWISE = "use any OpenAI-compatible server instead with --small URL#model --large URL#model"


def launch(
    name: str, settings: dict[str, Any], progress: Progress, limit: float
) -> tuple[subprocess.Popen[bytes], Path, dict[str, Any]]:
    """Start the child, hand it the settings through its pipe, and return it, its log and its report.

    `name` is the model's in what people read; empty where the engine is tried without one.

    Raises:
        EngineError: it can't load the engine or the model, ended, or took more than `limit` seconds.
    """
    # GNU OpenMP's threads spin while they wait for each other. As soon as anything else runs that takes the cores from
    # those still at work: a tenth of the speed, measured. A short spin costs nothing where the computer is quiet.
    environment = {"GOMP_SPINCOUNT": "1000", **os.environ}
    log, stream = _open_log(name)
    with stream:
        process = tether.spawn("automix_cli.engine.server", stdout=-1, stderr=stream, env=environment)
    try:
        with progress.waiting(f"loading {name or 'the engine'}"):
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it ended already: its report says so
                process.stdin.write(json.dumps(settings).encode() + b"\n")
                process.stdin.flush()
            report = _report(process, limit)
        if report is None:
            if process.poll() is None:
                raise EngineError(
                    f"{_engine(name)} did not start within {limit:.0f} seconds (log: {log}); {_OTHERWISE}"
                )
            raise ended(name, process.returncode, log)
        if "error" in report:
            raise _refused(name, settings["path"], str(report["error"]), log)
    except BaseException:
        tether.end(process, patience=0)
        raise
    return process, log, report


def _report(process: subprocess.Popen[bytes], limit: float) -> dict[str, Any] | None:
    """The child's one line, or None if it ended or took longer than `limit` seconds."""
    assert process.stdout is not None
    lines: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=lambda out: lines.put(out.readline()), args=(process.stdout,), daemon=True).start()
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        with suppress(queue.Empty):
            line = lines.get(timeout=0.2)
            if not line:
                process.wait()
                return None
            return dict(json.loads(line))
    return None


def _refused(name: str, path: str | None, error: str, log: Path) -> EngineError:
    if error.startswith(("ModuleNotFoundError", "ImportError")):
        return EngineError(f"the engine can't be loaded ({error}): pip install 'automix-rag[demo]', or {_OTHERWISE}")
    what = f"serve {name} from {path}" if path else "be loaded"
    return EngineError(f"the engine can't {what}: {_last_words(log) or error} (log: {log}); {_OTHERWISE}")


def ended(name: str, code: int, log: Path) -> EngineError:
    """The error for a child that ended with that exit code (the negative signal where one killed it)."""
    if code in (-4, 0xC000001D):  # SIGILL, and what Windows calls it
        cause = "this CPU lacks instructions that the prebuilt engine needs"
    elif code == -9:  # SIGKILL
        cause = "it was killed, most likely because memory ran out (--tiny needs less)"
    elif code < 0:
        cause = f"it died of {signal.Signals(-code).name}"
    else:
        cause = f"it ended with exit code {code}"
    words = _last_words(log)
    said = f", its last words were {words!r}" if words else ""
    return EngineError(f"{_engine(name)} has stopped: {cause}{said} (log: {log}); {_OTHERWISE}")


def _engine(name: str) -> str:
    return f"the engine for {name}" if name else "the engine"


def _last_words(log: Path) -> str:
    """The line of the log that tells most: why loading failed, else the last error, else the last line."""
    try:
        lines = [line.strip() for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    for telling in ("error loading model:", " E ", ""):
        for line in reversed(lines):
            if telling in line:
                return line.rpartition("error loading model: ")[2][:300]
    return ""


def _open_log(name: str) -> tuple[Path, IO[bytes]]:
    """A new log in the cache, or in the folder for temporary files if the cache can't be written."""
    for folder in (weights.cache_folder() / "logs", Path(tempfile.gettempdir())):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            for old in sorted(folder.glob("automix-*.log"), key=lambda path: path.stat().st_mtime)[: -_KEPT_LOGS + 1]:
                old.unlink(missing_ok=True)
            handle, path = tempfile.mkstemp(prefix=f"automix-{name or 'engine'}-", suffix=".log", dir=folder)
            return Path(path), os.fdopen(handle, "wb")
    raise EngineError(f"no log can be written in {weights.cache_folder()}; choose a folder with AUTOMIX_CACHE_DIR")
