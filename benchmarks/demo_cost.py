"""What the first ten minutes cost a newcomer: `git clone` and `make demo` from nothing, then `make demo` again.

    python -m benchmarks.demo_cost [--args=--tiny] [--rate 2MB/s] [--json]

The repository's last commit is cloned into a temporary folder, with its own environment, its own folder for weights and
no pip cache. Seconds run from the start of the clone ("nothing") or of make ("cache"), to the first answer and to the
end. Everything that pip downloads passes a proxy on this computer, which counts the bytes and, with --rate, lets
through no more than that: a slow line. What pip takes from folders on this computer is not counted. Peak memory is the
largest sum over the command and all its children, shared pages counted once. Keystrokes are those of the line that is
typed in the clone, Enter included. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import PeakMemory
from tests.loopback.proxy import Proxy

REPOSITORY = Path(__file__).resolve().parent.parent
PROXIES = ("https_proxy", "http_proxy", "all_proxy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--args", default="", help="passed on to automix demo")
    parser.add_argument("--rate", type=rate, help="let downloads through no faster, such as 2MB/s or 500kB/s")
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="what is cloned; default this one")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("demo_cost reads /proc, which only Linux has")
    upstream = proxy_in_use()
    with (
        tempfile.TemporaryDirectory(prefix="automix-demo-") as name,
        Proxy(rate=options.rate, upstream=upstream) as line,
    ):
        folder = Path(name)
        clone, environment = folder / "clone", fresh_environment(folder, with_credentials(line.url, upstream))
        begun = time.perf_counter()
        source = options.repository.resolve().as_uri()
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", source, str(clone)], check=True)
        cloned = time.perf_counter() - begun
        rounds = {"nothing": run(clone, environment, options.args, line, begun)}
        disk = {"environment": size_of(clone / ".venv"), "weights": size_of(folder / "weights")}
        rounds["cache"] = run(clone, environment, options.args, line, time.perf_counter())
    report = {
        "arguments": options.args,
        "typed": typed(options.args),
        "keystrokes": len(typed(options.args)) + 1,
        "cpus": os.cpu_count(),
        "rate_bytes_per_second": options.rate,
        "seconds_to_clone": cloned,
        "rounds": rounds,
        "disk_bytes": disk,
    }
    print(json.dumps(report, indent=2) if options.json else table(report))


def rate(text: str) -> float:
    """Bytes a second of `2MB/s`."""
    found = re.fullmatch(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kMG]?)B(?:/s)?", text)
    if not found or not float(found["number"]):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate such as 2MB/s or 500kB/s")
    return float(found["number"]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found["unit"]]


def proxy_in_use() -> str | None:
    """The proxy that pip uses on this computer, if any."""
    chosen = os.environ.get("PIP_PROXY") or next(
        (os.environ[name] for low in PROXIES for name in (low, low.upper()) if os.environ.get(name)), ""
    )
    if not chosen:
        asked = [sys.executable, "-m", "pip", "config", "get", "global.proxy"]
        chosen = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    if chosen and urlsplit(chosen).scheme != "http":
        sys.exit("demo_cost can stand before a proxy whose URL begins with http:// only")
    return chosen or None


def with_credentials(url: str, upstream: str | None) -> str:
    """Our proxy's URL, with the name and password that the one behind it asks for."""
    userinfo, at, _ = urlsplit(upstream or "").netloc.rpartition("@")
    return url.replace("//", f"//{userinfo}{at}", 1)


def fresh_environment(folder: Path, proxy: str) -> dict[str, str]:
    """This environment without keys, caches and settings of the person who runs the benchmark, behind our proxy."""
    dropped = ("AUTOMIX_", "LANGSMITH_", "LANGCHAIN_", "PYTHONPATH", "VIRTUAL_ENV", "MAKE", "MFLAGS")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and name.lower() not in (*PROXIES, "no_proxy")
    }
    own = {"PIP_NO_CACHE_DIR": "1", "PIP_PROXY": proxy, "HTTPS_PROXY": proxy, "HTTP_PROXY": proxy}
    return {**kept, **own, "AUTOMIX_CACHE_DIR": str(folder / "weights")}


def run(clone: Path, environment: dict[str, str], arguments: str, line: Proxy, begun: float) -> dict[str, Any]:
    """`make demo` once, watched; seconds count from `begun`."""
    before, first = line.received, None
    with (
        subprocess.Popen(typed(arguments), shell=True, cwd=clone, env=environment, stdout=PIPE, text=True) as process,
        PeakMemory(process.pid) as memory,
    ):
        assert process.stdout is not None
        for said in process.stdout:
            print(said, end="", file=sys.stderr)
            if first is None and said.split()[:1] == ["answer"]:
                first = time.perf_counter() - begun
    if process.returncode:
        sys.exit(f"make demo ended with {process.returncode}")
    if first is None:
        sys.exit("make demo printed no line that begins with: answer")
    return {
        "seconds_to_first_answer": first,
        "seconds": time.perf_counter() - begun,
        "downloaded_bytes": line.received - before,
        "peak_memory_bytes": memory.peak,
    }


def typed(arguments: str) -> str:
    """What a person types into a shell to get the same."""
    return "make demo" + (f" ARGS={shlex.quote(arguments)}" if arguments else "")


def size_of(folder: Path) -> int:
    """Bytes on the disk below a folder."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def table(report: dict[str, Any]) -> str:
    heads = ("to 1st answer, s", "to the end, s", "downloaded, MB", "peak memory, MB")
    rows = [f"{'make demo from':16}" + "".join(f"{head:>18}" for head in heads)]
    for name, found in report["rounds"].items():
        rows.append(
            f"{name:16}{found['seconds_to_first_answer']:>18.1f}{found['seconds']:>18.1f}"
            f"{found['downloaded_bytes'] / 1e6:>18.1f}{found['peak_memory_bytes'] / 1e6:>18.1f}"
        )
    disk, limit = report["disk_bytes"], report["rate_bytes_per_second"]
    rows.append(f"on disk: environment {disk['environment'] / 1e6:.0f} MB, weights {disk['weights'] / 1e6:.0f} MB")
    rows.append(f"line: {f'{limit / 1e6:g} MB/s' if limit else 'as fast as it is'}; {report['cpus']} CPUs")
    rows.append(f"typed: {report['typed']} ({report['keystrokes']} keystrokes)")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
