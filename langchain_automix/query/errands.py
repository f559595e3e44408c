"""Which calls are LangChain's own errands, as far as that is safe to tell.

Its middleware says so in the run's metadata; some retrievers and chains have a prompt of their own, which is found
again word for word. Prompts that users write, as for a history-aware retriever or most judges, look like any question:
for these there is `errand()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.prompts import BasePromptTemplate, StringPromptTemplate

from automix_core.checking.templates import Places, is_formatted, texts_at

MARKED = frozenset({"summarization", "tool_selection", "tool_emulation"})
"""What LangChain's agent middleware puts under `lc_source` in the metadata of calls of its own."""

PROMPTS: Places = (
    ("langchain_classic.retrievers.multi_query", ("DEFAULT_QUERY_PROMPT",)),
    ("langchain_classic.retrievers.re_phraser", ("DEFAULT_QUERY_PROMPT",)),
    ("langchain_classic.retrievers.document_compressors.chain_extract_prompt", ("prompt_template",)),
    ("langchain_classic.retrievers.document_compressors.chain_filter_prompt", ("prompt_template",)),
    ("langchain_classic.chains.conversational_retrieval.prompts", ("CONDENSE_QUESTION_PROMPT",)),
    ("langchain_classic.evaluation.qa.eval_prompt", ("PROMPT", "CONTEXT_PROMPT", "COT_PROMPT", "SQL_PROMPT")),
    ("langchain_classic.evaluation.criteria.prompt", ("PROMPT", "PROMPT_WITH_REFERENCES")),
)
"""Prompts of LangChain's own that ask nobody's question: rewriting, extracting, judging."""


def is_errand(messages: Sequence[BaseMessage], metadata: Mapping[str, Any]) -> bool:
    """True for a call that LangChain makes for its own purposes."""
    if metadata.get("lc_source") in MARKED:
        return True
    if len(messages) != 1 or not isinstance(messages[0], HumanMessage):
        return False
    return is_formatted(messages[0].text, texts_at(PROMPTS, _texts_of))


def _texts_of(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found.replace("{{", "{").replace("}}", "}")  # some are formatted twice
    elif isinstance(found, BasePromptTemplate) and isinstance(found, StringPromptTemplate):
        template = getattr(found, "template", None)
        if isinstance(template, str):
            yield template
