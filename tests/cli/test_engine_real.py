"""llama.cpp's server on SmolLM2."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from automix_cli.engine.engine import Engine
from automix_core.errors import EngineError
from tests.cli.fakes import alive, eventually
from tests.cli.served import ROOT, arguments, parent_of, post


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

    def test_a_prompt_asked_afresh_is_read_anew(self, engine: Engine) -> None:
        def read(**options: Any) -> float:
            before = self.prompt_tokens(engine)
            post(engine, messages=[{"role": "user", "content": "Count the steps. " * 40}], max_tokens=1, **options)
            return self.prompt_tokens(engine) - before

        whole = read(cache_prompt=False)
        assert read() < whole / 10
        assert read(cache_prompt=False) == whole

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
        from langchain_automix.child.endpoint import chat_model
        from llamaindex_automix.child.endpoint import openai_like

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
