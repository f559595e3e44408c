"""`automix collect` killed outright, again and again: does the last run end with what one undisturbed run ends with?

    python -m benchmarks.faults.killed [--kills N] [--json]

Each file is collected by a run that is killed ten times, each time after one to ten more answers were paid for, and
then by one that is left alone. Counted: files that differ from the undisturbed one (seconds aside), lines of journals
that are no JSON, and requests that were paid again, at most those in flight at each kill.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from tests.loopback import OpenAIServer, Reply

KILLS_A_FILE = 10
QUESTIONS = 40
IN_FLIGHT = 8


def collect(arguments: list[str]) -> None:
    """`automix collect` in this process, silently."""
    from automix_cli.app import app

    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    sys.argv = ["automix", *arguments]
    app(arguments)


def timeless(path: Path) -> list[Any]:
    """A file's records without how long anything took."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(part) for name, part in value.items() if not name.endswith("seconds")}
        return [without(part) for part in value] if isinstance(value, list) else value

    return [without(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def measure(kills: int) -> dict[str, Any]:
    context, chance = multiprocessing.get_context("forkserver"), Random(13)
    context.set_forkserver_preload(
        ["automix_cli.app", "automix_cli.collect.command", "automix_cli.collect.run", "httpx"]
    )
    with OpenAIServer() as server, tempfile.TemporaryDirectory() as folder:
        server.say(None, lambda request: Reply(f"Paris, says {request.model}", delay=0.02))
        server.verdicts(Reply("It says so.\nVerdict: Correct", delay=0.02))
        questions = Path(folder, "questions.jsonl")
        questions.write_text(
            "".join(
                json.dumps({"id": f"q{n}", "question": f"Where is {n}?", "context": "x", "answers": ["Paris"]}) + "\n"
                for n in range(QUESTIONS)
            )
        )

        def start(output: Path) -> Any:
            models = [f"--model=small={server.url}#small", f"--model=large={server.url}#large"]
            asked = ["collect", str(questions), "-o", str(output), f"--concurrency={IN_FLIGHT}", *models]
            process = context.Process(target=collect, args=(asked,), daemon=True)
            process.start()
            return process

        whole = Path(folder, "whole.jsonl")
        start(whole).join()
        due = len(server.requests)
        found = dict.fromkeys(("kills", "ended before", "files", "differ", "broken lines", "requests paid again"), 0)
        while found["kills"] < kills:
            output = Path(folder, f"{found['files']}.jsonl")
            journal = output.with_name(output.name + ".journal")
            server.clear()
            for _ in range(min(KILLS_A_FILE, kills - found["kills"])):
                process, enough = start(output), paid(journal) + chance.randint(1, 10)
                while process.is_alive() and paid(journal) < enough:
                    time.sleep(0.002)
                found["kills"] += 1
                found["ended before"] += process.exitcode is not None
                process.kill()
                process.join()
                found["broken lines"] += broken(journal)
            start(output).join()
            found["files"] += 1
            found["differ"] += not output.exists() or timeless(output) != timeless(whole)
            found["requests paid again"] += len(server.requests) - due
    return {**found, "requests a file": due, "at most in flight": IN_FLIGHT * found["kills"]}


def paid(journal: Path) -> int:
    """Lines of a journal so far."""
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def broken(journal: Path) -> int:
    """Lines of a journal that are no JSON, but for a last one that a kill tore."""
    lines = journal.read_text("utf-8").split("\n")[:-1] if journal.exists() else []
    found = 0
    for line in lines:
        try:
            json.loads(line)
        except ValueError:
            found += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.kills)
    print(json.dumps(found) if given.json else "\n".join(f"{name}: {count}" for name, count in found.items()))


if __name__ == "__main__":
    main()
