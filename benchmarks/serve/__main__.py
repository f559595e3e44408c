"""What the endpoint adds to a call, and how many it carries, against the cascade in process and a bare proxy.

    python -m benchmarks.serve [--calls N] [--json | --write]

All on this computer, in one run: children of set latency in a process of their own, the load generator in this one.
At rest calls follow one another, the ways by turns; what the endpoint adds is its time less that of the cascade in
process, what the proxy adds its time less that of the children asked straight. At saturation many callers ask at once.
CPU is what the serving processes spent a call, which other work on the machine changes least.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.pages import insert
from benchmarks.serve.load import Ask, Load, client, closed, mixed, over_http, question
from benchmarks.serve.running import CASCADE, cpu_seconds, module, served
from langchain_automix import AutoMixChatModel

DELAYS = ("0.05", "0.05", "0.1")
HARD = 0.3


def in_process(children: str) -> Ask:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cascade.toml"
        path.write_text(CASCADE.format(children, 1))
        cascade = AutoMixChatModel.from_config(path)

    async def ask(hard: bool) -> int:
        body = question(hard, "cascade")
        await cascade.ainvoke([(each["role"], each["content"]) for each in body["messages"]])
        return 200

    return ask


async def at_rest(ways: dict[str, Ask], calls: int) -> dict[str, dict[str, float]]:
    """Milliseconds of calls that follow one another, by turns; the first of each are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for place, hard in enumerate(mixed(calls + 5, HARD)):
        for name, ask in ways.items():
            begun = time.perf_counter()
            await ask(hard)
            if place >= 5:
                seconds[name].append(time.perf_counter() - begun)
    found = {}
    for name, each in seconds.items():
        load = Load(each, 0, 1.0)
        found[name] = {"p50": 1000 * load.at(0.5), "p99": 1000 * load.at(0.99)}
    return found


async def saturated(ask: Ask, calls: int, at_once: int, spent: Callable[[], float]) -> dict[str, float]:
    """Calls a second, CPU milliseconds a call, and the percentiles, under `at_once` callers."""
    await closed(ask, mixed(at_once, HARD), at_once)
    before = spent()
    load = await closed(ask, mixed(calls, HARD), at_once)
    cpu = 1000 * (spent() - before) / calls
    return {"rate": load.rate, "cpu_ms": cpu, "p50": 1000 * load.at(0.5), "p99": 1000 * load.at(0.99)}


async def measure(calls: int, at_once: int) -> dict[str, Any]:
    busy = os.getloadavg()[0]
    with ExitStack() as stack:
        children, _ = stack.enter_context(module("children", *DELAYS))
        bare, bare_id = stack.enter_context(module("proxy", children))
        one, one_id = stack.enter_context(served(children))
        two, two_id = stack.enter_context(served(children, workers=2))
        http = await _entered(client())
        ways = {
            "children asked straight": over_http(http, children, "small"),
            "bare proxy": over_http(http, bare, "small"),
            "cascade in process": in_process(children),
            "automix serve": over_http(http, one, "cascade"),
        }
        rest = await at_rest(ways, calls)
        loaded = {
            "bare proxy": await saturated(ways["bare proxy"], 4 * calls, at_once, lambda: cpu_seconds(bare_id)),
            "cascade in process": await saturated(ways["cascade in process"], calls, at_once, time.process_time),
            "automix serve": await saturated(ways["automix serve"], calls, at_once, lambda: cpu_seconds(one_id)),
            "automix serve --workers 2": await saturated(
                over_http(http, two, "cascade"), calls, at_once, lambda: cpu_seconds(two_id)
            ),
        }
        await http.aclose()
    adds = {
        "automix serve": _less(rest["automix serve"], rest["cascade in process"]),
        "bare proxy": _less(rest["bare proxy"], rest["children asked straight"]),
    }
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "calls": calls,
        "at_once": at_once,
        "cores": os.cpu_count(),
        "busy": busy,
        "at_rest_ms": rest,
        "adds_ms": adds,
        "saturated": loaded,
    }


async def _entered(http: Any) -> Any:
    return await http.__aenter__()


def _less(whole: dict[str, float], part: dict[str, float]) -> dict[str, float]:
    return {name: whole[name] - part[name] for name in whole}


def table(found: dict[str, Any]) -> str:
    """The figures as the page shows them."""
    lines = ["| at rest, ms a call | p50 | p99 |", "|---|---|---|"]
    for name, each in found["at_rest_ms"].items():
        lines.append(f"| {name} | {each['p50']:.1f} | {each['p99']:.1f} |")
    for name, each in found["adds_ms"].items():
        lines.append(f"| **{name} adds** | {each['p50']:.1f} | {each['p99']:.1f} |")
    lines += ["", "| saturated | calls a second | CPU ms a call | p50 ms | p99 ms |", "|---|---|---|---|---|"]
    for name, each in found["saturated"].items():
        lines.append(f"| {name} | {each['rate']:.1f} | {each['cpu_ms']:.1f} | {each['p50']:.0f} | {each['p99']:.0f} |")
    loaded = found["saturated"]
    ratio = loaded["automix serve"]["rate"] / loaded["cascade in process"]["rate"]
    again = loaded["automix serve --workers 2"]["rate"] / loaded["automix serve"]["rate"]
    lines += [
        "",
        f"One worker carries {ratio:.2f} times the calls of the cascade in process, two {again:.2f} times one.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/planning.md")
    given = parser.parse_args()
    found = asyncio.run(measure(given.calls, given.at_once))
    if given.json:
        print(json.dumps(found, indent=1))
        return
    when = f"{found['date']}, {found['cores']} cores, load average {found['busy']:.1f}, {given.calls} calls each."
    text = f"{table(found)}\n\n{when}"
    print(text)
    if given.write:
        insert("planning.md", "benchmarks.serve", text)


if __name__ == "__main__":
    main()
