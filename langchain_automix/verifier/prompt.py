"""The checking prompt as LangChain's objects: a few-shot chat template, and messages of a check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, FewShotChatMessagePromptTemplate

from automix_core.checking.prompt import CASE, TAGS, Shot, blocks
from automix_core.checking.turns import Turn, shown


class CheckingPrompt(ChatPromptTemplate):
    """Instructions, worked examples as chat turns, and the case, whose variables are put between their marks.

    Variables: `context`, `question`, `answer`, and optionally `history` and `instructions`.
    """

    @classmethod
    def of(cls, instructions: str, shots: Sequence[Shot], layout: str = CASE) -> ChatPromptTemplate:
        """The prompt with these instructions and examples; it formats to what `turns` gives."""
        example = ChatPromptTemplate.from_messages([("human", layout), ("ai", "{check}")])
        examples = [{**shown(shot), "check": shot.check} for shot in shots]
        few_shot = FewShotChatMessagePromptTemplate(examples=examples, example_prompt=example)
        system = [SystemMessage(instructions)] if instructions.strip() else []
        parts: list[Any] = [*system, *([few_shot] if examples else []), ("human", layout)]
        return cls.from_messages(parts).partial(
            history="", instructions="", **({} if "{answer}" in layout else {"answer": ""})
        )

    def format_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """The messages for a case."""
        return super().format_messages(**self._marked(kwargs))

    async def aformat_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """`format_messages`, awaited."""
        return await super().aformat_messages(**self._marked(kwargs))

    def _marked(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        values = self._merge_partial_and_user_variables(**kwargs)
        missing = [name for name in TAGS if name not in values]
        return values if missing else {**values, **blocks(values)}


_MESSAGES: dict[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}


def as_messages(asked: Sequence[Turn]) -> list[BaseMessage]:
    """Turns as messages."""
    return [_MESSAGES[role](content=text) for role, text in asked]
