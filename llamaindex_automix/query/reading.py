"""Reading a query where LlamaIndex keeps it: in a template's variables, else in messages.

The variables are data, so nothing is guessed: the context is exactly what the model was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import BasePromptTemplate, ChatPromptTemplate, PromptType, SelectorPromptTemplate
from llama_index.core.prompts.chat_prompts import TEXT_QA_SYSTEM_PROMPT
from llama_index.core.prompts.utils import format_string, get_template_vars

from automix_core.checking.passing import Asked
from automix_core.checking.query import THE_CONTEXT, THE_QUESTION, Query, passages
from automix_core.checking.transcript import transcript, whole_prompt

from . import prompts as templates
from .passages import documents_of, has_other_content, said_in, text_of, texts

CONTEXT = "automix_context"
QUESTION = "automix_question"

QUESTION_VARIABLES = ("query_str", "question", "query")
CONTEXT_VARIABLES = ("context_str", "context_msg", "context_messages", "context")
PLACEHOLDERS = {
    **dict.fromkeys(QUESTION_VARIABLES, THE_QUESTION),
    **dict.fromkeys(CONTEXT_VARIABLES, THE_CONTEXT),
    "existing_answer": "(the answer so far)",
}
EARLIER = "The answer so far, from passages read before:\n"
"""Marks the earlier answer of a refine step. The step is told to repeat it where the new passage adds nothing, so it is
evidence like the passage."""


def read_template(prompt: BasePromptTemplate, args: Mapping[str, Any], model: LLM) -> Asked:
    """The query of a template and its variables, as the predict family gets them. `model` is who is asked."""
    template = selected(prompt, model)
    values = {**prompt.kwargs, **template.kwargs, **args}
    if template.function_mappings:
        values = template._map_function_vars(values)  # the model sees what the functions return
    question = next((str(values[name]) for name in QUESTION_VARIABLES if values.get(name)), "")
    named = [values[name] for name in CONTEXT_VARIABLES if name in values]
    asks = templates.answers(prompt, template, question) if named else _bare(template)
    if not question or not asks:
        return Asked(Query(question), errand=True)
    found = next((value for value in named if value), None)
    shown = found if isinstance(found, list) else [found]
    context = texts(found, rendered=True)
    if context and values.get("existing_answer"):
        context = (EARLIER + str(values["existing_answer"]), *context)
    messages = template.message_templates if isinstance(template, ChatPromptTemplate) else []
    history, told = _around(messages, values) if messages else ("", templates.framing(template, _placed(values)))
    instructions = "\n\n".join(part for part in (model.system_prompt, told) if part)
    query = Query(question, context, history, instructions, "template" if context else "none")
    return Asked(query, other_content=has_other_content([*messages, *shown]))


def read_messages(messages: Sequence[ChatMessage]) -> Asked:
    """The query of a chat: what the messages carry, what tools found, or a default template formatted before."""
    last = _last_user(messages)
    current, earlier = messages[max(last, 0) :], messages[: max(last, 0)]
    said = text_of(messages[last]) if messages else ""
    history = transcript(said_in([m for m in earlier if not _is_system(m)]))
    instructions = _system_text(text_of(m) for m in earlier if _is_system(m))
    query = Query(str(_attached(current, QUESTION) or said), (), history, instructions)
    other = has_other_content(messages)
    if found := texts(_attached(current, CONTEXT)):
        return Asked(replace(query, context=found, source="message"), other_content=other)
    if found := passages([text for m in current for text in documents_of(m)]):
        return Asked(replace(query, context=found, source="message"), other_content=other)
    if found := passages([text_of(m) for m in current if m.role in (MessageRole.TOOL, MessageRole.FUNCTION)]):
        return Asked(replace(query, context=found, source="tools"), other_content=other)
    if any(templates.wants_form(m.content or "") for m in messages):
        return Asked(query, other_content=other)
    asked = read_text(said)
    parsed = replace(asked.query, history=history, instructions=instructions)
    return Asked(parsed if parsed.context else query, asked.errand, other)


def read_text(prompt: str) -> Asked:
    """The query of a formatted prompt: that of a default template, or no more than its text."""
    values = None if templates.wants_form(prompt) else templates.parse(prompt)
    if values is None:
        return Asked(Query(prompt), errand=templates.is_errand(prompt))
    context = passages(values.get("context_str") or values.get("context_msg"))
    if context and values.get("existing_answer"):
        context = (EARLIER + values["existing_answer"], *context)
    return Asked(Query(values.get("query_str") or prompt, context, source="parsed" if context else "none"))


def read_prompt(messages: Sequence[ChatMessage], question: Any = None) -> Query:
    """The query of messages that stand for their own context."""
    query = whole_prompt(said_in(messages, evidence=True), _last_user(messages))
    return replace(query, question=str(question)) if question else query


def for_children(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages without what was attached for the verifier: it must reach no provider."""
    return [
        m.model_copy(
            update={"additional_kwargs": {k: v for k, v in m.additional_kwargs.items() if k not in (CONTEXT, QUESTION)}}
        )
        if CONTEXT in m.additional_kwargs or QUESTION in m.additional_kwargs
        else m
        for m in messages
    ]


def selected(prompt: BasePromptTemplate, model: LLM) -> BasePromptTemplate:
    """The template that a selector has for `model`, or `prompt` itself."""
    while isinstance(prompt, SelectorPromptTemplate):
        prompt = prompt.select(model)
    return prompt


def _bare(template: BasePromptTemplate) -> bool:
    """True for a template that is no more than the question: an answer is asked for, without a context."""
    kind, text = template.metadata.get("prompt_type"), template.get_template()
    return kind is PromptType.SIMPLE_INPUT or text in ("{query_str}", "user: {query_str}\nassistant: ")


def _around(messages: Sequence[ChatMessage], values: Mapping[str, Any]) -> tuple[str, str]:
    """The turns before the question, and the system text, both as they stand in a chat template.

    Chat engines bake the history into the template, where LlamaIndex formats it: a past message that holds braces is
    history like any other, so a message is taken for a template only if it is the question's or holds the context.
    What the question's own message says beside its variables is instructions too.
    """
    last = len(messages) - 1
    while last >= 0 and (_is_system(messages[last]) or not _holds(messages[last], QUESTION_VARIABLES)):
        last -= 1
    before = messages[:last] if last >= 0 else messages
    framing = [i for i, m in enumerate(before) if _is_system(m) or (i == 0 and _holds(m, CONTEXT_VARIABLES))]
    history = transcript(said_in([m for i, m in enumerate(before) if i not in framing]))
    placed = _placed(values)
    told = [format_string(before[i].content or "", **placed) for i in framing]
    own = templates.own_words(messages[last].content or "", placed) if last >= 0 else ""
    return history, _system_text([*told, own])


def _placed(values: Mapping[str, Any]) -> dict[str, str]:
    """What a template's variables are shown as beside the case: question and context stand there already."""
    placed = {name: str(value) for name, value in values.items() if isinstance(value, str | int | float)}
    return {**placed, **PLACEHOLDERS}


def _last_user(messages: Sequence[ChatMessage]) -> int:
    """The place of the last user message; the last of all where there is none."""
    return max((i for i, m in enumerate(messages) if m.role is MessageRole.USER), default=len(messages) - 1)


def _system_text(parts: Any) -> str:
    """System text that says something of its own; LlamaIndex's standard one would only lengthen every check."""
    return "\n\n".join(part for part in parts if part and part != TEXT_QA_SYSTEM_PROMPT.content)


def _is_system(message: ChatMessage) -> bool:
    return message.role in (MessageRole.SYSTEM, MessageRole.DEVELOPER)


def _holds(message: ChatMessage, names: Sequence[str]) -> bool:
    return any(name in names for name in get_template_vars(message.content or ""))


def _attached(messages: Sequence[ChatMessage], key: str) -> Any:
    return next((m.additional_kwargs[key] for m in messages if m.additional_kwargs.get(key)), None)
