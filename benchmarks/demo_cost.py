"""What `make demo` costs a newcomer: from nothing, then again from the cache.

    python -m benchmarks.demo_cost [--args "--tiny --questions 1"] [--json]

The repository's last commit is cloned into a temporary folder, with its own environment, its own folder for weights and
no pip cache; `make demo` runs there twice. Seconds are of the whole command and up to the first answer; megabytes are
what lies on the disk afterwards and what the computer received meanwhile (all of it: leave it in peace); peak memory is
the largest sum over the command and all its children, shared pages counted once. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
ROUNDS = ("nothing", "cache")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--args", default="", help="passed on to automix demo")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("demo_cost reads /proc, which only Linux has")
    with tempfile.TemporaryDirectory(prefix="automix-demo-") as name:
        folder = Path(name)
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", REPOSITORY.as_uri(), str(clone)], check=True)
        environment = fresh_environment(folder)
        rounds = {round_: run(clone, environment, options.args) for round_ in ROUNDS}
        disk = {"environment": size_of(clone / ".venv"), "weights": size_of(folder / "weights")}
    report = {"arguments": options.args, "cpus": os.cpu_count(), "rounds": rounds, "disk_bytes": disk}
    print(json.dumps(report, indent=2) if options.json else table(report))


def fresh_environment(folder: Path) -> dict[str, str]:
    """This environment without keys, caches and settings of the person who runs the benchmark."""
    dropped = ("AUTOMIX_", "LANGSMITH_", "LANGCHAIN_", "PYTHONPATH", "VIRTUAL_ENV", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PIP_NO_CACHE_DIR": "1", "AUTOMIX_CACHE_DIR": str(folder / "weights")}


def run(clone: Path, environment: dict[str, str], arguments: str) -> dict[str, Any]:
    """`make demo` once, watched."""
    received, started, first = bytes_received(), time.perf_counter(), None
    command = ["make", "--no-print-directory", "demo", f"ARGS={arguments}"]
    with (
        subprocess.Popen(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True) as process,
        PeakMemory(process.pid) as memory,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", file=sys.stderr)
            if first is None and line.split()[:1] == ["answer"]:
                first = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"make demo ended with {process.returncode}")
    return {
        "seconds": time.perf_counter() - started,
        "seconds_to_first_answer": first,
        "received_bytes": bytes_received() - received,
        "peak_memory_bytes": memory.peak,
    }


class PeakMemory:
    """The largest memory of a process and all its descendants, looked at four times a second."""

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


def bytes_received() -> int:
    """Bytes that came in over every interface but loopback."""
    interfaces = (line.partition(":") for line in Path("/proc/net/dev").read_text().splitlines()[2:])
    return sum(int(numbers.split()[0]) for name, _, numbers in interfaces if name.strip() != "lo")


def size_of(folder: Path) -> int:
    """Bytes on the disk below a folder."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def table(report: dict[str, Any]) -> str:
    rows = [f"{'make demo from':16}{'seconds':>10}{'to 1st answer':>15}{'received MB':>13}{'peak memory MB':>16}"]
    for name, found in report["rounds"].items():
        first = found["seconds_to_first_answer"]
        rows.append(
            f"{name:16}{found['seconds']:>10.1f}{'-' if first is None else f'{first:.1f}':>15}"
            f"{found['received_bytes'] / 1e6:>13.1f}{found['peak_memory_bytes'] / 1e6:>16.1f}"
        )
    disk = report["disk_bytes"]
    rows.append(f"on disk: environment {disk['environment'] / 1e6:.0f} MB, weights {disk['weights'] / 1e6:.0f} MB")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
