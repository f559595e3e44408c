"""In-process models, for what no server needs to be asked: odd messages, odd errors, who ran beside whom."""

from __future__ import annotations

import threading
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import LLM, BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field

from automix_core.checking.prompt import CASE

YES, NO, HUM = "It says so.\nVerdict: Correct", "It does not.\nVerdict: Incorrect", "Hard to say."


def is_check(messages: list[BaseMessage]) -> bool:
    return messages[-1].text.endswith(CASE.rpartition("\n")[2])


class Fake(BaseChatModel):
    """Answers with `says`, checks with `judges`: a text, a message, an error to raise, or a function of the messages.

    `seen` are the calls so far: the messages and the keywords.
    """

    says: Any = "An answer."
    judges: Any = YES
    seen: list[tuple[list[BaseMessage], dict[str, Any]]] = Field(default_factory=list)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.seen.append((messages, kwargs))
        what = self.judges if is_check(messages) else self.says
        what = what(messages) if callable(what) else what
        if isinstance(what, BaseException):
            raise what
        message = what if isinstance(what, AIMessage) else AIMessage(what)
        return ChatResult(generations=[ChatGeneration(message=message.model_copy())])

    @property
    def drafts(self) -> list[list[BaseMessage]]:
        """The prompts that were to be answered."""
        return [messages for messages, _ in self.seen if not is_check(messages)]

    @property
    def checks(self) -> list[list[BaseMessage]]:
        """The prompts that were to be checked."""
        return [messages for messages, _ in self.seen if is_check(messages)]


class Text(LLM):
    """A text completion model; `says` gets the prompt."""

    says: Any

    @property
    def _llm_type(self) -> str:
        return "text"

    def _call(self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any) -> str:
        return str(self.says(prompt))


class Together:
    """Says `text` once `n` callers ask at the same time; a caller left alone fails."""

    def __init__(self, n: int, text: str = YES) -> None:
        self.text, self._barrier = text, threading.Barrier(n, timeout=5)

    def __call__(self, _: Any) -> str:
        self._barrier.wait()
        return self.text
