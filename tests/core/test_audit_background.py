"""Work in the background: bounded, limited, counted, never in the way."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from functools import partial
from itertools import pairwise

import pytest

from automix_core.audit.background import Background


def test_work_is_done_and_its_cost_counted() -> None:
    background, done = Background(), []

    def job(n: int) -> float | None:
        done.append(n)
        return None if n == 2 else 0.5

    for n in range(3):
        assert background.offer(partial(job, n))
    assert background.flush(10)
    assert sorted(done) == [0, 1, 2]
    counts = background.counts
    assert (counts.done, counts.cost, counts.cost_unknown) == (3, 1.0, 1)


def test_what_has_no_room_is_dropped_at_once_and_counted() -> None:
    background, gate = Background(most=2, workers=1), threading.Event()
    started = threading.Event()

    def wait() -> float:
        started.set()
        gate.wait(10)
        return 0.0

    background.offer(wait)
    assert started.wait(10)
    taken = [background.offer(lambda: 0.0) for _ in range(5)]
    assert taken == [True, True, False, False, False]
    gate.set()
    assert background.flush(10)
    assert (background.counts.done, background.counts.dropped) == (3, 3)


def test_a_failure_is_logged_and_the_next_job_is_done(caplog: pytest.LogCaptureFixture) -> None:
    background = Background(workers=1)

    def fail() -> float:
        raise ValueError("sk-secret")

    background.offer(fail)
    background.offer(lambda: 0.0)
    assert background.flush(10)
    assert (background.counts.failed, background.counts.done) == (1, 1)
    assert "ValueError" in caplog.text
    assert "sk-secret" not in caplog.text


def test_a_day_s_budget_ends_the_work() -> None:
    background = Background(budget=1.0)
    for _ in range(4):
        background.offer(lambda: 0.6)
        background.flush(10)
    assert (background.counts.done, background.counts.dropped) == (2, 2)


def test_no_more_begin_a_second_than_the_rate() -> None:
    background, starts = Background(workers=4, rate=20), []

    def job() -> float:
        starts.append(time.monotonic())
        return 0.0

    for _ in range(5):
        background.offer(job)
    assert background.flush(20)
    starts.sort()
    assert min(later - earlier for earlier, later in pairwise(starts)) > 0.02


def test_closing_gives_up_what_takes_too_long() -> None:
    background, gate = Background(workers=1), threading.Event()
    background.offer(lambda: float(gate.wait(20)))
    background.offer(lambda: 0.0)
    assert not background.close(0.05)
    assert background.counts.abandoned == 2
    assert not background.offer(lambda: 0.0)
    gate.set()


def test_a_process_drains_its_work_when_it_ends_and_does_not_hang() -> None:
    script = """
import time
from automix_core.audit.background import Background
b, slow = Background(drain=20), Background(drain=0.2)
b.offer(lambda: print("drained", flush=True) or 0.0)
slow.offer(lambda: time.sleep(600))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert "drained" in ran.stdout
    assert "given up" in ran.stderr
