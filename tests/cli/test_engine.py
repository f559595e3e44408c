from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from automix_cli import engine as engines
from automix_cli import launch
from automix_cli.engine import Engine, embedded, try_engine
from automix_core.errors import ConfigError, EngineError
from tests.cli.fakes import Play, alive, eventually

ROOT = Path(__file__).parents[2]


def post(engine: Engine, key: str | None = None, **body: Any) -> httpx.Response:
    """One chat completion, without the environment's proxies."""
    headers = {"Authorization": f"Bearer {engine.api_key if key is None else key}"}
    with httpx.Client(trust_env=False, timeout=110) as client:
        return client.post(f"{engine.base_url}/chat/completions", json=body, headers=headers)


def complaint(engine: Engine) -> str:
    """What `check` raises; empty as long as it finds nothing wrong."""
    try:
        engine.check()
    except EngineError as error:
        return str(error)
    return ""


def arguments(pid: int) -> str:
    """The command line of a process, as everybody on the computer can read it."""
    file = Path(f"/proc/{pid}/cmdline")
    if not file.exists():
        pytest.skip("no /proc here to read a command line from")
    return file.read_text()


@contextmanager
def parent_of(model: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A process that starts an engine, says its child's process id, and goes on; and what it says."""
    script = """
import sys
from automix_cli.engine import Engine
engine = Engine.start(sys.argv[1], slots=1)
print(engine.pid, flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        try:
            yield parent, parent.stdout
        finally:
            parent.kill()


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
    def test_it_ends_when_its_parent_is_killed(
        self, stub_engine: Path, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        monkeypatch.setenv("FAKE_ENGINE", how)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]))
        with parent_of("a/model.gguf") as (parent, said):
            assert eventually(lambda: stub_engine.exists() and stub_engine.read_text().endswith("}"))
            child = json.loads(stub_engine.read_text())["pid"]
            if how == "serve":
                assert int(said.readline()) == child
            assert alive(child)
            parent.kill()
            assert eventually(lambda: not alive(child))

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


@pytest.fixture(scope="module")
def engine(smollm2: Path) -> Iterator[Engine]:
    with Engine.start(smollm2, name="tiny", context=2048, slots=8) as running:
        yield running


@pytest.mark.engine
class TestTheRealEngine:
    """llama.cpp's server on SmolLM2."""

    def test_nothing_is_answered_without_the_key(self, engine: Engine) -> None:
        with httpx.Client(trust_env=False, headers={"Origin": "http://page.example"}) as client:
            root = engine.base_url.removesuffix("/v1")
            assert client.get(f"{root}/health").status_code == 200
            assert client.get(f"{engine.base_url}/models").status_code == 401
            assert client.post(f"{engine.base_url}/chat/completions", json={}).status_code == 401
            assert client.get(root).status_code == 404
            asked = client.options(
                f"{engine.base_url}/chat/completions", headers={"Access-Control-Request-Method": "POST"}
            )
            assert asked.headers.get("access-control-allow-origin", "") == ""
            assert asked.headers.get("access-control-allow-credentials", "false") == "false"

    def test_the_name_is_ours_and_no_path_is_told(self, engine: Engine) -> None:
        with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {engine.api_key}"}) as client:
            answer = client.get(f"{engine.base_url}/models")
        assert [model["id"] for model in answer.json()["data"]] == ["tiny"]

    def test_eight_choices_of_one_request_share_its_prompt(self, engine: Engine) -> None:
        question = "Name an animal. " * 40
        before = self.prompt_tokens(engine)
        message = {"role": "user", "content": question}
        answer = post(engine, messages=[message], n=8, temperature=1.0, max_tokens=4).json()
        assert len(answer["choices"]) == 8
        assert len({choice["message"]["content"] for choice in answer["choices"]}) > 1
        assert 0 < self.prompt_tokens(engine) - before <= answer["usage"]["prompt_tokens"]

    def test_eight_requests_at_once(self, engine: Engine) -> None:
        def ask(number: int) -> httpx.Response:
            message = {"role": "user", "content": f"Say the number {number}. " * 4}
            return post(engine, messages=[message], temperature=0.0, max_tokens=4, logprobs=True)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(8)))
        assert [answer.status_code for answer in answers] == [200] * 8
        assert all(answer.json()["choices"][0]["logprobs"]["content"] for answer in answers)

    def test_a_prompt_beyond_the_window_is_an_error_that_says_so(self, engine: Engine) -> None:
        answer = post(engine, messages=[{"role": "user", "content": "too long " * 2500}])
        assert answer.status_code == 400
        assert "context size" in answer.json()["error"]["message"]

    def test_the_key_and_the_prompts_are_not_in_the_log(self, engine: Engine) -> None:
        post(engine, messages=[{"role": "user", "content": "a very private question"}], max_tokens=1)
        said = engine.log.read_text()
        assert "listening" in said
        assert engine.api_key not in said
        assert "private" not in said
        assert engine.api_key not in arguments(engine.pid)

    def test_both_frameworks_reach_it_past_a_proxy(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("langchain_openai")
        pytest.importorskip("llama_index.llms.openai_like")
        from automix_cli.chat import chat_model
        from automix_cli.openai_like import openai_like

        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        message = chat_model(engine.endpoint, max_tokens=3).invoke("Say yes.")
        assert message.usage_metadata is not None
        assert message.usage_metadata["output_tokens"] <= 3
        chunks = list(chat_model(engine.endpoint, max_tokens=3).stream("Say yes."))
        assert any(chunk.usage_metadata for chunk in chunks)
        assert openai_like(engine.endpoint, max_tokens=3).complete("Say yes.").text

    def test_a_broken_file_is_named_with_the_reason(self, smollm2: Path, tmp_path: Path) -> None:
        broken = tmp_path / "half.gguf"
        with smollm2.open("rb") as whole:
            broken.write_bytes(whole.read(10_000_000))
        with pytest.raises(EngineError, match=r"from .*half\.gguf: .*(corrupted|incomplete)"):
            Engine.start(broken)

    def test_it_ends_when_its_parent_is_killed(self, smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        with parent_of(str(smollm2)) as (parent, said):
            child = int(said.readline())
            parent.kill()
            assert eventually(lambda: not alive(child))

    @staticmethod
    def prompt_tokens(engine: Engine) -> float:
        """Prompt tokens that the server has computed so far, cached ones not counted."""
        with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {engine.api_key}"}) as client:
            lines = client.get(f"{engine.base_url.removesuffix('/v1')}/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("llamacpp:prompt_tokens_total"))
