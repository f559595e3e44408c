"""LangChain's `ChatOpenAI` for an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automix_core.errors import ConfigError

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

    from automix_cli.endpoint.endpoint import Endpoint

TIMEOUT = 300.0
"""Seconds for one request: a long prompt takes a while on a laptop's CPU."""


def chat_model(endpoint: Endpoint, **options: Any) -> ChatOpenAI:
    """The endpoint as a chat model that answers at temperature 0; `options` are ChatOpenAI's own and win.

    Usage is streamed too (langchain-openai leaves it out for a base URL of one's own). On loopback the environment's
    proxies are ignored; elsewhere they stay in use.

    Raises:
        ConfigError: langchain-openai is not installed.
    """
    try:
        from langchain_openai import ChatOpenAI
    except ImportError as error:
        raise ConfigError("langchain-openai is missing: pip install 'automix-rag[all]'") from error
    from pydantic import SecretStr

    clients: dict[str, Any] = {}
    if endpoint.loopback:
        from automix_cli.endpoint.loopback import AsyncLoopbackClient, LoopbackClient

        clients["http_client"] = LoopbackClient(TIMEOUT)
        clients["http_async_client"] = AsyncLoopbackClient(TIMEOUT)
    settings: dict[str, Any] = {
        "model": endpoint.model,
        "base_url": endpoint.base_url,
        "api_key": SecretStr(endpoint.api_key),
        "temperature": 0.0,
        "timeout": TIMEOUT,
        "stream_usage": True,
    }
    return ChatOpenAI(**(settings | clients | options))
