"""Which of LlamaIndex's prompts ask a question about a context, and which are its own errands.

Nothing is imported to find out: a template of a module that nobody imported can't have been used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.output_parsers.pydantic import PYDANTIC_FORMAT_TMPL
from llama_index.core.prompts import (
    BasePromptTemplate,
    ChatPromptTemplate,
    PromptTemplate,
    PromptType,
    chat_prompts,
    default_prompts,
)
from llama_index.core.prompts.utils import format_string

from automix_core.checking.templates import Places, is_formatted, pattern, texts_at

ANSWERING = frozenset(
    {
        PromptType.QUESTION_ANSWER,
        PromptType.REFINE,
        PromptType.SUMMARY,
        PromptType.SQL_RESPONSE_SYNTHESIS,
        PromptType.SQL_RESPONSE_SYNTHESIS_V2,
        PromptType.CUSTOM,
    }
)
"""Prompt types that ask for an answer, if the template has a question and a context."""

EVALUATE = ("DEFAULT_EVAL_TEMPLATE", "DEFAULT_REFINE_TEMPLATE")
ERRANDS: Places = (
    (
        "llama_index.core.evaluation.faithfulness",
        ("DEFAULT_EVAL_TEMPLATE", "DEFAULT_REFINE_TEMPLATE", "TEMPLATES_CATALOG"),
    ),
    ("llama_index.core.evaluation.relevancy", EVALUATE),
    ("llama_index.core.evaluation.context_relevancy", EVALUATE),
    ("llama_index.core.evaluation.multi_modal.faithfulness", EVALUATE),
    ("llama_index.core.evaluation.multi_modal.relevancy", EVALUATE),
    ("llama_index.core.evaluation.dataset_generation", ("DEFAULT_QUESTION_GENERATION_PROMPT",)),
    ("llama_index.core.indices.query.query_transform.prompts", ("DEFAULT_STEP_DECOMPOSE_QUERY_TRANSFORM_TMPL",)),
    ("llama_index.core.postprocessor.pii", ("DEFAULT_PII_TMPL",)),
    ("llama_index.core.postprocessor.node", ("DEFAULT_INFER_PREV_NEXT_TMPL", "DEFAULT_REFINE_INFER_PREV_NEXT_TMPL")),
)
"""Templates with a question and a context that ask for something else: judgements, new questions, masking."""

ERRAND_QUESTIONS: Places = (
    ("llama_index.core.indices.document_summary.base", ("DEFAULT_SUMMARY_QUERY",)),
    ("llama_index.core.node_parser.relational.base_element", ("DEFAULT_SUMMARY_QUERY_STR",)),
)
"""Questions that indices ask of their own documents while they are built."""

ERRAND_PROMPTS: Places = (
    ("llama_index.core.chat_engine.condense_plus_context", ("DEFAULT_CONDENSE_PROMPT_TEMPLATE",)),
    ("llama_index.core.retrievers.fusion_retriever", ("QUERY_GEN_PROMPT",)),
)
"""Templates that reach `complete` already formatted."""


def answers(prompt: BasePromptTemplate, template: BasePromptTemplate, question: str) -> bool:
    """True if `prompt`, of which `template` was selected, may ask `question` for a user."""
    kind = prompt.metadata.get("prompt_type", PromptType.CUSTOM)
    if kind not in ANSWERING or question in _texts(ERRAND_QUESTIONS):
        return False
    return _text(template) not in _texts(ERRANDS)


def is_errand(text: str) -> bool:
    """True if `text` is a formatted prompt of LlamaIndex's own that asks no question."""
    return is_formatted(text, _texts(ERRAND_PROMPTS))


def wants_form(text: str) -> bool:
    """True if `text` asks for JSON, so that whoever formatted it will parse the answer: prose would be no answer."""
    return PYDANTIC_FORMAT_TMPL.partition("{schema}")[0].strip() in text


def parse(text: str) -> dict[str, str] | None:
    """The variables of a default question-answering prompt that was formatted before it came here."""
    for template in _answering_texts():
        if match := pattern(template).fullmatch(text.strip()):
            return match.groupdict()
    return None


@cache
def _answering_texts() -> tuple[str, ...]:
    """What the last user message of each default template looks like, chat templates and text ones."""
    found: list[str] = []
    for template in (
        default_prompts.DEFAULT_TEXT_QA_PROMPT,
        default_prompts.DEFAULT_TREE_SUMMARIZE_PROMPT,
        default_prompts.DEFAULT_REFINE_PROMPT,
        chat_prompts.CHAT_TEXT_QA_PROMPT,
        chat_prompts.CHAT_TREE_SUMMARIZE_PROMPT,
        chat_prompts.CHAT_REFINE_PROMPT,
    ):
        if isinstance(template, ChatPromptTemplate):
            found += [str(m.content) for m in template.message_templates if m.role is MessageRole.USER]
        else:
            found.append(template.get_template())
    return tuple(text.strip() for text in found)


def framing(template: BasePromptTemplate, placed: dict[str, str]) -> str:
    """All that a text template says beside the context and the question, which `placed` stands for."""
    return own_words(_text(template), placed)


def own_words(text: str, placed: dict[str, str]) -> str:
    """`text` with what `placed` stands for its variables; nothing if it is LlamaIndex's own, or all variables."""
    if text.strip() in _answering_texts():
        return ""  # it would only lengthen every check
    said = format_string(text, **placed)
    left = said
    for place in placed.values():
        left = left.replace(place, "")
    return said if re.search(r"\w", left) else ""


def _texts(places: Places) -> frozenset[str]:
    return texts_at(places, _each)


def _each(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, BasePromptTemplate):
        yield _text(found)
    elif isinstance(found, dict):
        for value in found.values():
            yield from _each(value)


def _text(template: BasePromptTemplate) -> str:
    if isinstance(template, PromptTemplate):
        return template.template
    if isinstance(template, ChatPromptTemplate):
        return _joined(template.message_templates)
    return template.get_template()


def _joined(messages: list[ChatMessage]) -> str:
    return "\n".join(message.content or "" for message in messages)
