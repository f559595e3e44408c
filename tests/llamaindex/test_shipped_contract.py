"""The contract that is shipped for other frameworks' adapters holds for this one too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import CompletionResponse, CompletionResponseGen, LLMMetadata
from llama_index.core.llms import CustomLLM

from automix_core import Policy
from automix_core.testing import AdapterContract, Says
from llamaindex_automix import AutoMixLLM, SelfVerifier


class Spoken(CustomLLM):
    """A model of texts that is a function."""

    name: str
    says: Any

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.name, context_window=100_000)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self.says(prompt))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        raise NotImplementedError


class TestShipped(AdapterContract):
    def model(self, name: str, says: Says) -> Spoken:
        return Spoken(name=name, says=says)

    def cascade(self, models: Sequence[Any], *, policy: Policy | None, k: int) -> AutoMixLLM:
        return AutoMixLLM(models, SelfVerifier(k=k), policy)

    def ask(self, cascade: AutoMixLLM, question: str, context: str) -> str:
        prompt = f"{context}\n\n{question}"
        return cascade.complete(prompt, automix_question=question, automix_context=context).text
