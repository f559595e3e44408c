"""A command in a process of its own: its seconds, and the most memory it held."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the clock and of the processor, the peak of resident memory in MB, and how it ended."""

    seconds: float
    computing: float
    memory: float
    code: int
    said: str


def run(arguments: list[str], output: Path) -> Took:
    """Run `automix` with `arguments`."""
    start = time.perf_counter()
    with output.open("wb") as file:
        child = subprocess.Popen([sys.executable, "-m", "automix_cli", *arguments], stdout=file, stderr=file)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    said = output.read_text(encoding="utf-8", errors="replace")
    return Took(
        time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode, said
    )
