"""Whether an answer holds the expected fact, where the questions come with one."""

from __future__ import annotations

from automix_core.outcomes.scoring import contains, refuses

from .corpus import Question


def right(question: Question, answer: str) -> bool | None:
    """True if the answer contains one of the expected facts, word for word; None if none is known.

    For a question that the documents don't answer it is right to say so, and nothing else. Case, punctuation and
    English articles don't count. It is a rule for short facts: it does not see an answer that denies one.
    """
    if not question.answers:
        return None
    if not question.passages and all(refuses(gold) for gold in question.answers):
        return refuses(answer)
    return bool(contains(answer, question.answers))
