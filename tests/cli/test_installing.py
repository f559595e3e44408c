"""What a newcomer is told before there is anything of AutoMix to run: by scripts/find-python, by make, by pip."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.installing import OLD, PIPLESS, copy_of_clone, executable, find_python, make

if sys.platform == "win32":
    pytest.skip("make and sh are for other systems", allow_module_level=True)


def test_an_old_python_is_named_with_its_version(tmp_path: Path) -> None:
    executable(tmp_path / "python3", OLD)
    code, said = find_python(tmp_path)
    assert code == 1
    assert said.startswith("AutoMix needs Python 3.11 or newer with the venv module and none was found")
    assert "(python3 is 3.10.13): install one" in said
    assert "make PYTHON=/path/to/python3" in said


def test_no_python_at_all(tmp_path: Path) -> None:
    code, said = find_python(tmp_path)
    assert (code, len(said.splitlines())) == (1, 1)
    assert "none was found: install one" in said


def test_a_python_named_by_hand_is_taken_or_refused(tmp_path: Path) -> None:
    old = executable(tmp_path / "old", OLD)
    code, said = find_python(tmp_path, PYTHON=str(old))
    assert (code, said) == (
        1,
        f"AutoMix needs Python 3.11 or newer with the venv module; PYTHON={old} is not one (it is 3.10.13): "
        "name another, or none.\n",
    )
    assert find_python(tmp_path, PYTHON=sys.executable) == (0, "")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return copy_of_clone(tmp_path / "clone")


def test_make_says_the_same_and_leaves_no_environment(clone: Path) -> None:
    code, said = make(clone, executable(clone / "old", OLD))
    assert code == 2
    assert "is not one (it is 3.10.13)" in said
    assert not (clone / ".venv").exists()


def test_make_says_what_to_do_where_pip_finds_nothing(clone: Path) -> None:
    code, said = make(clone, executable(clone / "pipless", PIPLESS))
    assert code == 2
    assert "ERROR: No matching distribution found for hatchling" in said
    assert "the package index can't be reached: look at the network, HTTPS_PROXY and pip's index-url" in said
    assert not (clone / ".venv" / ".demo").exists()


def test_make_demo_asks_nothing(clone: Path) -> None:
    executable(clone / ".venv" / "bin" / "automix", '#!/bin/sh\necho "asked: $*"\n')
    for name in (".made", ".demo"):
        (clone / ".venv" / name).touch()
    done = subprocess.run(
        [str(shutil.which("make")), "demo", "ARGS=--tiny"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert "asked: demo --yes --tiny" in done.stdout
