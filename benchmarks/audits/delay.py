"""How much longer a call takes while every call is audited, against the same call without audits.

Calls arrive one after the other at an even pace, whether or not earlier ones have ended, so audits of earlier calls
run during later ones. Blocks of audited and unaudited calls take turns in an order drawn anew each round; the call at
one place of a block is paired with the call at the same place of the others. Two unaudited blocks a round, paired with
each other, tell how much of the differences is the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from statistics import median
from typing import Any

from automix_core.audit.audit import Audit

PAUSE = 0.05
BLOCK, WARM = 25, 5
"""Calls of a block, and how many of its first are not counted: no audit runs beside them yet."""

Ask = Callable[[str], Any]


def block(ask: Ask, gap: float, pool: ThreadPoolExecutor) -> tuple[list[float], float, float]:
    """Seconds of each call of a block, the CPU seconds they took and the seconds until the last had ended."""

    def timed(number: int) -> float:
        start = time.perf_counter()
        ask(f"Who built lighthouse {number}?")
        return time.perf_counter() - start

    began, spent = time.perf_counter(), time.process_time()
    calls: list[Future[float]] = []
    for number in range(BLOCK):
        time.sleep(max(0.0, began + number * gap - time.perf_counter()))
        calls.append(pool.submit(timed, number))
    times = [call.result() for call in calls]
    return times[WARM:], time.process_time() - spent, time.perf_counter() - began


def compare(build: Callable[[Audit | None], Ask], rounds: int, load: float) -> dict[str, Any]:
    """Blocks in turns at the pace at which audited calls load the interpreter to `load`."""
    outcomes: list[Any] = []
    audit = Audit(outcomes.append, queue=10_000)
    asks = {"off": build(None), "on": build(audit), "off again": build(None)}
    times: dict[str, list[float]] = {name: [] for name in asks}
    loads: list[float] = []
    random, gap = Random(0), PAUSE * 4
    with ThreadPoolExecutor(32) as pool:
        for turn in range(rounds + 2):  # two to warm up and to find the pace
            for name in random.sample(list(asks), len(asks)):
                took, cpu, wall = block(asks[name], gap, pool)
                audit.flush()
                if turn < 2 and name == "on":
                    gap = max(PAUSE, cpu / BLOCK / load)
                elif turn >= 2:
                    times[name] += took
                    loads += [cpu / wall] * (name == "on")
    done = audit.counts.done
    assert done == len(outcomes) == (rounds + 2) * BLOCK, "an audit is missing"
    added = sorted(on - off for on, off in zip(times["on"], times["off"], strict=True))
    noise = sorted(one - other for one, other in zip(times["off again"], times["off"], strict=True))
    return {
        "pairs": len(added),
        "gap_ms": ms(gap),
        "load": round(median(loads), 3),
        "off_p50_ms": ms(quantile(times["off"], 0.5)),
        "on_p50_ms": ms(quantile(times["on"], 0.5)),
        "off_p99_ms": ms(quantile(times["off"], 0.99)),
        "on_p99_ms": ms(quantile(times["on"], 0.99)),
        "added_p50_ms": ms(quantile(added, 0.5)),
        "added_p99_ms": ms(quantile(added, 0.99)),
        "noise_p50_ms": ms(quantile(noise, 0.5)),
        "noise_p99_ms": ms(quantile(noise, 0.99)),
    }


def quantile(values: list[float], share: float) -> float:
    """The smallest value that `share` of the values don't exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
