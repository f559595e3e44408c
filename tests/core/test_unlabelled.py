"""Policies that need no labels: thresholds of the evidence, and a share of the traffic."""

from __future__ import annotations

import math
import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automix_core.decision import Accept, Finish, State, Tally, Verify
from automix_core.errors import ConfigError
from automix_core.evidence import Evidence
from automix_core.policies import (
    EvidenceThreshold,
    Share,
    Threshold,
)
from automix_core.policies.provider import Fixed, PolicyProvider, provider_of
from automix_core.policies.saving import load_policy, save_policy
from tests.core.evident import RISING, drafted


def test_an_evidence_threshold_checks_only_where_evidence_leaves_it_open() -> None:
    policy = EvidenceThreshold(0.8, 0.4)
    assert policy.decide(drafted(support=1.0)).action == Accept(0)
    assert policy.decide(drafted(support=0.2)).action == Finish(1)
    assert policy.decide(drafted(support=0.6)).action == Verify(0, 8)
    checked = replace(drafted(support=0.6), tallies=(Tally(7, 1), Tally()), available=(0, 8))
    assert policy.decide(checked).action == Accept(0)
    doubted = replace(checked, tallies=(Tally(1, 7), Tally()))
    assert policy.decide(doubted).action == Finish(1)
    assert policy.decide(State((True, False), (Tally(), Tally()), (8, 8))).action == Verify(0, 8)


@pytest.mark.parametrize(("keep", "escalate"), [(1.5, None), (0.4, 0.5), (0.5, -1), ("x", None)])
def test_an_evidence_threshold_that_can_not_be_is_refused(keep: Any, escalate: Any) -> None:
    with pytest.raises(ConfigError):
        EvidenceThreshold(keep, escalate)


def test_an_evidence_threshold_comes_back_from_its_file(tmp_path: Path) -> None:
    for policy in (EvidenceThreshold(0.7), EvidenceThreshold(0.7, 0.2, Evidence([RISING]))):
        save_policy(policy, tmp_path / "policy.json")
        assert load_policy(tmp_path / "policy.json") == policy


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_share_escalates_that_share_of_the_traffic(part: float) -> None:
    share, rng, escalated = Share(part), random.Random(0), 0
    for call in range(3000):
        signals = {"support": rng.random()}
        action = share.policy().decide(drafted(**signals) if 0 < part < 1 else State.start(2, 0)).action
        escalated += action == Finish(1) if call >= 1000 else 0
        share.observe(signals)
    assert escalated / 2000 == pytest.approx(part, abs=0.03)


def test_a_share_follows_the_traffic() -> None:
    """Evidence drops by half: the cut comes down within its window."""
    share = Share(0.5, window=100)
    for _ in range(3):
        for support in np.linspace(0.5, 1, 100).tolist():
            share.observe({"support": support})
    before = share.policy()
    for support in np.linspace(0, 0.5, 100).tolist():
        share.observe({"support": support})
    after = share.policy()
    assert isinstance(before, EvidenceThreshold)
    assert isinstance(after, EvidenceThreshold)
    assert after.keep < 0.3 < 0.7 < before.keep


def test_a_share_serves_many_threads() -> None:
    share = Share(0.4, window=50)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(300):
            share.policy()
            share.observe({"support": rng.random()})

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    policy = share.policy()
    assert isinstance(policy, EvidenceThreshold)
    assert 0.1 < policy.keep < 0.8


@pytest.mark.parametrize("given_", [-0.1, 1.1, math.nan, "half", True])
def test_a_share_outside_nought_to_one_is_refused(given_: Any) -> None:
    with pytest.raises(ConfigError, match="a number from 0 to 1"):
        Share(given_)


def test_a_policy_provides_itself() -> None:
    share = Share(0.4)
    assert isinstance(share, PolicyProvider)
    assert provider_of(share) is share
    assert not isinstance(Threshold(0.5), PolicyProvider)
    assert provider_of(Threshold(0.5)) == Fixed(Threshold(0.5))
    assert provider_of(Threshold(0.5)).policy() == Threshold(0.5)
