"""Trying to install AutoMix with the wrong Python, or without a package index."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.cli.served import ROOT

OLD = "#!/bin/sh\ncase $2 in *version_info\\[:3\\]*) printf 3.10.13 ;; *) exit 1 ;; esac\n"
"""A Python that is 3.10.13: it can say so and nothing else."""

PIPLESS = """#!/bin/sh
case $* in
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"-m pip"*) echo "ERROR: No matching distribution found for hatchling>=1.24" >&2; exit 1 ;;
esac
"""
"""A Python that makes environments whose pip can't reach anything."""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return path


def run(*command: str, cwd: Path = ROOT, **environment: str) -> tuple[int, str]:
    """Its exit code and what it says on standard error."""
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr


def find_python(folder: Path, **environment: str) -> tuple[int, str]:
    return run("/bin/sh", "scripts/find-python", cwd=ROOT, PATH=str(folder), **environment)


def copy_of_clone(folder: Path) -> Path:
    """As much of a clone as make looks at."""
    if shutil.which("make") is None:
        pytest.skip("no make here")
    (folder / "scripts").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "scripts/find-python"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def make(clone: Path, python: Path) -> tuple[int, str]:
    """`make demo` with that Python."""
    return run(str(shutil.which("make")), "demo", f"PYTHON={python}", cwd=clone, PATH="/usr/bin:/bin")


def pip_on_an_old_python(folder: Path) -> str:
    """What pip of Python 3.10 says; the requirement is pyproject.toml's, the sentence pip's."""
    if not [*distributions(name="pip")]:  # a stub of that name may be importable
        pytest.skip("this Python has no pip")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    wheel = folder / "automix_rag-1.0-py3-none-any.whl"
    info = "automix_rag-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: automix-rag\nVersion: 1.0\nRequires-Python: {wanted}\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    options = ["--no-index", "--no-deps", "--only-binary=:all:", "--python-version", "3.10"]
    code, said = run(sys.executable, "-m", "pip", "download", *options, "-d", str(folder / "out"), str(wheel))
    assert code == 1
    return said.strip()
