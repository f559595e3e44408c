"""LlamaIndex's `OpenAILike` for an endpoint."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from automix_core.endpoint.endpoint import TIMEOUT
from automix_core.endpoint.loopback import clients
from automix_core.errors import ConfigError

if TYPE_CHECKING:
    from llama_index.llms.openai_like import OpenAILike  # type: ignore[import-untyped, unused-ignore]

    from automix_core.endpoint.endpoint import Endpoint


def openai_like(endpoint: Endpoint, **options: Any) -> OpenAILike:
    """The endpoint as a LlamaIndex LLM that answers at temperature 0 unless told.

    `options` are OpenAILike's own and win; None is its default.

    It has an `n`, which OpenAILike lacks, so that all verdicts on a draft are drawn in one request; an endpoint that
    gives fewer choices is asked again for the rest. Streams report their tokens.

    On loopback the environment's proxies are ignored; elsewhere they stay in use.

    Raises:
        ConfigError: llama-index-llms-openai-like is not installed.
    """
    try:
        from llama_index.llms.openai_like import OpenAILike
    except ImportError as error:
        raise ConfigError(
            "llama-index-llms-openai-like is missing: pip install llama-index-llms-openai-like, or the extra "
            "'automix-rag[all]'"
        ) from error
    if endpoint.loopback:
        plain, awaited = clients(TIMEOUT)
        options = {"http_client": plain, "async_http_client": awaited, **options}
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
    settings["additional_kwargs"] = {"stream_options": {"include_usage": True}}
    given = {name: value for name, value in (settings | options).items() if value is not None}
    return _choosing(OpenAILike)(**given)


@cache
def _choosing(base: type[OpenAILike]) -> type[OpenAILike]:
    class Choosing(base):  # type: ignore[misc, valid-type, unused-ignore]
        """OpenAILike whose endpoint can give several choices of one prompt."""

        n: int = 1

    return Choosing
