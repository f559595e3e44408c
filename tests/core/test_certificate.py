"""Certificates: rarely given where they shouldn't be, given where there is room, and plain when they can't be."""

from __future__ import annotations

import numpy as np
import pytest

from automix_core.errors import ConfigError, DataError
from automix_core.evaluation.evaluate import evaluate
from automix_core.fitting.certificate import certify, e_value
from automix_core.policies import Always
from tests.core.worlds import outcomes


def test_evidence_is_rarely_false() -> None:
    """Losses whose mean is exactly the limit reach 1 / delta in no more than delta of the cases."""
    rng = np.random.default_rng(3)
    false = sum(e_value(np.where(rng.random(200) < 0.1, 1.0, 0.0), 0.1) >= 10 for _ in range(300))
    assert false / 300 <= 0.1


def test_evidence_grows_where_losses_are_small() -> None:
    assert e_value(np.zeros(400), 0.05) > 10
    assert e_value(np.full(400, 0.2), 0.05) == 1


def test_a_certified_policy_is_cheaper_and_keeps_its_promise() -> None:
    found = certify(outcomes(3000, rates=(0.1, 0.95)), 0.05, 0.9)
    assert "Certified on 1500 outcomes" in found.notes[0]
    figures = evaluate(found.policy, outcomes(3000, seed=4, rates=(0.1, 0.95)))
    large = figures.baselines["always_model-1"]
    assert figures.cost < 0.8 * large.cost
    assert figures.performance >= large.performance - 0.05


def test_not_certifiable_is_said() -> None:
    found = certify(outcomes(40), 0.01, 0.95)
    assert found.policy == Always(1)
    assert "Not certifiable with n = 20" in found.notes[0]


def test_what_cannot_be_certified_is_refused() -> None:
    with pytest.raises(DataError, match="a certificate needs 20"):
        certify(outcomes(19), 0.05)
    with pytest.raises(ConfigError, match="max_loss must lie between 0 and 1"):
        certify(outcomes(50), 1.5)
    free = [record.model_copy(update={"reference": "largest"}) for record in outcomes(50)]
    with pytest.raises(DataError, match="needs gold answers"):
        certify(free, 0.05)
