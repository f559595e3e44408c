"""LangChain's clients as data: how each is told what a check needs, and what it reports. Adding one is a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from automix_core.checking.client import TOP, Client, guessed, known
from automix_core.checking.refusal import LIMITS

from .models import Child, rewrap

OPENAI = frozenset({"stop", "tool_calls", "function_call"})
ANTHROPIC = frozenset({"end_turn", "stop_sequence", "tool_use"})
LOGPROBS = {"logprobs": True, "top_logprobs": TOP}

# OpenAI's protocol has a finish reason in each answer, and its Responses API a status.
CLIENTS: dict[str, Client] = {
    "langchain_openai.BaseChatOpenAI": Client(
        choices="n",
        logprobs=LOGPROBS,
        limit_names=("max_completion_tokens", "max_tokens"),
        good=OPENAI | {"completed"},
        always_ends=True,
        cached=True,
    ),
    "langchain_openai.AzureChatOpenAI": Client(
        choices="n", logprobs=LOGPROBS, limit_names=LIMITS, good=OPENAI | {"completed"}, always_ends=True, cached=True
    ),
    "langchain_openai.BaseOpenAI": Client(unset="openai.NOT_GIVEN"),
    "langchain_deepseek.ChatDeepSeek": Client(logprobs=LOGPROBS, good=OPENAI, always_ends=True, cached=True),
    "langchain_anthropic.ChatAnthropic": Client(
        needs_limit=True, good=ANTHROPIC, always_ends=True, cached=True, mark="cache_control"
    ),
    "langchain_ollama.ChatOllama": Client(
        limit="num_predict",
        logprobs=LOGPROBS,
        retries=None,
        good=frozenset({"stop", "tool_calls"}),
        always_ends=True,
    ),
    "langchain_google_genai.ChatGoogleGenerativeAI": Client(
        limit="max_output_tokens",
        choices="n",
        retries=("max_retries", 1),  # 0 stands for the provider's default
        always_ends=True,
        cached=True,
    ),
    "langchain_mistralai.ChatMistralAI": Client(good=frozenset({"stop", "tool_calls"}), always_ends=True),
    "langchain_groq.ChatGroq": Client(unset="groq.NOT_GIVEN", good=OPENAI, always_ends=True, cached=True),
    "langchain_openrouter.ChatOpenRouter": Client(always={"retries": None}, good=OPENAI, cached=True),
    "langchain_litellm.ChatLiteLLM": Client(
        choices="n", logprobs=LOGPROBS, always={"max_retries": 0}, good=OPENAI, cached=True
    ),
    "langchain_aws.ChatBedrockConverse": Client(
        needs_limit=True, good=ANTHROPIC, always_ends=True, cached=True, mark="cachePoint"
    ),
}
"""By package and class; a class that is not here is its first base that is."""

HOME = frozenset({"langchain_core", "langchain_automix"})
"""Packages whose models are no provider's clients: fakes, and cascades."""
LIMIT_OF_PROVIDER = {"ollama": "num_predict"}
"""The limit of models that `init_chat_model` builds when they are called, where it is not called max_tokens."""


def client_of(model: Any) -> Client:
    """What is known of `model`'s client."""
    return known(type(model), CLIENTS) or guessed(type(model))


def answering(child: Child) -> Client:
    """What is known of whoever answers as `child`: of several, behind fallbacks, what holds for all."""
    rows = _rows(child)
    good = frozenset().union(*(row.good for row in rows))
    return replace(rows[0], good=good, always_ends=all(row.always_ends for row in rows))


def mark_of(child: Child) -> str | None:
    """The mark for a prompt cache that whoever is asked as `child` takes; None where fallbacks differ."""
    marks = {row.mark for row in _rows(child)}
    return marks.pop() if len(marks) == 1 else None


def _rows(child: Child) -> list[Client]:
    rows: list[Client] = []

    def note(model: Child) -> Child:
        rows.append(client_of(model))
        return model

    rewrap(child, note)
    return rows
