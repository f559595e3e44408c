"""The table of a policy says what the policy does, in the policy's own words."""

from __future__ import annotations

import json

import pytest

from automix_core.decision import Accept, Action, Draft, Finish, Policy, State, Tally, Verify
from automix_core.fitting.fit import fit
from automix_core.policies import POMDP, Always, Curtailed, Mixture, Threshold
from automix_core.policies.explain import best_of_each, explain
from tests.core.worlds import outcomes


def test_a_threshold_is_shown_for_every_count() -> None:
    rows = explain(Threshold(0.75), k=4)
    shown = [(row.seen, None if row.latest is None else row.latest.correct, row.decision.action) for row in rows]
    assert shown[0] == (0, None, Draft(0))
    assert shown[2:] == [
        (4, 4, Accept(0)),
        (4, 3, Accept(0)),
        *((4, c, Finish(1)) for c in (2, 1, 0)),
        (4, 0, Finish(1)),
    ]
    assert rows[3].decision.reason == "Kept: 3 of 4 readable verdicts say correct, at least 0.75."


def test_a_single_model_is_one_row() -> None:
    (row,) = explain(Always(1))
    assert row.decision.action == Finish(1)


@pytest.mark.parametrize("models", [2, 3])
def test_a_pomdp_is_shown_as_it_decides(models: int) -> None:
    """Every tally of the first draft is there; the share that gets to each adds up where questions end."""
    policy = fit(outcomes(300, models=models, k=3)).policy
    assert isinstance(policy, POMDP)
    rows = explain(policy)
    ended = [row for row in rows if isinstance(row.decision.action, Accept | Finish)]
    assert sum(row.reached or 0 for row in ended) == pytest.approx(1)
    first = [row for row in rows if row.tallies[0] is not None and row.tallies[1] is None]
    assert len(first) == 10
    for row in rows:
        drafted = tuple(tally is not None for tally in row.tallies)
        tallies = tuple(tally or Tally() for tally in row.tallies)
        left = tuple(3 - tally.drawn if m < models - 1 else 0 for m, tally in enumerate(tallies))
        assert policy.decide(State(drafted, tallies, left)) == row.decision
    assert len(explain(policy, every=True)) >= len(rows)


def test_a_mixture_shows_both_parts() -> None:
    mixture: Policy = Mixture(Always(0), Mixture(Always(1), Threshold(0.5), 0.5), 0.4)
    rows = explain(mixture, k=2)
    assert {(row.policy, round(row.share, 6)) for row in rows} == {
        ("Always(0)", 0.4),
        ("Always(1)", 0.3),
        ("Threshold(0.5)", 0.3),
    }


def test_direct_confidences_are_shown_as_such() -> None:
    rows = explain(fit(outcomes(300, direct=True)).policy)
    shown = [row.latest.probability for row in rows if row.latest is not None and row.latest.probability is not None]
    assert len(set(shown)) > 5
    assert all(0 < probability < 1 for probability in shown)
    ended = [row for row in rows if isinstance(row.decision.action, Accept | Finish)]
    assert sum(row.reached or 0 for row in ended) == pytest.approx(1)


def test_rows_are_json() -> None:
    for row in explain(fit(outcomes(100, unreadable=0.2, k=3)).policy):
        assert json.loads(json.dumps(row.to_dict(), allow_nan=False))["reason"] == row.decision.reason


def test_a_curtailed_policy_is_explained_as_what_it_decides() -> None:
    assert explain(Curtailed(Threshold(0.75)), k=4) == explain(Threshold(0.75), k=4)


def test_of_several_numbers_of_verdicts_only_the_best_is_ranked() -> None:
    expected: dict[Action, float] = {Finish(1): 0.4, Verify(0, 1): 0.6, Accept(0): 0.5, Verify(0, 2): 0.7}
    assert best_of_each(expected) == [(Verify(0, 2), 0.7), (Accept(0), 0.5), (Finish(1), 0.4)]
