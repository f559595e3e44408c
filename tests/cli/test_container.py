"""The container file: its steps, run without an engine in a fresh environment; its build where an engine runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Containerfile").read_text("utf-8")


def test_it_copies_what_there_is_and_no_key() -> None:
    copied = [each for line in re.findall(r"^COPY (?!--from)(.*)$", TEXT, re.MULTILINE) for each in line.split()[:-1]]
    assert {"automix_core", "langchain_automix", "automix_cli", "pyproject.toml"} <= set(copied)
    assert all((ROOT / each).exists() for each in copied)
    ignored = (ROOT / ".containerignore").read_text("utf-8")
    assert ignored == (ROOT / ".dockerignore").read_text("utf-8")
    assert {f"!{each}" for each in copied} <= set(ignored.split())
    assert not re.search(r"^(ENV|ARG)\b.*KEY", TEXT, re.MULTILINE)


def test_it_runs_as_nobody_of_importance_and_asks_what_the_server_answers() -> None:
    assert re.search(r"^USER automix$", TEXT, re.MULTILINE)
    assert "/ready" in TEXT
    (entry,) = re.findall(r"^ENTRYPOINT \[(.*)\]$", TEXT, re.MULTILINE)
    assert shlex.split(entry.replace(",", " "))[1:3] == ["serve", "/deploy/cascade.toml"]


@pytest.mark.slow
def test_its_steps_make_an_endpoint(tmp_path: Path) -> None:
    """Only what it copies, in an empty folder; the versions are those that the tests run on."""
    (install,) = re.findall(r"^RUN python -m venv \S+ && \S+ install --no-cache-dir \"(.*)\"$", TEXT, re.MULTILINE)
    assert install == ".[serve]"
    for line in re.findall(r"^COPY (?!--from)(.*)$", TEXT, re.MULTILINE):
        for each in line.split()[:-1]:
            copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
            copy(ROOT / each, tmp_path / each)
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    made = subprocess.run(wheel, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (found,) = (tmp_path / "dist").glob("*.whl")
    target = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path / "here"), str(found)]
    subprocess.run(target, check=True, capture_output=True)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, "-m", "automix_cli", "serve", "nowhere.toml", "--host", "0.0.0.0"],
        cwd=tmp_path / "here",
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "nowhere.toml can't be read" in ran.stderr) == (2, True), ran.stderr


@pytest.mark.slow
def test_it_builds_where_an_engine_runs() -> None:
    engine = next((each for each in ("podman", "docker") if shutil.which(each)), None)
    if engine is None or subprocess.run([engine, "info"], capture_output=True, check=False).returncode:
        pytest.skip("no container engine runs here: the image was not built")
    built = subprocess.run(
        [engine, "build", "-q", "-f", "Containerfile", "."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
