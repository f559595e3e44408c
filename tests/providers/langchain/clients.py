"""LangChain's clients, a row each: how one is built over the server here, and its provider's own terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel

from tests.providers.wire import ProviderServer

Build = Callable[..., Any]
KEY = "a-key-for-the-loopback-server"


@dataclass(frozen=True)
class Client:
    """One client.

    `temperature`, `limit`, `n` are the dotted places where a check's settings must stand on the wire, None where the
    client has no such setting. `seed`, `stop`, `json` and `cache` are settings of a user's model that a check must not
    carry.
    `good` and `bad` are finish reasons as the provider says them.
    """

    name: str
    provider: str
    build: Build
    model: str = "small-1"
    temperature: str | None = "temperature"
    limit: str = "max_tokens"
    n: str | None = None
    seed: Mapping[str, Any] = field(default_factory=dict)
    stop: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)
    cache: Mapping[str, Any] = field(default_factory=dict)
    good: tuple[str, ...] = ("stop",)
    bad: tuple[str, ...] = ("length", "content_filter", "never_heard_of")
    thinks: bool = False
    """Whether the model is known to think by its settings: its checks have a large limit or none."""
    retries: Mapping[str, Any] = field(default_factory=lambda: {"max_retries": 2})
    """What lets the user's model try again twice, as most do by default."""
    cancels: bool = True
    """Whether cancelling closes its requests; Bedrock's client has no asynchronous calls."""
    raises: tuple[str, ...] = ()
    """The bad endings at which the client raises, so that nobody knows what the draft cost."""
    learns: bool = False
    """Whether only a refusal can tell what this model takes: its name does not say."""

    def over(self, server: ProviderServer, model: str | None = None, **settings: Any) -> BaseChatModel:
        """The client as a model of that name."""
        built: BaseChatModel = self.build(server, model or self.model, **settings)
        return built


def openai(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_openai import ChatOpenAI

    url = f"{server.at('openai')}/v1"
    return ChatOpenAI(
        **{"model": model, "base_url": url, "api_key": KEY, "max_retries": 0, "stream_usage": True, **settings}
    )


def openai_reasoning(server: ProviderServer, model: str, **settings: Any) -> Any:
    return openai(server, model, reasoning_effort="low", **settings)


def responses(server: ProviderServer, model: str, **settings: Any) -> Any:
    return openai(server, model, use_responses_api=True, **settings)


def responses_by_call(server: ProviderServer, model: str, **settings: Any) -> Any:
    return openai(server, model, **settings).bind(reasoning={"effort": "low", "summary": "auto"})


def reasoning(server: ProviderServer, model: str, **settings: Any) -> Any:
    return openai(server, model, reasoning={"effort": "low", "summary": "auto"}, **settings)


def azure(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_openai import AzureChatOpenAI

    given = {
        "azure_endpoint": server.at("azure"),
        "azure_deployment": model,
        "model": model,
        "api_version": "2025-04-01-preview",
        "api_key": KEY,
        "max_retries": 0,
        "stream_usage": True,
    }
    return AzureChatOpenAI(**{**given, **settings})


def anthropic(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_anthropic import ChatAnthropic

    given = {"model": model, "base_url": server.at("anthropic"), "api_key": KEY, "max_retries": 0, "max_tokens": 1000}
    return ChatAnthropic(**{**given, **settings})


def claude_thinking(server: ProviderServer, model: str, **settings: Any) -> Any:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    return anthropic(server, model, **{"thinking": thinking, "max_tokens": 4000, **settings})


def ollama(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_ollama import ChatOllama

    return ChatOllama(**{"model": model, "base_url": server.at("ollama"), **settings})


def ollama_thinking(server: ProviderServer, model: str, **settings: Any) -> Any:
    return ollama(server, model, reasoning=True, **settings)


def google(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_google_genai import ChatGoogleGenerativeAI

    given = {"model": model, "base_url": server.at("google"), "google_api_key": KEY, "max_retries": 1}
    return ChatGoogleGenerativeAI(**{**given, **settings})


def google_thinking(server: ProviderServer, model: str, **settings: Any) -> Any:
    return google(server, model, include_thoughts=True, **settings)


def mistral(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_mistralai import ChatMistralAI

    given = {"model": model, "endpoint": f"{server.at('mistral')}/v1", "api_key": KEY, "max_retries": 1}
    return ChatMistralAI(**{**given, **settings})


def groq(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_groq import ChatGroq

    return ChatGroq(**{"model": model, "base_url": server.at("groq"), "api_key": KEY, "max_retries": 0, **settings})


def deepseek(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_deepseek import ChatDeepSeek

    given = {"model": model, "api_base": f"{server.at('deepseek')}/v1", "api_key": KEY, "max_retries": 0}
    return ChatDeepSeek(**{**given, "stream_usage": True, **settings})


def openrouter(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_openrouter import ChatOpenRouter

    given = {"model": model, "base_url": f"{server.at('openrouter')}/v1", "api_key": KEY, "max_retries": 0}
    return ChatOpenRouter(**{**given, **settings})


def litellm(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_litellm import ChatLiteLLM

    given = {"model": f"openai/{model}", "api_base": f"{server.at('openai-like')}/v1", "api_key": KEY, "max_retries": 0}
    return ChatLiteLLM(**{**given, "stream_options": {"include_usage": True}, **settings})


def litellm_anthropic(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_litellm import ChatLiteLLM

    given = {"model": f"anthropic/{model}", "api_base": server.at("anthropic"), "api_key": KEY, "max_retries": 0}
    return ChatLiteLLM(**{**given, **settings})


def litellm_ollama(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_litellm import ChatLiteLLM

    given = {"model": f"ollama_chat/{model}", "api_base": server.at("ollama"), "api_key": KEY, "max_retries": 0}
    return ChatLiteLLM(**{**given, **settings})


def bedrock(server: ProviderServer, model: str, **settings: Any) -> Any:
    from botocore.config import Config
    from langchain_aws import ChatBedrockConverse

    given = {
        "model": model,
        "provider": "amazon",
        "region_name": "us-east-1",
        "endpoint_url": server.at("bedrock"),
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
        "config": Config(retries={"total_max_attempts": 1}),
    }
    return ChatBedrockConverse(**{**given, **settings})


OPENAI: dict[str, Any] = {
    "seed": {"seed": 42},
    "stop": {"stop_sequences": ["\n"]},
    "json": {"response_format": {"type": "json_object"}},
}
LIMITED = ("length", "content_filter")  # litellm calls every ending that it does not know "stop"
ANTHROPIC_BAD = ("max_tokens", "refusal", "pause_turn", "model_context_window_exceeded", "never_heard_of")
BEDROCK_BAD = (
    "max_tokens",
    "guardrail_intervened",
    "content_filtered",
    "malformed_model_output",
    "malformed_tool_use",
    "model_context_window_exceeded",
    "never_heard_of",
)
GOOGLE_BAD = (
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "MALFORMED_RESPONSE",
    "IMAGE_SAFETY",
    "TOO_MANY_TOOL_CALLS",
)


CLIENTS = (
    Client("openai", "openai", openai, limit="max_completion_tokens", n="n", **OPENAI),
    Client(
        "openai-reasons", "openai", openai_reasoning, model="o4-mini", limit="max_completion_tokens", n="n", thinks=True
    ),
    Client("responses", "openai", responses, limit="max_output_tokens", bad=("length", "content_filter")),
    Client(
        "responses-by-call",
        "openai",
        responses_by_call,
        model="gpt-5-nano",
        limit="max_output_tokens",
        bad=("length", "content_filter"),
        thinks=True,
    ),
    Client(
        "responses-reasons",
        "openai",
        reasoning,
        model="o4-mini",
        limit="max_output_tokens",
        bad=("length", "content_filter"),
        thinks=True,
    ),
    Client("azure", "azure", azure, limit="max_completion_tokens", n="n", raises=("content_filter",), **OPENAI),
    Client(
        "anthropic",
        "anthropic",
        anthropic,
        stop={"stop_sequences": ["\n"]},
        good=("end_turn", "stop_sequence"),
        bad=ANTHROPIC_BAD,
    ),
    Client("anthropic-thinks", "anthropic", claude_thinking, bad=ANTHROPIC_BAD, good=("end_turn",), thinks=True),
    Client(
        "ollama",
        "ollama",
        ollama,
        retries={},
        temperature="options.temperature",
        limit="options.num_predict",
        seed={"seed": 42},
        stop={"stop": ["\n"]},
        json={"format": "json"},
        bad=("length", "unload", "never_heard_of"),
    ),
    Client(
        "ollama-thinks",
        "ollama",
        ollama_thinking,
        retries={},
        temperature="options.temperature",
        limit="options.num_predict",
        bad=("length", "unload"),
        thinks=True,
    ),
    Client(
        "google",
        "google",
        google,
        model="gemini-2.5-flash-lite",
        temperature="generationConfig.temperature",
        limit="generationConfig.maxOutputTokens",
        n="generationConfig.candidateCount",
        seed={"seed": 42},
        stop={"stop": ["\n"]},
        json={"response_mime_type": "application/json"},
        good=("STOP",),
        bad=GOOGLE_BAD,
        cache={"cached_content": "cachedContents/7"},
    ),
    Client(
        "google-thinks",
        "google",
        google_thinking,
        model="gemini-3-flash",
        temperature="generationConfig.temperature",
        limit="generationConfig.maxOutputTokens",
        good=("STOP",),
        bad=("MAX_TOKENS", "SAFETY"),
        thinks=True,
        learns=True,
    ),
    Client(
        "mistral",
        "mistral",
        mistral,
        seed={"random_seed": 42},
        json={"model_kwargs": {"response_format": {"type": "json_object"}}},
        bad=("length", "model_length", "error", "never_heard_of"),
    ),
    Client(
        "groq",
        "groq",
        groq,
        stop={"stop_sequences": ["\n"]},
        json={"model_kwargs": {"response_format": {"type": "json_object"}}},
        seed={"model_kwargs": {"seed": 42}},
    ),
    Client(
        "deepseek", "deepseek", deepseek, bad=("length", "content_filter", "insufficient_system_resource"), **OPENAI
    ),
    Client(
        "openrouter",
        "openrouter",
        openrouter,
        bad=("length", "content_filter", "error"),
        seed={"seed": 42},
        stop={"stop": ["\n"]},
    ),
    Client("litellm-openai", "openai-like", litellm, n="n", bad=LIMITED),
    Client("litellm-anthropic", "anthropic", litellm_anthropic, bad=LIMITED),
    Client(
        "litellm-ollama",
        "ollama",
        litellm_ollama,
        temperature="options.temperature",
        limit="options.num_predict",
        bad=LIMITED,
    ),
    Client(
        "bedrock",
        "bedrock",
        bedrock,
        model="amazon.nova-lite-v1:0",
        temperature="inferenceConfig.temperature",
        limit="inferenceConfig.maxTokens",
        stop={"stop_sequences": ["\n"]},
        good=("end_turn", "stop_sequence"),
        bad=BEDROCK_BAD,
        cancels=False,
        retries={"config": None},
    ),
)
