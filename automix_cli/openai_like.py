"""LlamaIndex's `OpenAILike` for an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automix_cli.chat import TIMEOUT
from automix_core.errors import ConfigError

if TYPE_CHECKING:
    from llama_index.llms.openai_like import OpenAILike  # type: ignore[import-untyped, unused-ignore]

    from automix_cli.endpoint import Endpoint


def openai_like(endpoint: Endpoint, **options: Any) -> OpenAILike:
    """The endpoint as a LlamaIndex LLM that answers at temperature 0; `options` are OpenAILike's own and win.

    On loopback the environment's proxies are ignored; elsewhere they stay in use.

    Raises:
        ConfigError: llama-index-llms-openai-like is not installed.
    """
    try:
        from llama_index.llms.openai_like import OpenAILike
    except ImportError as error:
        raise ConfigError("llama-index-llms-openai-like is missing: pip install 'automix-rag[all]'") from error
    clients: dict[str, Any] = {}
    if endpoint.loopback:
        from automix_cli.loopback import AsyncLoopbackClient, LoopbackClient

        clients["http_client"] = LoopbackClient(TIMEOUT)
        clients["async_http_client"] = AsyncLoopbackClient(TIMEOUT)
    settings: dict[str, Any] = {
        "model": endpoint.model,
        "api_base": endpoint.base_url,
        "api_key": endpoint.api_key,
        "temperature": 0.0,
        "timeout": TIMEOUT,
        "is_chat_model": True,
    }
    if endpoint.context_window is not None:
        settings["context_window"] = endpoint.context_window
    return OpenAILike(**(settings | clients | options))
