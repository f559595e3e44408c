"""Tokens of a checking prompt of long contexts with and without `passage_budget`, and what the budget leaves out.

Tokens are those of one checking prompt with its worked examples, counted as a verifier does that knows no tokenizer:
one for three bytes. No model is asked, so this says nothing of how well the checks tell right from wrong. It does say
how often a gold answer that stands in the context is still shown, for right drafts and for wrong ones: where a wrong
draft's gold answer is gone, the check can't see what speaks against the draft.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from automix_core.checking.query import Query
from automix_core.checking.results import approximate_tokens
from automix_core.checking.turns import turns
from automix_core.outcomes.outcome import Outcome
from benchmarks.passage_budget.contexts import SIZES, draft, fitted, is_right, is_told, lengthened, pool, tells


def tokens(query: Query, answer: str) -> int:
    """Tokens of one checking prompt."""
    return sum(approximate_tokens(text) for _, text in turns(query, answer))


def measure(outcomes: Sequence[Outcome], budget: int) -> dict[str, dict[str, float]]:
    """The figures of each size."""
    others = pool(outcomes)
    asked = [outcome for outcome in outcomes if is_told(outcome) and draft(outcome).strip()]
    found: dict[str, dict[str, float]] = {}
    for size in SIZES:
        rows: list[tuple[int, int, bool, bool]] = []
        for outcome in asked:
            answer = draft(outcome)
            whole = lengthened(outcome, others, size)
            part = fitted(whole, answer, budget)
            shown = tells(part.context_text, outcome)
            rows.append((tokens(whole, answer), tokens(part, answer), is_right(outcome), shown))
        right = [kept for *_, good, kept in rows if good]
        wrong = [kept for *_, good, kept in rows if not good]
        found[f"{size // 1000} kB"] = {
            "whole": mean(row[0] for row in rows),
            "budget": mean(row[1] for row in rows),
            "right": len(right),
            "right_shown": mean(right),
            "wrong": len(wrong),
            "wrong_shown": mean(wrong),
        }
    return found


def show(found: dict[str, dict[str, float]], budget: int) -> None:
    """Print a line a size."""
    print(f"passage_budget={budget}: tokens of a checking prompt, and whether the gold answer is still shown")
    for size, row in found.items():
        print(
            f"  {size:>5}  whole {row['whole']:6.0f}  budget {row['budget']:6.0f}"
            f"  right drafts {row['right_shown']:.3f} of {row['right']:.0f}"
            f"  wrong drafts {row['wrong_shown']:.3f} of {row['wrong']:.0f}"
        )
