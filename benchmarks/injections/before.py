"""The checking prompt of commit c659b6b, out of this repository's history: what attacks are compared with."""

from __future__ import annotations

import atexit
import importlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

COMMIT = "c659b6b"


@cache
def core() -> str:
    """The name of that commit's core, importable from now on beside today's."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    asked = ["git", "archive", COMMIT, "automix_core"]
    packed = subprocess.run(asked, cwd=Path(__file__).parents[2], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    (folder / "automix_core").rename(folder / "automix_core_before")
    sys.path.append(str(folder))
    return "automix_core_before"


def module(name: str) -> ModuleType:
    """One of its modules: prompt, query, verdict."""
    return importlib.import_module(f"{core()}.{name}")


def case(context: str, question: str, answer: str, history: str = "", instructions: str = "") -> str:
    """The turn that asked for a check."""
    prompt, query = module("prompt"), module("query")
    asked = query.Query(question, (context,) if context else (), history=history, instructions=instructions)
    return str(prompt.CASE.format(**prompt.case_variables(asked, answer)))


def turns(context: str, question: str, answer: str, history: str = "", instructions: str = "") -> list[tuple[str, str]]:
    """The whole request."""
    prompt = module("prompt")
    found = [("system", prompt.INSTRUCTIONS)]
    for shot in prompt.SHOTS:
        found += [("user", case(shot.context, shot.question, shot.answer)), ("assistant", shot.check)]
    return [*found, ("user", case(context, question, answer, history, instructions))]
