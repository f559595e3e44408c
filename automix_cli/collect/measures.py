"""Paid signals of drafts as collecting asks for them: one word each, or more drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from automix_cli.collect.calls import Message
from automix_cli.collect.journal import Paid
from automix_core.checking.measuring import AGREEMENT
from automix_core.checking.query import Query, passages
from automix_core.checking.thoughts import final_text
from automix_core.checking.token_verdict import ANSWER, CONTEXT, Matter, log_odds
from automix_core.checking.turns import case, opening
from automix_core.evidence.agreement import agreement
from automix_core.evidence.reported import reported_tokens
from automix_core.outcomes.outcome import Question

WORDS: Mapping[str, Matter] = {"p_correct": ANSWER, "sufficient": CONTEXT}
"""What is asked in one word, by the signal's name."""
DRAFTS = 2
"""More drafts that agreement compares."""


def word_messages(name: str, question: Question, answer: str) -> list[Message]:
    """The request for the word of a signal: what `TokenVerifier` sends."""
    matter, query = WORDS[name], Query(question.question, passages(question.context))
    shown = case(query, answer if matter is ANSWER else "", matter.layout)
    asked = [*opening(matter.instructions, matter.shots, matter.layout), ("user", shown)]
    return [{"role": role, "content": text} for role, text in asked]


def value(name: str, answer: str, requests: Sequence[Paid]) -> float | None:
    """The signal, from what came; None where it could not be read."""
    if name == AGREEMENT:
        return agreement(answer, [final_text(text) for paid in requests for text in paid.texts])
    return log_odds(reported_tokens(requests[0].logprobs), WORDS[name].words)
