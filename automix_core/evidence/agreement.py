"""Agreement: how much of a draft its model says again.

    agreement = mean over the extra drafts of their token F1 with the draft

The extra drafts are sampled at temperature 1; two refusals agree, whatever their words. Agreement is not correctness:
where answers are one word (yes, no) a model repeats its mistakes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..checking.sampling import Sample
from ..checking.thoughts import final_text
from ..routing.effects import Measured

TEMPERATURE = 1.0
"""At 0 all drafts would be the same."""


def agreement(draft: str, others: Sequence[str]) -> float | None:
    """How far `others` say what `draft` says, from 0 to 1; None without any.

    >>> agreement("Oda Verrin", ["oda verrin.", "Piet Okoro"])
    0.5
    """
    from ..outcomes.scoring import f1, refuses  # it builds the readers of outcomes, which few calls need

    if not others:
        return None
    refusing = refuses(draft)
    return sum(1.0 if refusing and refuses(other) else f1(other, [draft]) for other in others) / len(others)


def agreed(draft: str, sample: Sample, by: int) -> Measured:
    """The agreement of `sample` with `draft`, and what it used. Raises the first error if no extra draft came."""
    if sample.errors and not sample.drawn:
        raise sample.errors[0]
    others = [final_text(text) for text in sample.texts]
    return Measured(agreement(draft, others), sample.usage, by, estimated=sample.estimated)
