"""Parts of the rows to be left out in turn (numpy)."""

from __future__ import annotations

import numpy as np

from ..outcomes.columns import Floats, Ints


def folds(score: Floats, parts: int) -> list[Ints]:
    """`parts` parts of the rows, of nearly the same mean score each.

    Drawn by chance alone, a part with more right drafts than the rest leaves fewer to learn from, so that what is
    learned without it expects less of just these: with few rows and a weak signal, what is held out then looks as if
    it spoke against itself.
    """
    drawn = np.random.default_rng(0).permutation(len(score))
    dealt = drawn[np.argsort(score[drawn], kind="stable")]
    return [dealt[part::parts] for part in range(parts)]
