"""Rows a second of `automix collect --engine ray` by workers, and what kills cost.

    python -m benchmarks.scale.collecting [--workers 1,2,4] [--rows 200] [--latency 0.5] [--kills 0]

The endpoint is a server of this computer that answers each request after `--latency` seconds. Each worker adds eight
requests in flight; a row takes three requests, of which the check waits for the draft. Ideal is the requests in flight
over the latency over three. With `--kills` as many workers are killed at random times; what was paid twice is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from automix_core import read_outcomes
from tests.loopback import OpenAIServer, Reply

AT_ONCE, REQUESTS = 8, 3


def measure(workers: int, rows: int, latency: float, kills: int) -> dict[str, Any]:
    """One run: rows a second from the first request to the last reply, and the count of requests and outcomes."""
    with OpenAIServer() as server, tempfile.TemporaryDirectory() as folder:
        server.say("s", Reply("Paris", delay=latency))
        server.say("l", Reply("Paris.", delay=latency))
        server.verdicts(Reply("Verdict: Correct", delay=latency))
        questions, output = Path(folder) / "questions.jsonl", Path(folder) / "outcomes.jsonl"
        asked = (
            {"id": f"q{n}", "question": f"Where is {n}?", "context": f"{n}: Paris", "answers": ["Paris"]}
            for n in range(rows)
        )
        questions.write_text("".join(json.dumps(record) + "\n" for record in asked))
        models = [f"--model=small={server.url}#s", f"--model=large={server.url}#l"]
        command = [sys.executable, "-m", "automix_cli", "collect", str(questions), "-o", str(output), *models]
        command += ["--engine=ray", f"--workers={workers}", f"--concurrency={AT_ONCE * workers}", "--json"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            took, killed = _watched(server, child, kills)
        found = Counter(outcome.id for outcome in read_outcomes(output))
        journal = len((output.parent / f"{output.name}.journal").read_text().splitlines())
    return {
        "rate": rows / took,
        "ideal": AT_ONCE * workers / latency / REQUESTS,
        "outcomes": len(found),
        "doubled": sum(count > 1 for count in found.values()),
        "paid_twice": len(server.requests) - journal,
        "killed": killed,
        "ended": child.returncode,
    }


def _watched(server: OpenAIServer, child: subprocess.Popen[bytes], kills: int) -> tuple[float, int]:
    """Seconds from the first request to the last reply, and how many workers were killed, at random times."""
    random, killed, count = Random(0), 0, 0
    first = last = next_kill = 0.0
    while child.poll() is None:
        now = time.perf_counter()
        if server.requests and not first:
            first, next_kill = now, now + random.uniform(0.5, 2.0)
        if len(server.billed) > count:
            count, last = len(server.billed), now
        if first and killed < kills and now > next_kill and (found := _workers()):
            os.kill(random.choice(found), signal.SIGKILL)
            killed, next_kill = killed + 1, now + random.uniform(0.5, 2.0)
        time.sleep(0.005)
    return last - first, killed


def _workers() -> list[int]:
    """The processes of workers: Ray names a process by its actor."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [int(place.parent.name)] if place.read_bytes().startswith(b"ray::Asker") else []
        except OSError:
            continue
    return found


def main() -> None:
    """Print a line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--kills", type=int, default=0)
    asked = parser.parse_args()
    print(f"{date.today()}, {asked.rows} rows, {asked.latency} s a request, {AT_ONCE} in flight a worker")
    for workers in map(int, asked.workers.split(",")):
        found = measure(workers, asked.rows, asked.latency, asked.kills)
        print(
            f"{workers} workers: {found['rate']:.2f} rows/s of {found['ideal']:.2f} ideal "
            f"({found['rate'] / found['ideal']:.0%}); {found['killed']} killed, {found['outcomes']} outcomes, "
            f"{found['doubled']} doubled, {found['paid_twice']} requests paid twice, exit code {found['ended']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
