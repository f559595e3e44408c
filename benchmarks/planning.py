"""How large a deployment must be for so many questions a day: calls, tokens, gigabytes, money, replicas, and the limit.

    python -m benchmarks.planning [--calls N] [--json | --write]

1. Measured here: the CPU that `automix serve` spends on a kept and on an escalated call, and what goes over the wire.
2. Simulated: questions come at random; a replica is one process that works on one thing at a time, in the order of
   arrival, and while a model answers it works for others. Each call needs its CPU in equal parts before, between and
   behind its requests to the models.
3. Checked: the same simulation, with the latencies of this computer's children, beside a load test in the same run.
   A process that shares its cores with others gets less than one: the share that it got under saturation is measured,
   and the simulated replica is as much slower.
4. Planned: the simulation at the rates of 1 and 100 million questions a day, with the latencies, prices and share of
   escalated calls given, and with the share that `Threshold(0.75)` escalates of the demo's recorded outcomes.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from automix_core import Threshold, evaluate, read_outcomes
from benchmarks.pages import insert
from benchmarks.serve.load import Load, client, closed, mixed, opened, over_http
from benchmarks.serve.running import cpu_seconds, module, served

OUTCOMES = Path(__file__).with_name("outcomes-embedded.jsonl")
HERE = (0.05, 0.05, 0.1)
"""Seconds of a draft, a check and a large answer in the load test."""
MOST_WAIT = 0.25
"""Seconds that the endpoint itself may add to the slowest call in a hundred, at the busiest hour."""
DAY = 86_400


@dataclass(frozen=True)
class Call:
    """A kind of call: the replica's CPU seconds, and the seconds of its requests to the models, one after the other."""

    cpu: float
    waits: Sequence[float]


@dataclass(frozen=True)
class Simulated:
    """What came of a simulated replica: seconds of each call, seconds beyond what its models took, calls under way."""

    seconds: list[float]
    added: list[float]
    under_way: int


def simulate(kinds: Sequence[Call], which: Sequence[int], rate: float, seed: int = 11) -> Simulated:
    """One replica under questions that come at random, `rate` a second; `which` says the kind of each."""
    drawn, now, free, order = Random(seed), 0.0, 0.0, len(which)
    events: list[tuple[float, int, int, int, float]] = []
    for place, kind in enumerate(which):
        now += drawn.expovariate(rate)
        events.append((now, place, kind, 0, now))
    heapq.heapify(events)
    seconds, added = list[float](), list[float]()
    while events:
        due, _, kind, step, begun = heapq.heappop(events)
        call = kinds[kind]
        free = max(due, free) + call.cpu / (len(call.waits) + 1)
        if step < len(call.waits):
            order += 1
            heapq.heappush(events, (free + call.waits[step], order, kind, step + 1, begun))
            continue
        seconds.append(free - begun)
        added.append(free - begun - sum(call.waits))
    return Simulated(seconds, added, _under_way(seconds, rate))


def _under_way(seconds: Sequence[float], rate: float) -> int:
    """Calls under way at a time: those on average (Little's law), and three standard deviations of chance above."""
    mean = rate * sum(seconds) / len(seconds)
    return math.ceil(mean + 3 * math.sqrt(mean))


def at(seconds: Sequence[float], share: float) -> float:
    return Load(list(seconds), 0, 1.0).at(share)


async def measured(url: str, pid: int, calls: int, http: httpx.AsyncClient) -> tuple[float, float]:
    """CPU seconds of a kept and of an escalated call, one after the other."""
    found = []
    for hard in (False, True):
        await closed(over_http(http, url, "cascade"), [hard] * 5, 1)
        before = cpu_seconds(pid)
        await closed(over_http(http, url, "cascade"), [hard] * calls, 1)
        found.append((cpu_seconds(pid) - before) / calls)
    return found[0], found[1]


def kinds(cpu: Sequence[float], small: float, check: float, large: float) -> list[Call]:
    return [Call(cpu[0], (small, check)), Call(cpu[1], (small, check, large))]


async def compared(
    url: str, pid: int, cpu: Sequence[float], share: float, calls: int, http: httpx.AsyncClient
) -> list[dict[str, Any]]:
    """The load test beside the simulation, at shares of what a worker can carry on this computer."""
    ask, mean = over_http(http, url, "cascade"), (1 - share) * cpu[0] + share * cpu[1]
    before = cpu_seconds(pid)
    load = await closed(ask, mixed(calls, share), 48)
    got = (cpu_seconds(pid) - before) / load.wall
    rows = [{"used": "all", "got": got, "measured_rate": load.rate, "simulated_rate": got / mean}]
    slower = [each / got for each in cpu]
    for used in (0.3, 0.5, 0.7):
        rate = used * got / mean
        hard = mixed(calls, share)
        load = await opened(ask, hard, rate)
        model = simulate(kinds(slower, *HERE), [int(each) for each in hard * 20], rate)
        rows.append({"used": used, "rate": rate, "refused": load.refused} | _pair(load, model))
    return rows


def _pair(load: Load, model: Simulated) -> dict[str, float]:
    found = {}
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        found |= {f"measured_{name}": load.at(part), f"simulated_{name}": at(model.seconds, part)}
    return found


def planned(
    questions: int, share: float, cpu: Sequence[float], wire: dict[str, Any], given: argparse.Namespace
) -> dict[str, Any]:
    """What so many questions a day need, at the busiest hour."""
    peak = questions / DAY * given.peak
    which = [int(each) for each in mixed(20_000, share)]
    mean = (1 - share) * cpu[0] + share * cpu[1]
    replicas = max(1, math.ceil(peak * mean / 0.95))
    while True:
        model = simulate(kinds(cpu, *given.seconds), which, peak / replicas)
        if at(model.added, 0.99) - max(cpu) <= MOST_WAIT:
            break
        replicas = max(replicas + 1, math.ceil(replicas * 1.02))
    times = {"small": 1.0, "check": 1.0, "large": share}
    requests = {step: questions * many for step, many in times.items()}
    tokens = {step: [requests[step] * each / 4 for each in wire[step][1:]] for step in times}
    prices = {"small": given.small_price, "check": given.small_price, "large": given.large_price}
    cost = {s: sum(t * p for t, p in zip(tokens[s], prices[s], strict=True)) / 1e6 for s in times}
    alone = questions * sum(e / 4 * p for e, p in zip(wire["large"][1:], given.large_price, strict=True)) / 1e6
    return {
        "questions": questions,
        "escalated": share,
        "peak_rate": peak,
        "replicas": replicas,
        "cpu_used": peak * mean / replicas,
        "p50": at(model.seconds, 0.5),
        "p99": at(model.seconds, 0.99),
        "under_way_each": model.under_way,
        "requests": sum(requests.values()),
        "model_rate": peak * sum(times.values()),
        "tokens_in": sum(each[0] for each in tokens.values()),
        "tokens_out": sum(each[1] for each in tokens.values()),
        "gigabytes": sum(requests[step] * sum(wire[step][1:]) for step in times) / 1e9,
        "usd": sum(cost.values()),
        "usd_large_alone": alone,
    }


async def run(given: argparse.Namespace) -> dict[str, Any]:
    busy, policy = os.getloadavg()[0], Threshold(0.75)
    result = evaluate(policy, read_outcomes(OUTCOMES))
    recorded = result.route_share
    with module("children", *map(str, HERE)) as (children, _), served(children) as (url, pid):
        async with client() as http:
            cpu = await measured(url, pid, given.calls, http)
            told = (await http.get(children)).json()
            rows = await compared(url, pid, cpu, given.escalated, 4 * given.calls, http)
    wire: dict[str, Any] = {step: [1, *(each / many for each in sizes)] for step, (many, *sizes) in told.items()}
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "busy": busy,
        "cpu_ms": [1000 * each for each in cpu],
        "wire": wire,
        "compared": rows,
        "planned": [
            planned(each, share, cpu, wire, given)
            for share in (given.escalated, recorded)
            for each in (1_000_000, 100_000_000)
        ],
    }


def table(found: dict[str, Any]) -> str:
    kept, escalated = found["cpu_ms"]
    lines = [
        f"CPU of a kept call {kept:.1f} ms, of an escalated one {escalated:.1f} ms, one after the other.",
        "",
        "| load | calls a second | p50 measured | simulated | p99 measured | simulated |",
        "|---|---|---|---|---|---|",
    ]
    most, *loads = found["compared"]
    for row in loads:
        ends = " | ".join(f"{row[f'{by}_{p}']:.2f} s" for p in ("p50", "p99") for by in ("measured", "simulated"))
        lines.append(f"| {row['used']:.0%} | {row['rate']:.1f} | {ends} |")
    lines += [
        "",
        f"At saturation {most['measured_rate']:.1f} calls a second measured, {most['simulated_rate']:.1f} simulated "
        f"({most['measured_rate'] / most['simulated_rate'] - 1:+.0%}); the server got {most['got']:.2f} of a core.",
        "",
        "| questions a day | " + " | ".join(f"{each['questions']:,}" for each in found["planned"]) + " |",
        "|---|---|---|---|---|",
    ]
    words = {
        "escalated": ("share escalated", "{:.0%}"),
        "peak_rate": ("questions a second, busiest hour", "{:,.0f}"),
        "replicas": ("replicas (processes, a core each)", "{:,}"),
        "cpu_used": ("share of their CPU used then", "{:.0%}"),
        "p50": ("p50 of a call then", "{:.2f} s"),
        "p99": ("p99 of a call then", "{:.2f} s"),
        "under_way_each": ("calls under way in each: `at_once`", "{:,}"),
        "model_rate": ("requests to models a second then", "{:,.0f}"),
        "requests": ("requests to models a day", "{:,.0f}"),
        "tokens_in": ("tokens in a day", "{:,.0f}"),
        "tokens_out": ("tokens out a day", "{:,.0f}"),
        "gigabytes": ("gigabytes to and from models a day", "{:,.0f}"),
        "usd": ("USD a day", "{:,.0f}"),
        "usd_large_alone": ("USD a day, large model alone", "{:,.0f}"),
    }
    for name, (label, form) in words.items():
        lines.append(f"| {label} | " + " | ".join(form.format(each[name]) for each in found["planned"]) + " |")
    return "\n".join([*lines, "", f"{found['date']}, load average {found['busy']:.1f} before."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100, help="calls of each kind that are measured")
    parser.add_argument("--peak", type=float, default=3.0, help="the busiest hour against the day's average")
    parser.add_argument("--seconds", type=float, nargs=3, default=(0.6, 0.8, 2.0), metavar=("DRAFT", "CHECK", "LARGE"))
    parser.add_argument("--small-price", type=float, nargs=2, default=(0.05, 0.2), metavar=("IN", "OUT"))
    parser.add_argument("--large-price", type=float, nargs=2, default=(2.0, 8.0), metavar=("IN", "OUT"))
    parser.add_argument("--escalated", type=float, default=0.3, help="share of the questions that are escalated")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/planning.md")
    given = parser.parse_args()
    found = asyncio.run(run(given))
    print(json.dumps(found, indent=1) if given.json else table(found))
    if given.write:
        insert("planning.md", "benchmarks.planning", table(found))


if __name__ == "__main__":
    main()
