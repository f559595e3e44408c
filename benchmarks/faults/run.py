"""All cells of a setting, in a few processes of a few threads each: nearly all of the time is waiting."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from . import cell
from .catalogue import BY_NAME as FAULTS_BY_NAME
from .catalogue import FAULTS
from .cell import Outcome
from .lag import Lag
from .server import STEPS, FaultServer, Step
from .ways import BY_NAME as WAYS_BY_NAME
from .ways import WAYS, Setting

SENSIBLE = Setting("sensible", child={"timeout": 2, "max_retries": 1}, cap=30)
DEFAULT = Setting("default", cascade={"timeout": 20}, cap=30)
TRIES = 4
"""How often a cell is asked again while others kept this process waiting."""
SETTINGS = {setting.name: setting for setting in (SENSIBLE, DEFAULT)}

Shard = tuple[str, Step, str, tuple[str, ...]]


def shards(setting: Setting, faults: Iterable[str], steps: Iterable[Step], ways: Iterable[str]) -> list[Shard]:
    """The work, a way and a step at a time: awaited and blocking calls don't share a process at the same time."""
    chosen = tuple(faults)
    return [(setting.name, step, way, chosen) for way in ways for step in steps]


@contextmanager
def prepared() -> Iterator[None]:
    """One authority in the place of all: each client of OpenAI's reads them anew, for a server that has none."""
    import certifi

    end = "-----END CERTIFICATE-----"
    first = Path(certifi.where()).read_text("utf-8").partition(end)[0] + end + "\n"
    before = os.environ.get("SSL_CERT_FILE")
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(first)
        file.flush()
        os.environ["SSL_CERT_FILE"] = file.name
        try:
            yield
        finally:
            if before is None:
                del os.environ["SSL_CERT_FILE"]
            else:
                os.environ["SSL_CERT_FILE"] = before


def work(threads: int, shard: Shard) -> list[Outcome]:
    """One shard, in this process."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    name, step, way, faults = shard
    setting, asking = SETTINGS[name], WAYS_BY_NAME[way]
    with prepared(), FaultServer() as server, Lag().watched() as lag, ThreadPoolExecutor(threads) as pool:
        cell.run(server, setting, FAULTS[0], "answer", asking)  # what is loaded once is not timed

        def ask(fault: str) -> Outcome:
            for tries in range(1, TRIES + 1):
                began = time.monotonic()
                outcome = replace(cell.run(server, setting, FAULTS_BY_NAME[fault], step, asking), tries=tries)
                answered = outcome.grade in "A-" and not FAULTS_BY_NAME[fault].slow
                if answered or not lag.between(began, time.monotonic()):
                    break
            return outcome

        return list(pool.map(ask, faults))


def run(
    setting: Setting,
    *,
    processes: int = 3,
    threads: int = 6,
    faults: Sequence[str] | None = None,
    steps: Sequence[Step] = STEPS,
    ways: Sequence[str] | None = None,
) -> list[Outcome]:
    """The outcomes of all cells chosen."""
    chosen = shards(setting, faults or list(FAULTS_BY_NAME), steps, ways or list(WAYS_BY_NAME))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        outcomes: list[Outcome] = []
        for shard, found in zip(chosen, pool.map(partial(work, threads), chosen), strict=True):
            print(*shard[:3], "".join(outcome.grade for outcome in found), file=sys.stderr, flush=True)
            outcomes += found
        return outcomes


__all__ = ["DEFAULT", "FAULTS", "SENSIBLE", "SETTINGS", "WAYS", "run"]
