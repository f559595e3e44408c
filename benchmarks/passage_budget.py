"""What a check reads of long contexts, with and without `passage_budget`, and what the budget leaves out.

    python -m benchmarks.passage_budget outcomes.jsonl [--budget 400] [--json]

`outcomes.jsonl` is any file of outcomes with their texts and gold answers, as `automix collect` writes it. Each
question's own context is put at a random place among the contexts of other questions until the whole is 1, 4, 8, 16 or
60 kB. Tokens are those of one checking prompt with its worked examples, counted as a verifier does that knows no
tokenizer: one for three bytes. No model is asked, so this says nothing of how well the checks tell right from wrong.
It does say how often a gold answer that stands in the context is still shown, for right drafts (score 0.5 or more) and
for wrong ones: where a wrong draft's gold answer is gone, the check can't see what speaks against the draft.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from statistics import mean

from automix_core.checking.query import Query, passages
from automix_core.checking.results import approximate_tokens
from automix_core.checking.thoughts import final_text
from automix_core.checking.turns import turns
from automix_core.evidence.bearing import bearing
from automix_core.outcomes.outcome import Outcome, read_outcomes

SIZES = (1_000, 4_000, 8_000, 16_000, 60_000)


def told(outcome: Outcome) -> bool:
    """Whether its gold answer stands in its own context and its draft says something."""
    context = "\n".join(passages(outcome.context)).lower()
    golds = [gold.lower() for gold in outcome.answers or ()]
    return any(gold in context for gold in golds) and bool(final_text(outcome.models[0].answer or "").strip())


def lengthened(outcome: Outcome, others: Sequence[str], size: int) -> tuple[str, ...]:
    """The outcome's context among others, in all about `size` bytes, the same whenever this is run."""
    rng = random.Random(f"{outcome.id} {size}")
    own, pool = list(passages(outcome.context)), list(others)
    rng.shuffle(pool)
    before: list[str] = []
    used = sum(len(text.encode()) for text in own)
    for text in pool:
        if used + len(text.encode()) > size:
            break
        if text not in own:
            before.append(text)
            used += len(text.encode())
    place = rng.randint(0, len(before))
    return (*before[:place], *own, *before[place:])


def tokens(query: Query, draft: str) -> int:
    """Tokens of one checking prompt."""
    return sum(approximate_tokens(text) for _, text in turns(query, draft))


def shown(query: Query, outcome: Outcome) -> bool:
    """Whether a gold answer stands in what is shown."""
    text = query.context_text.lower()
    return any(gold.lower() in text for gold in outcome.answers or ())


def measure(outcomes: Sequence[Outcome], budget: int) -> dict[str, dict[str, float]]:
    """The figures of each size."""
    others = list(dict.fromkeys(text for outcome in outcomes for text in passages(outcome.context)))
    asked = [outcome for outcome in outcomes if told(outcome)]
    found: dict[str, dict[str, float]] = {}
    for size in SIZES:
        rows: list[tuple[int, int, bool, bool]] = []
        for outcome in asked:
            draft = final_text(outcome.models[0].answer or "")
            whole = Query(outcome.question or "", lengthened(outcome, others, size), source="argument")
            part = whole
            if approximate_tokens(draft) <= budget:
                part = bearing(whole, draft, budget, approximate_tokens)
            rows.append(
                (tokens(whole, draft), tokens(part, draft), outcome.models[0].score >= 0.5, shown(part, outcome))
            )
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outcomes")
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(read_outcomes(asked.outcomes), asked.budget)
    if asked.json:
        print(json.dumps(found))
        return
    print(f"passage_budget={asked.budget}: tokens of a checking prompt, and whether the gold answer is still shown")
    for size, row in found.items():
        print(
            f"  {size:>5}  whole {row['whole']:6.0f}  budget {row['budget']:6.0f}"
            f"  right drafts {row['right_shown']:.3f} of {row['right']:.0f}"
            f"  wrong drafts {row['wrong_shown']:.3f} of {row['wrong']:.0f}"
        )


if __name__ == "__main__":
    main()
