"""Whose chat model or LLM the cascade stands in for."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from automix_core.errors import ConfigError

if TYPE_CHECKING:
    from automix_core.endpoint.endpoint import Endpoint


class Framework(StrEnum):
    """Who asks the questions; what each needs is imported only when it is chosen."""

    LANGCHAIN = "langchain"
    LLAMAINDEX = "llamaindex"

    def check(self) -> None:
        """Raise `ConfigError` if the framework is not installed: better before models are loaded than after."""
        package = {"langchain": "langchain_core", "llamaindex": "llama_index.core"}[self]
        try:
            import_module(package)
        except ImportError:
            raise ConfigError(f"{package} is missing: pip install 'automix-rag[all]'") from None

    def host(self) -> Any:
        """The module that asks with it: `cascade(small, large, ...)` and `ask(llm, retriever, question, show)`."""
        return import_module(f".in_{self}", __package__)

    def model(self, endpoint: Endpoint, *, afresh: bool = False, **options: Any) -> Any:
        """A model of the framework's behind `endpoint`.

        `afresh` makes the embedded engine read each prompt anew, so that a second asking of the same question is not
        timed as if it were free. Other servers may not know the field; it is not for them.
        """
        body: dict[str, Any] = {"extra_body": {"cache_prompt": False}} if afresh else {}
        if self is Framework.LANGCHAIN:
            from langchain_automix.child.endpoint import chat_model

            return chat_model(endpoint, **body, **options)
        from llamaindex_automix.child.endpoint import openai_like

        if afresh:
            body = {"additional_kwargs": {"stream_options": {"include_usage": True}, **body}}
        return openai_like(endpoint, **body, **options)
