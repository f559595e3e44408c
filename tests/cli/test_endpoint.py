from __future__ import annotations

import httpx
import pytest

from automix_core.endpoint.endpoint import Endpoint, parse_endpoint
from automix_core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "base_url", "model"),
    [
        ("http://localhost:11434#llama3.2:1b", "http://localhost:11434/v1", "llama3.2:1b"),
        ("http://localhost:11434/#a", "http://localhost:11434/v1", "a"),
        ("https://api.example.com/openai/v1/#org/model#2", "https://api.example.com/openai/v1", "org/model#2"),
        ("http://[::1]:8000/v1/chat/completions#a", "http://[::1]:8000/v1", "a"),
    ],
)
def test_a_url_and_a_model(text: str, base_url: str, model: str) -> None:
    endpoint = parse_endpoint(text, "small")
    assert (endpoint.base_url, endpoint.model) == (base_url, model)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "llama3.2",
        "http://localhost:11434/v1",
        "ftp://host/v1#m",
        "http://#m",
        "#m",
        "http://[bad#m",
        "http://h:abc#m",
        "http://h:99999#m",
        "http://a b#m",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"large must be URL#model, such as http://localhost:11434/v1#llama3\.2"):
        parse_endpoint(text, "large")


@pytest.mark.parametrize(
    "text",
    [
        "https://me:hunter2@host/v1#m",
        "https://host/v1?key=hunter2#m",
        "https://me:hunter2@host/v1",
        "https://host/v1?key=hunter2",
        "host/v1#m?key=hunter2",
    ],
)
def test_a_key_in_the_url_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_endpoint(text, "small")
    assert "hunter2" not in str(caught.value)


def test_the_key_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_endpoint("http://h#m", "small").api_key == "none"
    monkeypatch.setenv("OPENAI_API_KEY", "shared")
    assert parse_endpoint("http://h#m", "small").api_key == "shared"
    monkeypatch.setenv("MY_SMALL_1_API_KEY", "its own")
    endpoint = parse_endpoint("http://h#m", "my-small.1")
    assert endpoint.api_key == "its own"
    assert "its own" not in repr(endpoint)


def test_a_key_is_what_a_header_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALL_API_KEY", " sk-1\n")
    assert parse_endpoint("http://h#m", "small").api_key == "sk-1"
    monkeypatch.setenv("SMALL_API_KEY", "sk-sécret")
    with pytest.raises(ConfigError, match="SMALL_API_KEY holds a character") as caught:
        parse_endpoint("http://h#m", "small")
    assert "sécret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("a.org", False),
    ],
)
def test_what_is_on_this_computer(host: str, loopback: bool) -> None:
    assert Endpoint(f"http://{host}:1/v1", "m", "k").loopback is loopback


@pytest.mark.parametrize(("host", "trusted"), [("127.0.0.1", False), ("models.example", True)])
def test_proxies_are_ignored_on_loopback_only(host: str, trusted: bool) -> None:
    pytest.importorskip("langchain_openai")
    pytest.importorskip("llama_index.llms.openai_like")
    from langchain_automix.child.endpoint import chat_model
    from llamaindex_automix.child.endpoint import openai_like

    endpoint = Endpoint(f"http://{host}:1/v1", "m", "a-secret-key", context_window=2048)
    chat, like = chat_model(endpoint, max_tokens=5), openai_like(endpoint, max_tokens=5)
    for client in (chat.root_client._client, like._get_client()._client):
        assert isinstance(client, httpx.Client)
        assert client.trust_env is trusted
    assert (chat.temperature, chat.max_tokens, like.temperature, like.max_tokens) == (0.0, 5, 0.0, 5)
    assert like.context_window == 2048
    assert "a-secret-key" not in repr(chat)
