"""The servers themselves, asked without any client: they answer, bill and refuse as the providers do."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import httpx
import pytest

from tests.loopback import Reply
from tests.providers.wire import WIRES, ProviderServer

Json = dict[str, Any]
USER = [{"role": "user", "content": "Who built it?"}]
PARTS = [{"role": "user", "parts": [{"text": "Who built it?"}]}]
BLOCKS = [{"role": "user", "content": [{"text": "Who built it?"}]}]

QUESTIONS: dict[str, tuple[str, Json]] = {
    "anthropic": ("/v1/messages", {"model": "m", "max_tokens": 50, "messages": USER}),
    "azure": ("/openai/deployments/m/chat/completions?api-version=1", {"model": "m", "messages": USER}),
    "bedrock": ("/model/m/converse", {"messages": BLOCKS}),
    "deepseek": ("/v1/chat/completions", {"model": "m", "messages": USER}),
    "google": ("/v1beta/models/m:generateContent", {"contents": PARTS}),
    "groq": ("/openai/v1/chat/completions", {"model": "m", "messages": USER}),
    "mistral": ("/v1/chat/completions", {"model": "m", "messages": USER}),
    "ollama": ("/api/chat", {"model": "m", "messages": USER, "stream": False}),
    "openai": ("/v1/chat/completions", {"model": "m", "messages": USER}),
    "openai-like": ("/v1/chat/completions", {"model": "m", "messages": USER}),
    "openrouter": ("/v1/chat/completions", {"model": "m", "messages": USER}),
}


def post(server: ProviderServer, provider: str, **more: Any) -> httpx.Response:
    path, body = QUESTIONS[provider]
    return httpx.post(server.at(provider) + path, json={**body, **more}, trust_env=False)


@pytest.mark.parametrize("provider", WIRES)
def test_an_answer_is_given_and_billed(server: ProviderServer, provider: str) -> None:
    server.say("m", Reply("It was Oda.", reasoning="Well."))
    answer = post(server, provider)
    assert (answer.status_code, "It was Oda." in answer.text) == (200, True)
    assert server.tokens("m") == (3, 4)


@pytest.mark.parametrize(
    ("provider", "settings", "status", "named"),
    [
        ("anthropic", {"seed": 1}, 400, "seed"),
        ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, 400, "max_tokens"),
        ("anthropic", {"max_tokens": None}, 400, "max_tokens"),
        ("bedrock", {"temperature": 1}, 400, "temperature"),
        ("deepseek", {"n": 2}, 400, "n value"),
        ("google", {"generationConfig": {"max_tokens": 1}}, 400, "max_tokens"),
        ("groq", {"n": 2}, 400, "'n'"),
        ("groq", {"num_predict": 2}, 400, "num_predict"),
        ("mistral", {"seed": 1}, 422, "seed"),
        ("openai", {"top_k": 1}, 400, "top_k"),
        ("openai", {"max_tokens": 1, "max_completion_tokens": 1}, 400, "max_tokens"),
        ("openai", {"model": "o4-mini", "temperature": 0}, 400, "temperature"),
        ("azure", {"max_tokens": 1, "max_completion_tokens": 1}, 400, "max_tokens"),
    ],
)
def test_a_setting_is_refused_as_the_provider_does(
    server: ProviderServer, provider: str, settings: Json, status: int, named: str
) -> None:
    answer = post(server, provider, **settings)
    assert answer.status_code == status
    assert named in answer.text
    assert not server.billed


def test_an_ollama_option_that_nobody_knows_is_ignored(server: ProviderServer) -> None:
    assert post(server, "ollama", options={"max_tokens": 5}).status_code == 200
    assert server.asked()[0].body.get("max_tokens") is None


def test_thoughts_come_first_and_count_against_the_limit(server: ProviderServer) -> None:
    server.thinks["m"] = 300
    cut = post(server, "openai-like", max_tokens=256).json()
    assert (cut["choices"][0]["message"]["content"], cut["choices"][0]["finish_reason"]) == ("", "length")
    assert cut["usage"]["completion_tokens"] == 256
    whole = post(server, "openai-like", max_tokens=4096).json()
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["completion_tokens"] > 300


def test_bedrocks_events_bear_their_checksums(server: ProviderServer) -> None:
    server.say("m", "It was Oda.")
    answer = httpx.post(server.at("bedrock") + "/model/m/converse-stream", json={"messages": BLOCKS}, trust_env=False)
    data, bodies = answer.content, []
    while data:
        length, headers = struct.unpack("!II", data[:8])
        assert struct.unpack("!I", data[length - 4 : length])[0] == zlib.crc32(data[: length - 4])
        bodies.append(json.loads(data[12 + headers : length - 4]))
        data = data[length:]
    assert "".join(body["delta"]["text"] for body in bodies if "delta" in body) == "It was Oda."
    assert bodies[-1]["usage"] == {
        "inputTokens": 3,
        "outputTokens": 3,
        "totalTokens": 6,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
    }
