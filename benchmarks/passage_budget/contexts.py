"""Long contexts with real questions: each question's own among those of others."""

from __future__ import annotations

import random
from collections.abc import Sequence

from automix_core.checking.query import Query, passages
from automix_core.checking.results import approximate_tokens
from automix_core.checking.thoughts import final_text
from automix_core.evidence.bearing import bearing
from automix_core.outcomes.outcome import Outcome

SIZES = (1_000, 4_000, 8_000, 16_000, 60_000)
"""Bytes of context."""
RIGHT = 0.5
"""The score from which on a draft counts as right."""


def draft(outcome: Outcome) -> str:
    """What the small model answered."""
    return final_text(outcome.models[0].answer or "")


def is_right(outcome: Outcome) -> bool:
    """Whether its draft is."""
    return outcome.models[0].score >= RIGHT


def is_told(outcome: Outcome) -> bool:
    """Whether its gold answer stands in its own context."""
    return tells("\n".join(passages(outcome.context)), outcome)


def tells(text: str, outcome: Outcome) -> bool:
    """Whether a gold answer stands in `text`."""
    lower = text.lower()
    return any(gold.lower() in lower for gold in outcome.answers or ())


def pool(outcomes: Sequence[Outcome]) -> list[str]:
    """All contexts, each once: what stands around a question's own."""
    return list(dict.fromkeys(text for outcome in outcomes for text in passages(outcome.context)))


def lengthened(outcome: Outcome, others: Sequence[str], size: int) -> Query:
    """The outcome's context among others, in all about `size` bytes, the same whenever this is run."""
    rng = random.Random(f"{outcome.id} {size}")
    own, around = list(passages(outcome.context)), list(others)
    rng.shuffle(around)
    before: list[str] = []
    used = sum(len(text.encode()) for text in own)
    for text in around:
        if used + len(text.encode()) > size:
            break
        if text not in own:
            before.append(text)
            used += len(text.encode())
    place = rng.randint(0, len(before))
    return Query(outcome.question or "", (*before[:place], *own, *before[place:]), source="argument")


def fitted(query: Query, answer: str, budget: int | None) -> Query:
    """What a check of `answer` is shown; the whole where the answer alone exceeds the budget."""
    if budget is None or approximate_tokens(answer) > budget:
        return query
    return bearing(query, answer, budget, approximate_tokens)
