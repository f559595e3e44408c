"""Four processes append outcomes to one file and are killed at random times; then the file is read.

Each writer is an `Audit` over a call that is made up, so that there is nothing but recording. It tells the parent an id
before the outcome is written and again once it is; what was told twice is finished and must stand in the file, whole
and once. What was told once was in flight: it may be there or not, but never twice and never in part.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from automix_core import read_outcomes
from automix_core.audit.lines import Lines

WRITERS = 4


def outcome(id: str, random: Random) -> str:
    """An outcome as a line, of a length between 0.2 and 16 thousand characters."""
    context = "The lighthouse was built by Oda Verrin. " * random.choice((1, 10, 100, 400))
    models = [{"name": name, "answer": "Oda Verrin.", "score": 1.0, "cost": 1.0} for name in ("small", "large")]
    return json.dumps({"id": id, "question": "Who built it?", "context": context, "models": models})


def write(path: str, name: str, told: int) -> None:
    """Append outcomes for ever; `told` is a pipe, whose writes of a few bytes are whole."""
    lines, random, number = Lines(path), Random(name), 0
    while True:
        id = f"{name}-{number}"
        line = outcome(id, random)
        os.write(told, f"+{id}\n".encode())
        lines.append(line)
        os.write(told, f"={id}\n".encode())
        number += 1


def measure(kills: int) -> dict[str, Any]:
    """The count of finished, lost, torn and doubled outcomes over `kills` kills of all four writers."""
    processes, random = multiprocessing.get_context("fork"), Random(0)
    begun: set[str] = set()
    finished: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.jsonl"
        for kill in range(kills):
            reading, told = os.pipe()
            writers = [
                processes.Process(target=write, args=(str(path), f"{kill}-{writer}", told)) for writer in range(WRITERS)
            ]
            for writer in writers:
                writer.start()
            os.close(told)
            ends = sorted(time.perf_counter() + random.uniform(0.01, 0.06) for _ in writers)
            heard = b""
            os.set_blocking(reading, False)
            while writers:
                time.sleep(0.001)
                heard += _read(reading)
                if time.perf_counter() >= ends[0]:
                    ends.pop(0)
                    writer = writers.pop()
                    assert writer.pid is not None
                    os.kill(writer.pid, signal.SIGKILL)
                    writer.join()
            heard += _read(reading)
            os.close(reading)
            for line in heard.decode().splitlines():
                (begun if line[0] == "+" else finished).add(line[1:])
        text = path.read_bytes()
        whole, torn = [], 0
        for line in text.split(b"\n"):
            try:
                whole += [json.loads(line)["id"]] if line else []
            except ValueError:
                torn += 1
        if not text.endswith(b"\n"):
            torn -= 1  # of an outcome in flight; the next append removes it
        unended = not text.endswith(b"\n")
        Lines(path).append(outcome("after", random))
        read = {found.id for found in read_outcomes(path)}
    counted = Counter(whole)
    return {
        "kills": kills * WRITERS,
        "finished": len(finished),
        "in_flight": len(begun - finished),
        "in_flight_recorded": len((begun - finished) & read),
        "lost": len(finished - read),
        "torn": torn,
        "last_line_unended": unended,
        "doubled": sum(times > 1 for times in counted.values()),
        "megabytes": round(len(text) / 1e6, 1),
    }


def _read(reading: int) -> bytes:
    found = b""
    try:
        while part := os.read(reading, 1 << 16):
            found += part
    except BlockingIOError:
        pass
    return found
