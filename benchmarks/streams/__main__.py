"""Which of the nine streams that LangChain's hosts offer show the answer once and nothing else.

    python -m benchmarks.streams [--peer-python PATH] [--json]

Each stream is read as its documentation reads it, sync and async where it has both, on a kept and on an escalated call,
over a real HTTP server. Clean means that the text is the answer exactly once and that no word of a rejected draft or of
a verdict was delivered in any form.
"""

from __future__ import annotations

import json
import warnings
from typing import Any

from benchmarks.subjects import DRAFT, LARGE, WAYS, Way, arguments, build, results, script
from tests.loopback import OpenAIServer
from tests.loopback.streams import ASYNC, SYNC, read

ROWS: dict[str, list[str]] = {}
for _name in (*SYNC, *ASYNC):
    ROWS.setdefault(_name.removesuffix(", async"), []).append(_name)

ORDER = [
    "stream",
    "astream",
    "astream_events v1",
    "astream_events v2",
    "stream_events v3",
    "astream_log",
    "LangGraph messages",
    "LangGraph v3",
    "create_agent stream",
]
PRIVATE: dict[Way, tuple[str, ...]] = {"accept": ("Largely", "Verdict:"), "escalate": ("Smallish", "Verdict:")}


def fault(subject: str, name: str, way: Way) -> str:
    """What is wrong with one stream, or ""."""
    answer = DRAFT if way == "accept" else LARGE
    with OpenAIServer() as server:
        script(server, way)
        try:
            seen = read(name, build(subject, server, way))
        except Exception as error:
            return f"raises {type(error).__name__}"
    if seen.text != answer:
        return f"shows {seen.text!r}"
    leaked = [word for word in PRIVATE[way] if word in seen.everything]
    return f"delivers {leaked[0]!r}" if leaked else ""


def measure(subject: str) -> dict[str, dict[str, str]]:
    """Row, path, "clean" or the first fault of its sync and async forms."""
    table: dict[str, dict[str, str]] = {}
    for row in ORDER:
        for way in WAYS:
            faults = [fault(subject, name, way) for name in ROWS[row]]
            table.setdefault(row, {})[way] = next((each for each in faults if each), "clean")
    return table


def main() -> None:
    warnings.simplefilter("ignore")
    asked = arguments(__doc__)
    found: dict[str, Any] = results("benchmarks.streams", measure, asked)
    if asked.json:
        print(json.dumps(found))
        return
    for subject, table in found.items():
        clean = sum(set(row.values()) == {"clean"} for row in table.values())
        print(f"{subject}: {clean} of {len(table)} streams clean")
        for row, ways in table.items():
            print(f"  {row:22}" + "   ".join(f"{way}: {outcome}" for way, outcome in ways.items()))


if __name__ == "__main__":
    main()
