"""Work in the background: bounded, limited, counted, never in the way."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TypeVar

import pytest

from automix_core.audit import background as module
from automix_core.audit.background import Background

T = TypeVar("T")


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
from automix_core.audit import background as module
from automix_core.audit.background import Background
b, slow = Background(drain=20), Background(drain=0.2)
b.offer(lambda: print("drained", flush=True) or 0.0)
slow.offer(lambda: time.sleep(600))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert "drained" in ran.stdout
    assert "given up" in ran.stderr


def test_a_new_day_has_a_budget_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    background, day = Background(budget=1.0), 20_000
    monkeypatch.setattr("automix_core.audit.background.time.time", lambda: day * 86400.0)
    taken = []
    for _ in range(2):
        for _ in range(2):
            taken.append(background.offer(lambda: 1.0))
            assert background.flush(10)
        day += 1
    assert taken == [True, False, True, False]
    assert (background.counts.done, background.counts.dropped, background.counts.cost) == (2, 2, 2.0)


def test_a_process_that_can_start_no_thread_drops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    background = Background()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert not background.offer(lambda: 0.0)
    assert background.counts.dropped == 1
    assert background.flush(0), "nothing waits for a thread that never began"
    assert background.offer(lambda: 0.0), "it is tried again with the next"
    assert background.flush(10)


def test_a_thread_that_waits_in_vain_ends_and_the_next_work_has_a_new_one() -> None:
    background, idents = Background(workers=1), []

    def job() -> float:
        idents.append(threading.current_thread())
        return 0.0

    class Impatient(threading.Condition):
        def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
            return super().wait_for(predicate, timeout and min(timeout, 0.01))

    background._wake = Impatient()
    for _ in range(2):
        assert background.offer(job)
        while background._threads:
            time.sleep(0.005)
    assert background.counts.done == 2
    assert idents[0] is not idents[1]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_fork_begins_with_no_work_and_leaves_its_parent_s_alone() -> None:
    script = """
import os, threading
from automix_core.audit import background as module
from automix_core.audit.background import Background
gate, b = threading.Event(), Background(workers=1, drain=20)
b.offer(lambda: float(gate.wait(20)))
b.offer(lambda: print("parent", flush=True) or 0.0)
idle = Background()
child = os.fork()
if child == 0:
    assert b.offer(lambda: print("child", flush=True) or 0.0)
    assert b.flush(20) and b.counts.done == 1
    raise SystemExit(7)
status = os.waitpid(child, 0)[1]
gate.set()
assert b.flush(20) and b.counts.done == 2
print(os.waitstatus_to_exitcode(status))
"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout.split() == ["child", "parent", "7"]
    assert "given up" not in ran.stderr


def test_only_the_process_that_made_it_closes_it_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, parents = Background(), Background()
    parents._pid = -1
    monkeypatch.setattr(module, "_all", [mine, parents])
    module._close_all()
    assert (mine._closed, parents._closed) == (True, False)
