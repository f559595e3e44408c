"""Child processes that end when their parent does, even after `kill -9`.

The parent holds the writing end of the child's standard input and never needs to do anything: when it ends, however
that happens, the pipe closes and the child sees it. Standard library only, as children import this first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def spawn(
    module: str, *arguments: str, stdout: int | IO[bytes], stderr: int | IO[bytes], env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `python -m module` with a pipe to its standard input; the module calls `end_with_parent`.

    The child has a session of its own, so that Ctrl-C reaches the parent only, which then ends the child in order.
    The current folder is not on the child's import path (`-P`).
    """
    environment = dict(os.environ if env is None else env)
    home = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [home, environment.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        start_new_session=True,
    )


def end(child: subprocess.Popen[bytes], patience: float = 5.0) -> None:
    """End a child that `spawn` started: close its pipe, wait `patience` seconds, then kill it."""
    if child.stdin is not None and not child.stdin.closed:
        with suppress(BrokenPipeError):  # what was left in the buffer has no reader any more
            child.stdin.close()
    try:
        with suppress(subprocess.TimeoutExpired):
            child.wait(patience)
    finally:
        child.kill()  # does nothing to a process that has ended
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def end_with_parent() -> None:
    """In the child: exit at once when standard input closes. Call it after reading what the parent sent.

    A thread alone is not enough: loading a model holds the interpreter's lock for seconds. Where the system can signal
    input on a pipe (`O_ASYNC`; Linux), it is asked to, and the signal's default action ends the process.
    """
    threading.Thread(target=_exit_at_end_of_input, name="tether", daemon=True).start()
    if sys.platform == "linux":
        import fcntl
        import signal

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _exit_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    import runpy

    end_with_parent()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
