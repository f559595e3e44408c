"""The lexical baseline: how well a draft's own words tell whether it is right, without a request and nothing fitted.

It is hard to beat on short answers, and free, so it stands beside every verifier: one that tells no more is not worth
its price. The number is the fixed-weight evidence (`automix_core.evidence.unfitted`) of textual signals alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..evidence import TEXTUAL, UNFITTED, Source, textual
from ..evidence.arrays import evidence_of
from ..outcomes.columns import Columns, Floats
from ..outcomes.outcome import Outcome

WORDS = tuple(name for name in UNFITTED.names if name in TEXTUAL)
"""The signals that it is made of."""


def lexical(columns: Columns, outcomes: Sequence[Outcome] = ()) -> Floats:
    """The baseline of every draft [n, N], NaN where it can't be known.

    From the recorded signals; where a draft has none, from the texts that its outcome holds.
    """
    found = np.full((len(columns), columns.models), np.nan)
    for m in range(columns.models):
        known = columns.known(m)
        found[:, m] = evidence_of(UNFITTED, {name: known[name] for name in WORDS if name in known}, len(columns))
    for row, outcome in enumerate(outcomes):
        if outcome.context and np.isnan(found[row]).any():
            context, question = Source(outcome.context), outcome.question
            for m, model in enumerate(outcome.models):
                if np.isnan(found[row, m]) and model.answer:
                    value = UNFITTED.of(textual(question or None, context, model.answer, WORDS))
                    found[row, m] = np.nan if value is None else value
    return found
