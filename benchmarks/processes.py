"""What a command and all its children take: peak memory. Linux only, from /proc."""

from __future__ import annotations

import threading
from pathlib import Path


class PeakMemory:
    """The largest memory of a process and all its descendants, looked at four times a second.

    Proportional set sizes are added: a page that several of them share counts once.
    """

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.25):
            self.peak = max(self.peak, sum(memory_of(pid) for pid in family(self._pid)))


def family(pid: int) -> set[int]:
    """A process and its descendants."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold spaces; the parent is the second field after it.
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    members, size = {pid}, 0
    while size != len(members):
        size = len(members)
        members |= {child for child, parent in parents.items() if parent in members}
    return members


def memory_of(pid: int) -> int:
    """Proportional set size in bytes: a page that several processes share is split among them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
