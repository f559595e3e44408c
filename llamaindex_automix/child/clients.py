"""LlamaIndex's clients as data: how each is told what a check needs, and what it reports. Adding one is a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from automix_core.checking.client import TOP, Client, guessed, known
from automix_core.checking.refusal import LIMITS

ANTHROPIC = frozenset({"end_turn", "stop_sequence", "tool_use"})
OPENAI = Client(
    limit_names=LIMITS,
    choices="n",
    by_keyword=True,
    logprobs={"logprobs": True, "top_logprobs": TOP},
    unset="openai.NOT_GIVEN",
    good=frozenset({"stop", "tool_calls", "function_call"}),
    always_ends=True,
    cached=True,
)

CLIENTS: dict[str, Client] = {
    "llama_index.llms.openai.OpenAI": OPENAI,
    "llama_index.llms.openai.OpenAIResponses": Client(
        limit="max_output_tokens",
        unset="openai.NOT_GIVEN",
        good=frozenset({"completed"}),
        always_ends=True,
        cached=True,
        unheard=("_client", "_aclient"),
    ),
    "llama_index.llms.azure_openai.AzureOpenAI": OPENAI,
    "llama_index.llms.openai_like.OpenAILike": OPENAI,
    "llama_index.llms.groq.Groq": replace(OPENAI, choices=None, logprobs=None, always_ends=True),
    "llama_index.llms.deepseek.DeepSeek": replace(OPENAI, choices=None),
    "llama_index.llms.openrouter.OpenRouter": replace(OPENAI, choices=None),
    "llama_index.llms.anthropic.Anthropic": Client(
        needs_limit=True,
        unset="anthropic.NOT_GIVEN",
        good=ANTHROPIC,
        always_ends=True,
        streams_end=False,
        cached=True,
        mark="ephemeral",
        unheard=("_client", "_aclient"),
    ),
    "llama_index.llms.ollama.Ollama": Client(
        limit="num_predict", retries=None, good=frozenset({"stop", "tool_calls"}), always_ends=True
    ),
    "llama_index.llms.google_genai.GoogleGenAI": Client(
        limit="max_output_tokens",
        inside="generation_config",
        logprobs={"response_logprobs": True, "logprobs": TOP},
        always_ends=True,
        cached=True,
        unheard=("_client",),
    ),
    "llama_index.llms.mistralai.MistralAI": Client(good=frozenset({"stop", "tool_calls"}), always_ends=True),
    "llama_index.llms.litellm.LiteLLM": replace(
        OPENAI, unset=None, limit_names=LIMITS[:1], retries=("max_retries", 1), always={"num_retries": 0}
    ),
    "llama_index.llms.langchain.LangChainLLM": Client(limit=None, retries=None, usage=False, blocks=True),
    # Of LlamaIndex's own: its limit is not what it keeps to, but how many words it makes up.
    "llama_index.core.llms.MockLLM": Client(limit=None, retries=None, guess=True),
    "llama_index.llms.bedrock_converse.BedrockConverse": Client(
        needs_limit=True,
        retries=("max_retries", 1),
        good=ANTHROPIC,
        always_ends=True,
        streams_end=False,
        cached=True,
        mark="default",
    ),
}
"""By package and class; a class that is not here is its first base that is."""

HOME = frozenset({"llama_index.core.llms", "llamaindex_automix"})
"""Packages whose models are no provider's clients: fakes, and cascades."""


def client_of(model: Any) -> Client:
    """What is known of `model`'s client: of its class, which is looked up once."""
    kind = type(model)
    if (row := _rows.get(kind)) is None:
        row = _rows[kind] = known(kind, CLIENTS) or guessed(kind)
    return row


_rows: WeakKeyDictionary[type, Client] = WeakKeyDictionary()
