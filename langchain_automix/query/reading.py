"""Reading a query from messages: the question, the retrieved context, and what stands around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from automix_core.checking.query import ContextSource, Query, passages
from automix_core.errors import ConfigError, QueryError

CONTEXT = "automix_context"
QUESTION = "automix_question"


def with_context(
    prompt: BasePromptTemplate[Any], key: str = "context", *, question_key: str | None = None
) -> Runnable[dict[str, Any], PromptValue]:
    """`prompt`, telling the verifier which of its variables is the retrieved context.

    The value of `key` (text, documents, or a list of either) travels with the last human message and is removed before
    any model sees it. `question_key` names the question's variable likewise, for prompts that hold more than it.

        chain = {"context": retriever, "question": RunnablePassthrough()} | with_context(prompt) | llm

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

    def attach(variables: Mapping[str, Any], value: PromptValue) -> PromptValue:
        found: dict[str, Any] = {}
        given = {**prompt.partial_variables, **variables}
        if key in given:
            found[CONTEXT] = list(texts(given[key]))
        if question_key is not None and question_key in given:
            found[QUESTION] = str(given[question_key])
        messages = value.to_messages()
        at = max(_last_human(messages), 0)
        kwargs = {**messages[at].additional_kwargs, **found}
        messages[at] = messages[at].model_copy(update={"additional_kwargs": kwargs})
        return ChatPromptValue(messages=messages)

    def run(variables: dict[str, Any], config: RunnableConfig) -> PromptValue:
        return attach(variables, prompt.invoke(variables, config))

    async def arun(variables: dict[str, Any], config: RunnableConfig) -> PromptValue:
        return attach(variables, await prompt.ainvoke(variables, config))

    return RunnableLambda(run, afunc=arun, name="with_context")


def texts(context: Any) -> tuple[str, ...]:
    """A context in any accepted form as passages: text, a document, or a list of either.

    Raises `ConfigError` for anything else.
    """
    items = context if isinstance(context, list | tuple) else [] if context is None else [context]
    found = []
    for item in items:
        if isinstance(item, str):
            found.append(item)
        elif _is_document(item):
            found.append(item.page_content)
        else:
            raise ConfigError(f"automix_context must be text, documents or a list of them, not {type(item).__name__}.")
    return passages(found)


def read_query(
    messages: Sequence[BaseMessage],
    question: str | None,
    context: Any,
    without: str,
    extractor: Callable[[Sequence[BaseMessage]], Any] | None = None,
) -> Query:
    """What the verifier is shown for a call. `question` and `context` are the call's keywords, if given; `extractor`
    is the user's own way to find the context in the messages.

    `without` says what stands for a context that is nowhere to be found: "prompt" is the whole prompt; under any other
    value the query has none. Raises `QueryError` if there are no messages, or under "raise".
    """
    if not messages:
        raise QueryError("There are no messages to answer; pass at least one human message.")
    last = _last_human(messages)
    current = messages[max(last, 0) :]
    asked = question or _attached(current, QUESTION) or messages[last].text
    source, found = _find_context(messages, current, context, extractor)
    if not found and without == "raise":
        raise QueryError(
            "No context was found for the question. Pass automix_context=..., wrap the prompt in with_context(prompt), "
            'or set without_context to "prompt", "large" or "small".'
        )
    if not found and without == "prompt":
        return Query(asked, (transcript(messages),), source="prompt")
    earlier = [m for m in messages[: max(last, 0)] if not isinstance(m, SystemMessage)]
    instructions = "\n\n".join(m.text for m in messages if isinstance(m, SystemMessage))
    return Query(asked, found, transcript(earlier), instructions, source)


def _find_context(
    messages: Sequence[BaseMessage],
    current: Sequence[BaseMessage],
    context: Any,
    extractor: Callable[[Sequence[BaseMessage]], Any] | None,
) -> tuple[ContextSource, tuple[str, ...]]:
    """The first source that holds anything, and what it holds. `current` are the messages of the current turn."""
    if found := texts(context):
        return "argument", found
    if extractor is not None and (found := texts(extractor(messages))):
        return "parsed", found
    if found := texts(_attached(current, CONTEXT)):
        return "message", found
    tools = [text for message in current if isinstance(message, ToolMessage) for text in _tool_texts(message)]
    if found := passages(tools):
        return "tools", found
    return "none", ()


def _tool_texts(message: ToolMessage) -> tuple[str, ...]:
    """What a tool found: the documents of its artifact, else its text."""
    artifact = message.artifact
    items = artifact if isinstance(artifact, list | tuple) else [artifact]
    documents = [item.page_content for item in items if _is_document(item)]
    return tuple(documents) or (message.text,)


def _is_document(item: Any) -> bool:
    from langchain_core.documents import Document  # not at the top: importing a chat model should not build it

    return isinstance(item, Document)


def _attached(messages: Sequence[BaseMessage], key: str) -> Any:
    return next((m.additional_kwargs[key] for m in messages if m.additional_kwargs.get(key)), None)


def _last_human(messages: Sequence[BaseMessage]) -> int:
    """The place of the last human message; -1, the last of all, where there is none."""
    return max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=-1)


def transcript(messages: Sequence[BaseMessage]) -> str:
    """Messages as labelled text, for the verifier to read."""
    return "\n\n".join(f"{_speaker(m)}: {m.text}" for m in messages if m.text)


def _speaker(message: BaseMessage) -> str:
    labels: dict[type[BaseMessage], str] = {
        HumanMessage: "User",
        AIMessage: "Assistant",
        SystemMessage: "System",
        ToolMessage: "Tool",
    }
    return next((label for kind, label in labels.items() if isinstance(message, kind)), message.type.capitalize())


def for_children(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages without what was attached for the verifier: it must reach no provider."""
    return [
        m.model_copy(
            update={"additional_kwargs": {k: v for k, v in m.additional_kwargs.items() if k not in (CONTEXT, QUESTION)}}
        )
        if CONTEXT in m.additional_kwargs or QUESTION in m.additional_kwargs
        else m
        for m in messages
    ]


def has_other_content(messages: Sequence[BaseMessage]) -> bool:
    """True if any message holds an image or another part that is no text, which a verifier can't read.

    A model's own messages may hold thoughts and tool calls besides their text; these don't count.
    """
    return any(
        kind in _MEDIA if isinstance(m, AIMessage) else kind not in _TEXT for m in messages for kind in _kinds(m)
    )


_TEXT = frozenset({"text", "input_text", "text-plain"})
_MEDIA = frozenset(
    {"image", "image_url", "input_image", "audio", "input_audio", "video", "file", "input_file", "media"}
)


def _kinds(message: BaseMessage) -> list[str]:
    """What kinds of parts a message holds, as providers and LangChain name them."""
    parts = message.content if isinstance(message.content, list) else []
    return [str(part.get("type", "text")) if isinstance(part, dict) else "text" for part in parts]


__all__ = ["CONTEXT", "QUESTION", "for_children", "has_other_content", "read_query", "texts", "with_context"]
