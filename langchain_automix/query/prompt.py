"""`with_context`: a prompt that tells the verifier which of its variables is the retrieved context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.prompts import BasePromptTemplate
from langchain_core.prompts.chat import BaseChatPromptTemplate

from automix_core.errors import ConfigError

from .messages import CONTEXT, QUESTION
from .reading import last_human, texts

QUESTION_NAMES = ("question", "input", "query")


def with_context(
    prompt: BasePromptTemplate[Any], key: str = "context", *, question_key: str | None = None
) -> BasePromptTemplate[Any]:
    """`prompt`, telling the verifier which of its variables is the retrieved context.

    The value of `key` (text, documents, or a list of either) travels with the last human message and is removed before
    any model sees it. `question_key` names the question's variable likewise; without it the question is the variable
    `question`, `input` or `query`, or the only other one. It is a prompt template like `prompt`:

        chain = {"context": retriever, "question": RunnablePassthrough()} | with_context(prompt) | llm
        chain = create_stuff_documents_chain(llm, with_context(prompt))

    Raises `ConfigError` if `prompt` is no prompt template, or has no such variable.
    """
    if not isinstance(prompt, BasePromptTemplate):
        raise ConfigError(
            f"with_context needs a prompt template, not {type(prompt).__name__}; pass it alone, then pipe."
        )
    known = {*prompt.input_variables, *prompt.partial_variables, *prompt.optional_variables}
    for name in (key, question_key):
        if name is not None and name not in known:
            raise ConfigError(f"The prompt has no variable {name!r}; it has {sorted(known)}.")
    return ContextPrompt.of(prompt, key, question_key or _question(prompt, key, known))


class ContextPrompt(BaseChatPromptTemplate):
    """A prompt whose last human message carries the context, and the question, for the verifier."""

    prompt: Any
    context_key: str
    question_key: str | None = None

    @classmethod
    def of(cls, prompt: BasePromptTemplate[Any], context_key: str, question_key: str | None) -> ContextPrompt:
        """The prompt with its variables as they are."""
        return cls(
            prompt=prompt,
            context_key=context_key,
            question_key=question_key,
            input_variables=list(prompt.input_variables),
            optional_variables=list(prompt.optional_variables),
            partial_variables=dict(prompt.partial_variables),
            input_types=dict(prompt.input_types),
            output_parser=prompt.output_parser,
            metadata=prompt.metadata,
            tags=prompt.tags,
        )

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """False: it is no class of LangChain's, which `langchain_core.load` would look for it there."""
        return False

    @property
    def _prompt_type(self) -> str:
        return "automix_with_context"

    def format_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """The prompt's messages, the last human one with what is for the verifier."""
        return self._attached(self.prompt.format_prompt(**kwargs).to_messages(), kwargs)

    async def aformat_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """`format_messages`, awaited."""
        return self._attached((await self.prompt.aformat_prompt(**kwargs)).to_messages(), kwargs)

    def partial(self, **kwargs: Any) -> ContextPrompt:
        """The prompt with some of its variables filled in."""
        return type(self).of(self.prompt.partial(**kwargs), self.context_key, self.question_key)

    def pretty_repr(self, html: bool = False) -> str:
        """The prompt as it is written."""
        shown = getattr(self.prompt, "pretty_repr", None)
        return str(shown(html) if shown else self.prompt)

    def _attached(self, messages: Sequence[BaseMessage], given: Mapping[str, Any]) -> list[BaseMessage]:
        partial = {name: value() if callable(value) else value for name, value in self.prompt.partial_variables.items()}
        values, found = {**partial, **given}, list(messages)
        told: dict[str, Any] = {}
        if self.context_key in values:
            told[CONTEXT] = list(texts(values[self.context_key]))
        asked = values.get(self.question_key) if self.question_key is not None else None
        if isinstance(asked, str) and asked.strip():
            told[QUESTION] = asked
        at = max(last_human(found), 0)
        found[at] = found[at].model_copy(update={"additional_kwargs": {**found[at].additional_kwargs, **told}})
        return found


def _question(prompt: BasePromptTemplate[Any], key: str, known: set[str]) -> str | None:
    """The variable that is the question: one named so, else the only other one that has to be given."""
    named = next((name for name in QUESTION_NAMES if name in known and name != key), None)
    others = [name for name in prompt.input_variables if name != key and name not in prompt.input_types]
    return named or (others[0] if len(others) == 1 else None)
