"""What a newcomer is told before there is anything of AutoMix to run: by scripts/find-python, by make, by pip."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.served import ROOT

if sys.platform == "win32":
    pytest.skip("make and sh are for other systems", allow_module_level=True)

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
    """As much of a clone as make looks at."""
    if shutil.which("make") is None:
        pytest.skip("no make here")
    (tmp_path / "scripts").mkdir()
    for name in ("Makefile", "pyproject.toml", "scripts/find-python"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(clone: Path, python: Path) -> tuple[int, str]:
    return run(str(shutil.which("make")), "demo", f"PYTHON={python}", cwd=clone, PATH="/usr/bin:/bin")


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


def test_pip_refuses_another_python_in_words(tmp_path: Path) -> None:
    """The requirement is pyproject.toml's; the sentence is pip's."""
    import tomllib

    pytest.importorskip("pip", reason="this Python has no pip")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    wheel = tmp_path / "automix_rag-1.0-py3-none-any.whl"
    info = "automix_rag-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: automix-rag\nVersion: 1.0\nRequires-Python: {wanted}\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    options = ["--no-index", "--no-deps", "--only-binary=:all:", "--python-version", "3.10"]
    code, said = run(sys.executable, "-m", "pip", "download", *options, "-d", str(tmp_path / "out"), str(wheel))
    assert code == 1
    assert "Package 'automix-rag' requires a different Python: 3.10.0 not in '>=3.11'" in said
