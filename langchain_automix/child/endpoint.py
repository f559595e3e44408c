"""LangChain's `ChatOpenAI` for an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automix_core.endpoint.endpoint import TIMEOUT
from automix_core.endpoint.loopback import clients
from automix_core.errors import ConfigError

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

    from automix_core.endpoint.endpoint import Endpoint


def chat_model(endpoint: Endpoint, **options: Any) -> ChatOpenAI:
    """The endpoint as a chat model that answers at temperature 0 unless told; `options` are ChatOpenAI's own and win.

    Usage is streamed too (langchain-openai leaves it out for a base URL of one's own). On loopback the environment's
    proxies are ignored; elsewhere they stay in use.

    Raises:
        ConfigError: langchain-openai is not installed.
    """
    try:
        from langchain_openai import ChatOpenAI
    except ImportError as error:
        raise ConfigError(
            "langchain-openai is missing: pip install langchain-openai, or the extra 'automix-rag[all]'"
        ) from error
    from pydantic import SecretStr

    if endpoint.loopback:
        plain, awaited = clients(TIMEOUT)
        options = {"http_client": plain, "http_async_client": awaited, **options}
    settings: dict[str, Any] = {
        "model": endpoint.model,
        "base_url": endpoint.base_url,
        "api_key": SecretStr(endpoint.api_key),
        "temperature": 0.0,
        "timeout": TIMEOUT,
        "stream_usage": True,
    }
    return ChatOpenAI(**(settings | options))
