"""LlamaIndex's clients, a row each: how one is built over the server here, and its provider's own terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from llama_index.core.llms import LLM

from tests.providers.wire import ProviderServer

Build = Callable[..., Any]
KEY = "a-key-for-the-loopback-server"
WINDOW = 32_000


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
    module: str
    """The part of `llama_index.llms` that it comes from; without it the row is left out."""
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
    own_limit: str = "max_tokens"
    """The client's own field of an output limit."""
    thinks: bool = False
    """Whether the model is known to think by its settings: its checks have a large limit or none."""
    retries: Mapping[str, Any] = field(default_factory=lambda: {"max_retries": 3})
    """What lets the user's model try again, as it does by default."""
    raises: tuple[str, ...] = ()
    """The bad endings at which the client raises, so that nobody knows what the draft cost."""
    limited: bool = False
    """Whether a limit of its own goes out with every request, so that there is nothing to leave out."""
    silent: bool = False
    """Whether the client hands on neither usage nor finish reason, so that both are unknown."""
    blocks: bool = False
    """Whether its asynchronous calls can't be cancelled."""
    learns: bool = False
    """Whether only a refusal can tell what this model takes: its name does not say."""

    def over(self, server: ProviderServer, model: str | None = None, **settings: Any) -> LLM:
        """The client as a model of that name."""
        built: LLM = self.build(server, model or self.model, **settings)
        return built


USAGE = {"additional_kwargs": {"stream_options": {"include_usage": True}}}


def openai(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.openai import OpenAI

    class Named(OpenAI):
        """OpenAI's client knows the windows of OpenAI's models only."""

        @property
        def metadata(self) -> Any:
            from llama_index.core.llms import LLMMetadata

            return LLMMetadata(
                context_window=WINDOW, is_chat_model=True, is_function_calling_model=True, model_name=self.model
            )

    made = OpenAI if model.startswith(("gpt-", "o4")) else Named
    return made(**_openai(f"{server.at('openai')}/v1", model, settings))


def openai_reasoning(server: ProviderServer, model: str, **settings: Any) -> Any:
    return openai(server, model, reasoning_effort="low", **settings)


def responses_reasoning(server: ProviderServer, model: str, **settings: Any) -> Any:
    return responses(server, model, reasoning_options={"effort": "low", "summary": "auto"}, **settings)


def responses(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.openai import OpenAIResponses

    given = {"model": model, "api_base": f"{server.at('openai')}/v1", "api_key": KEY, "max_retries": 0}
    return OpenAIResponses(**{**given, "context_window": WINDOW, **settings})


def azure(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.azure_openai import AzureOpenAI

    given = {"azure_endpoint": server.at("azure"), "api_version": "2025-04-01-preview", "engine": model}
    return AzureOpenAI(**{"model": model, "api_key": KEY, "max_retries": 0, **given, **_kwargs(settings)})


def openai_like(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.openai_like import OpenAILike

    return OpenAILike(**_like(f"{server.at('openai-like')}/v1", model, settings))


def anthropic(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.anthropic import Anthropic

    return Anthropic(
        **{"model": model, "base_url": server.at("anthropic"), "api_key": KEY, "max_retries": 0, **settings}
    )


def claude_thinking(server: ProviderServer, model: str, **settings: Any) -> Any:
    thinking = {"type": "enabled", "budget_tokens": 2048}
    return anthropic(server, model, **{"thinking_dict": thinking, "max_tokens": 8000, "temperature": 1.0, **settings})


def ollama(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.ollama import Ollama

    return Ollama(**{"model": model, "base_url": server.at("ollama"), "context_window": WINDOW, **settings})


def ollama_thinking(server: ProviderServer, model: str, **settings: Any) -> Any:
    return ollama(server, model, thinking=True, **settings)


def google(server: ProviderServer, model: str, **settings: Any) -> Any:
    from google.genai import types
    from llama_index.llms.google_genai import GoogleGenAI

    options = types.HttpOptions(base_url=server.at("google"))
    given = {"model": model, "api_key": KEY, "http_options": options, "max_retries": 1, "context_window": WINDOW}
    return GoogleGenAI(**{**given, "max_tokens": 1000, **settings})


def google_thinking(server: ProviderServer, model: str, **settings: Any) -> Any:
    from google.genai import types

    thoughts = types.ThinkingConfig(include_thoughts=True)
    return google(server, model, generation_config=types.GenerateContentConfig(thinking_config=thoughts), **settings)


def mistral(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.mistralai import MistralAI

    return MistralAI(**{"model": model, "endpoint": server.at("mistral"), "api_key": KEY, "max_retries": 0, **settings})


def groq(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.groq import Groq

    return Groq(**_like(f"{server.at('groq')}/openai/v1", model, settings))


def deepseek(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.deepseek import DeepSeek

    return DeepSeek(**_like(f"{server.at('deepseek')}/v1", model, settings))


def openrouter(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.openrouter import OpenRouter

    return OpenRouter(**_like(f"{server.at('openrouter')}/v1", model, {"max_tokens": 1000, **settings}))


def litellm(server: ProviderServer, model: str, **settings: Any) -> Any:
    from llama_index.llms.litellm import LiteLLM

    given = {"model": f"openai/{model}", "api_base": f"{server.at('openai-like')}/v1", "api_key": KEY, "max_retries": 0}
    return LiteLLM(**{**given, **settings})


def langchain(server: ProviderServer, model: str, **settings: Any) -> Any:
    from langchain_openai import ChatOpenAI
    from llama_index.llms.langchain import LangChainLLM

    url = f"{server.at('openai')}/v1"
    given = {"model": model, "base_url": url, "api_key": KEY, "max_retries": 0, "stream_usage": True}
    return LangChainLLM(llm=ChatOpenAI(**{**given, **settings}))


def bedrock(server: ProviderServer, model: str, **settings: Any) -> Any:
    from botocore.config import Config
    from llama_index.llms.bedrock_converse import BedrockConverse

    given = {
        "model": model,
        "region_name": "us-east-1",
        "endpoint_url": server.at("bedrock"),
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
        "botocore_config": Config(retries={"total_max_attempts": 1}),
        "max_retries": 1,
    }
    return BedrockConverse(**{**given, **settings})


def _kwargs(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose `additional_kwargs` keep the demand for a stream's usage."""
    extra = settings.get("additional_kwargs", {})
    return {**settings, "additional_kwargs": {**USAGE["additional_kwargs"], **extra}}


def _openai(url: str, model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": model, "api_base": url, "api_key": KEY, "max_retries": 0, **_kwargs(settings)}


def _like(url: str, model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    window = {"context_window": WINDOW, "is_chat_model": True, "is_function_calling_model": True}
    return {**window, **_openai(url, model, settings)}


def extra(**settings: Any) -> dict[str, Any]:
    """Settings that LlamaIndex's OpenAI family takes only so."""
    return {"additional_kwargs": settings}


OPENAI: dict[str, Any] = {
    "seed": extra(seed=42),
    "stop": extra(stop=["\n"]),
    "json": extra(response_format={"type": "json_object"}),
}
LIMITED = ("length", "content_filter")
ANTHROPIC_BAD = ("max_tokens", "refusal", "pause_turn", "model_context_window_exceeded", "never_heard_of")
BEDROCK_BAD = (
    "max_tokens",
    "guardrail_intervened",
    "content_filtered",
    "malformed_model_output",
    "malformed_tool_use",
    "never_heard_of",
)
GOOGLE_BAD = ("MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "MALFORMED_FUNCTION_CALL")

ALL = (
    Client("openai", "openai", openai, "openai", limit="max_tokens", n="n", **OPENAI),
    Client(
        "openai-reasons",
        "openai",
        openai_reasoning,
        "openai",
        model="o4-mini",
        limit="max_completion_tokens",
        n="n",
        thinks=True,
    ),
    Client(
        "responses",
        "openai",
        responses,
        "openai",
        model="gpt-4.1-nano",
        limit="max_output_tokens",
        bad=LIMITED,
        own_limit="max_output_tokens",
    ),
    Client(
        "responses-reasons",
        "openai",
        responses_reasoning,
        "openai",
        model="o4-mini",
        limit="max_output_tokens",
        bad=LIMITED,
        thinks=True,
    ),
    Client("azure", "azure", azure, "azure_openai", model="gpt-4.1-nano", n="n", **OPENAI),
    Client("openai-like", "openai-like", openai_like, "openai_like", n="n", **OPENAI),
    Client(
        "anthropic",
        "anthropic",
        anthropic,
        "anthropic",
        model="claude-haiku-4-5",
        stop=extra(stop_sequences=["\n"]),
        good=("end_turn", "stop_sequence"),
        bad=ANTHROPIC_BAD,
        limited=True,
    ),
    Client(
        "anthropic-thinks",
        "anthropic",
        claude_thinking,
        "anthropic",
        model="claude-sonnet-4-5",
        good=("end_turn",),
        bad=ANTHROPIC_BAD,
        thinks=True,
        limited=True,
    ),
    Client(
        "ollama",
        "ollama",
        ollama,
        "ollama",
        temperature="options.temperature",
        limit="options.num_predict",
        seed=extra(seed=42),
        stop=extra(stop=["\n"]),
        json={"json_mode": True},
        bad=("length", "unload", "never_heard_of"),
        own_limit="num_predict",
        retries={},
    ),
    Client(
        "ollama-thinks",
        "ollama",
        ollama_thinking,
        "ollama",
        temperature="options.temperature",
        limit="options.num_predict",
        bad=("length", "unload"),
        thinks=True,
        retries={},
    ),
    Client(
        "google",
        "google",
        google,
        "google_genai",
        model="gemini-2.5-flash-lite",
        temperature="generationConfig.temperature",
        limit="generationConfig.maxOutputTokens",
        good=("STOP",),
        bad=GOOGLE_BAD,
        raises=GOOGLE_BAD,
        limited=True,
        cache={"cached_content": "cachedContents/7"},
    ),
    Client(
        "google-thinks",
        "google",
        google_thinking,
        "google_genai",
        model="gemini-3-flash",
        temperature="generationConfig.temperature",
        limit="generationConfig.maxOutputTokens",
        good=("STOP",),
        bad=("MAX_TOKENS", "SAFETY"),
        raises=("MAX_TOKENS", "SAFETY"),
        thinks=True,
        limited=True,
    ),
    Client(
        "mistral",
        "mistral",
        mistral,
        "mistralai",
        model="mistral-small-latest",
        seed={"random_seed": 42},
        stop=extra(stop=["\n"]),
        json=extra(response_format={"type": "json_object"}),
        bad=("length", "model_length", "error"),
        limited=True,
    ),
    Client("groq", "groq", groq, "groq", **OPENAI),
    Client("deepseek", "deepseek", deepseek, "deepseek", bad=(*LIMITED, "insufficient_system_resource"), **OPENAI),
    Client("openrouter", "openrouter", openrouter, "openrouter", bad=(*LIMITED, "error"), limited=True, **OPENAI),
    Client("litellm", "openai-like", litellm, "litellm", n="n", bad=LIMITED, **OPENAI),
    Client(
        "langchain",
        "openai",
        langchain,
        "langchain",
        limit="max_completion_tokens",
        seed={"seed": 42},
        stop={"stop_sequences": ["\n"]},
        silent=True,
        bad=(),
        blocks=True,
    ),
    Client(
        "bedrock",
        "bedrock",
        bedrock,
        "bedrock_converse",
        model="amazon.nova-lite-v1:0",
        temperature="inferenceConfig.temperature",
        limit="inferenceConfig.maxTokens",
        good=("end_turn", "stop_sequence"),
        bad=BEDROCK_BAD,
        blocks=True,  # without aioboto3, which the package asks for as an extra
        limited=True,
    ),
)

INSTALLED = tuple(client for client in ALL if find_spec(f"llama_index.llms.{client.module}") is not None)
ALONE = tuple(client for client in INSTALLED if client.name == "openrouter")
CLIENTS = ALONE or INSTALLED  # OpenRouter's environment has older versions of others, which have one of their own
