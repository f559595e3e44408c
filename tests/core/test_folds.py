"""What is left out in turn: each part has its share of right answers, so that nothing seems to speak against itself."""

from __future__ import annotations

import numpy as np
import pytest

from automix_core.evaluation.discrimination import auroc
from automix_core.fitting import signals
from automix_core.fitting.folds import folds


@pytest.mark.parametrize("right", [0, 1, 22, 60])
def test_parts_have_their_share_and_hold_each_row_once(right: int) -> None:
    score = np.array([1.0] * right + [0.0] * (60 - right))
    parts = folds(score, 5)
    assert sorted(np.concatenate(parts).tolist()) == list(range(60))
    assert {len(part) for part in parts} == {12}
    sums = [score[part].sum() for part in parts]
    assert max(sums) - min(sums) <= 1


def test_parts_of_few_rows() -> None:
    """As many rows as parts, or fewer: some parts are empty, none is lost."""
    parts = folds(np.array([0.5, 0.0, 1.0]), 5)
    assert sorted(np.concatenate(parts).tolist()) == [0, 1, 2]


def test_evidence_that_says_nothing_does_not_speak_against_itself() -> None:
    """By parts drawn by chance alone the mean AUROC of a pure-noise signal is 0.46."""
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        score = (rng.random(60) < 0.4).astype(float)
        evidence, held_out = signals._held_out({"support": rng.random(60)}, score)
        if evidence is not None and (area := auroc(held_out, score >= 0.5)) is not None:
            found.append(area)
    assert len(found) == 20
    assert np.mean(found) > 0.475
