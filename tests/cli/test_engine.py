"""The embedded engine's child process, with a stub of llama.cpp's server."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from automix_cli.engine import engine as engines
from automix_cli.engine import launch
from automix_cli.engine.engine import Engine, embedded, try_engine
from automix_core.errors import ConfigError, EngineError
from tests.cli.fakes import Play, alive, eventually
from tests.cli.served import ROOT, arguments, complaint, parent_of, post


@pytest.mark.slow
class TestTheChildProcess:
    """Everything around the engine, with a stub of it."""

    def test_it_serves_until_the_block_ends(self, stub_engine: Path) -> None:
        with Engine.start("a/model.gguf", name="small") as engine:
            assert engine.base_url.startswith("http://127.0.0.1:")
            assert (engine.model, engine.version) == ("small", "stub")
            assert post(engine).status_code == 200
            assert post(engine, key="wrong").status_code == 401
            engine.check()
        assert not alive(engine.pid)
        assert not engine.log.exists()
        engine.close()

    def test_what_the_server_is_told(self, stub_engine: Path) -> None:
        with Engine.start("a/model.gguf", context=2048, slots=3, threads=1) as engine:
            told = json.loads(stub_engine.read_text())
        assert told["model"] == {"path": "a/model.gguf"}
        assert told["model_alias"] == ["model"]
        assert (told["hostnames"], told["port"]) == (["127.0.0.1"], 0)
        assert told["api_keys"] == [engine.api_key]
        assert (told["ui"], told["cors_origins"], told["cors_credentials"]) == (False, "", False)
        assert (told["n_parallel"], told["kv_unified_per_slot"]) == (3, 2048)
        assert told["cpuparams"] == told["cpuparams_batch"] == {"n_threads": 1}

    def test_the_key_shows_nowhere(self, stub_engine: Path) -> None:
        with Engine.start("a/model.gguf") as engine, Engine.start("a/model.gguf") as other:
            assert len(engine.api_key) >= 32
            assert engine.api_key != other.api_key
            shown = f"{engine!r} {engine} {engine.endpoint!r} {arguments(engine.pid)} {engine.log.read_text()}"
            assert "noise on standard output" in shown
            assert engine.api_key not in shown

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ("SIGILL", "this CPU lacks instructions"),
            ("SIGKILL", "memory ran out"),
            ("SIGSEGV", "it died of SIGSEGV"),
            ("refuse", "can't serve model from a/model.gguf: the file ends too early"),
            ("absent", r"No module named 'xllamacpp'\): pip install 'automix-rag\[demo\]'"),
        ],
    )
    def test_a_child_that_dies_says_why(
        self, stub_engine: Path, monkeypatch: pytest.MonkeyPatch, how: str, told: str
    ) -> None:
        monkeypatch.setenv("FAKE_ENGINE", how)
        with pytest.raises(EngineError, match=told) as caught:
            Engine.start("a/model.gguf")
        assert "--small URL#model --large URL#model" in str(caught.value)
        if how.startswith("SIG"):
            assert "its last words were '0.1 I loading a/model.gguf'" in str(caught.value)

    def test_a_child_that_dies_later_is_noticed(self, stub_engine: Path) -> None:
        with Engine.start("a/model.gguf", name="small") as engine:
            os.kill(engine.pid, signal.SIGKILL)
            assert eventually(lambda: complaint(engine))
            assert "the engine for small has stopped: it was killed" in complaint(engine)
        assert engine.log.exists()

    def test_a_child_that_takes_too_long_is_ended(self, stub_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FAKE_ENGINE", "hang")
        with pytest.raises(EngineError, match="did not start within 3 seconds"):
            Engine.start("a/model.gguf", limit=3)
        assert not alive(json.loads(stub_engine.read_text())["pid"])

    def test_ctrl_c_while_loading_ends_the_child(self, stub_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FAKE_ENGINE", "hang")

        def interrupted(*_: object) -> None:
            assert eventually(lambda: stub_engine.exists() and stub_engine.read_text().endswith("}"))
            raise KeyboardInterrupt

        monkeypatch.setattr(launch, "_report", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Engine.start("a/model.gguf")
        assert not alive(json.loads(stub_engine.read_text())["pid"])

    @pytest.mark.parametrize(
        "how",
        [
            "serve",
            pytest.param(
                "hang", marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a closed pipe")
            ),
        ],
    )
    @pytest.mark.parametrize("killer", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
    def test_it_ends_with_its_parent_however_that_ends(
        self, stub_engine: Path, monkeypatch: pytest.MonkeyPatch, how: str, killer: str
    ) -> None:
        monkeypatch.setenv("FAKE_ENGINE", how)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]))
        with parent_of("a/model.gguf") as (parent, said):
            assert eventually(lambda: stub_engine.exists() and stub_engine.read_text().endswith("}"))
            child = json.loads(stub_engine.read_text())["pid"]
            if how == "serve":
                assert int(said.readline()) == child
            assert alive(child)
            parent.send_signal(getattr(signal, killer))
            assert parent.wait(60) != 0
            assert eventually(lambda: not alive(child))

    def test_no_two_take_the_same_port(self, stub_engine: Path) -> None:
        """The port is 0 in the settings: the system picks a free one, so a taken port can't be met."""
        with Engine.start("a/model.gguf") as first, Engine.start("a/model.gguf") as second:
            assert first.base_url != second.base_url
            assert json.loads(stub_engine.read_text())["port"] == 0
            assert [post(engine).status_code for engine in (first, second)] == [200, 200]

    def test_the_engine_can_be_tried_without_weights(self, stub_engine: Path) -> None:
        assert try_engine() == "stub"

    def test_the_log_goes_elsewhere_if_the_cache_cannot_be_written(
        self, stub_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("AUTOMIX_CACHE_DIR", str(tmp_path / "file"))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        with Engine.start("a/model.gguf") as engine:
            assert engine.log.parent == tmp_path / "temporary"

    def test_only_the_newest_logs_are_kept(self, stub_engine: Path, cache: Path) -> None:
        (cache / "logs").mkdir(parents=True)
        for number in range(20):
            (cache / "logs" / f"automix-old-{number}.log").touch()
        with Engine.start("a/model.gguf"):
            assert len(list((cache / "logs").iterdir())) == 10

    def test_models_are_fetched_and_served_by_name(
        self, stub_engine: Path, play: Play, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PYTHONPATH", str(stub_engine.parent / "stubs"))
        monkeypatch.setattr("automix_cli.weights.registry.MODELS", (play.weights,))
        with embedded(["toy", "t"], slots=[5, 2]) as (small, large):
            assert small is large
            assert small.model == "toy"
            told = json.loads(stub_engine.read_text())
            assert told["model"]["path"] == str(cache / "toy-q4.gguf")
            assert told["n_parallel"] == 5
        assert not alive(small.pid)
        with pytest.raises(ConfigError, match="no embedded model is called 'gpt'"), embedded(["gpt"]):
            pass


def test_threads_are_left_to_the_engine_unless_fewer_cpus_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: "200000 100000\n")
    assert engines._allowed_threads() == 2
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: "max 100000\n")
    assert engines._allowed_threads() is None
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    assert engines._allowed_threads() == 3
