"""A policy in one sentence, read off what it does."""

from __future__ import annotations

import pytest

from automix_core.decision import Accept, Draft, Finish, Measure, Policy, Verify
from automix_core.outcomes.verdict_cost import VerdictCost
from automix_core.policies import POMDP, Always, Threshold
from automix_core.policies.explain import explain
from automix_core.policies.problem import ObservationModel, Problem
from automix_core.policies.rule import lines, sentence, symbol
from automix_core.policies.solver import solve

NAMES = ("small", "large")


def said(policy: Policy, names: tuple[str, ...] = NAMES) -> str:
    return sentence(explain(policy, models=len(names)), names)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Always(0), "small answers everything, unchecked."),
        (Always(1), "large answers everything, unchecked."),
        (Threshold(0.75), "small drafts; its draft is kept where 6 to 8 of 8 say correct, else large answers."),
        (Threshold(1.0), "small drafts; its draft is kept where 8 of 8 say correct, else large answers."),
    ],
)
def test_rules(policy: Policy, words: str) -> None:
    assert said(policy) == words


def test_of_three_models_any_later_one_may_answer() -> None:
    assert said(Threshold(0.5), ("a", "b", "c")).endswith("else b or c answers.")


def solved(cost_weight: float, each: float = 0.001, direct: bool = False) -> POMDP:
    """A world in which drafts are right half the time and three checks tell."""
    steps = ((0.5, 0.3, 0.15, 0.05), (0.05, 0.15, 0.3, 0.5))
    checks = ObservationModel(3, steps, VerdictCost(each=each), direct=direct)
    return solve(Problem((0.5, 0.5), ((0.0, 0.9), (1.0, 0.9)), (0.01, 1.0), (checks,), cost_weight))


def test_a_solved_policy_says_how_often_and_where() -> None:
    words = said(solved(0.3))
    assert words.startswith("small drafts; its draft is kept where 2 or more of up to 3 say correct, on about ")
    assert words.endswith(" checks a question.")
    (only,) = lines(explain(solved(0.3)))
    assert only.share == pytest.approx(1)
    assert isinstance(only.first, Verify)


def test_a_direct_confidence_is_a_number_to_reach() -> None:
    (only,) = lines(explain(solved(0.3, direct=True)))
    assert only.kept.startswith("confidence 0.")
    assert only.grid == {}


def test_dear_checks_are_not_drawn() -> None:
    assert said(solved(0.5, each=10.0)) == "small answers everything, unchecked."


def test_every_action_has_a_sign_of_its_own() -> None:
    signs = [symbol(a) for a in (Accept(0), Finish(1), Draft(2), Verify(0, 2), Measure(0, "p_correct"), Finish(12))]
    assert signs == ["K", "1", "2", ".", "$", "+"]
