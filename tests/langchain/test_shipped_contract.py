"""The contract that is shipped for other frameworks' adapters holds for this one too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import SimpleChatModel
from langchain_core.messages import BaseMessage

from automix_core import Policy
from automix_core.testing import AdapterContract, Says
from langchain_automix import AutoMixChatModel, SelfVerifier


class Spoken(SimpleChatModel):
    """A chat model that is a function."""

    model_name: str
    says: Any

    @property
    def _llm_type(self) -> str:
        return "spoken"

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return str(self.says("\n\n".join(message.text for message in messages)))


class TestShipped(AdapterContract):
    def model(self, name: str, says: Says) -> Spoken:
        return Spoken(model_name=name, says=says)

    def cascade(self, models: Sequence[Any], *, policy: Policy | None, k: int) -> AutoMixChatModel:
        return AutoMixChatModel(models, SelfVerifier(k=k), policy)

    def ask(self, cascade: AutoMixChatModel, question: str, context: str) -> str:
        return cascade.invoke(f"{context}\n\n{question}", automix_question=question, automix_context=context).text
