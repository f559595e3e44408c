"""What a second is worth: in the costs, in fitting, in the file, and in beginning an answer ahead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from automix_core import ConfigError, DataError, Objective, Outcome, State, Tally, Verify, evaluate, explain, fit
from automix_core.fitting.certificate import certify
from automix_core.fitting.held_out import contest
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.timing import timed, untimed_checks
from automix_core.policies import Always, Threshold, Timed
from automix_core.policies.expected import expected
from automix_core.policies.loading import as_policy
from automix_core.policies.rounds import ROUND, in_rounds, round_price
from automix_core.policies.saving import load_policy, save_policy
from automix_core.policies.timed import second_worth_of, untimed
from automix_core.routing.effects import Batch
from automix_core.routing.hedge import Hedge, Hurried
from tests.core.worlds import outcomes

SECONDS = (1.0, 4.0)


def clocked(
    n: int = 60, *, seconds: Sequence[float | None] = SECONDS, checks: float | None = 2.0, seed: int = 0
) -> list[Outcome]:
    """Outcomes that took time: each model's answer, and a round of checks of the first one's."""
    found = []
    for outcome in outcomes(n, seed):
        models = tuple(
            model.model_copy(update={"seconds": took, "verdict_seconds": checks if model.verdicts else None})
            for model, took in zip(outcome.models, seconds, strict=True)
        )
        found.append(outcome.model_copy(update={"models": models}))
    return found


def test_seconds_are_part_of_costs_and_rounds() -> None:
    plain = Columns.of(clocked())
    found = timed(plain, 10.0)
    assert np.allclose(found.costs - plain.costs, [10.0, 40.0])
    assert np.allclose(found.verdict_cost[:, 0, 3] - plain.verdict_cost[:, 0, 3], 20.0)
    assert np.array_equal(found.verdict_cost[..., :3], plain.verdict_cost[..., :3])
    assert timed(plain, 0.0) is plain
    half = timed(plain.rows(slice(0, 30)), 10.0)
    assert np.array_equal(half.costs, found.costs[:30])


def test_rows_without_seconds_are_named() -> None:
    records = clocked(20)
    whole, missing = records[:17], clocked(20, seconds=(1.0, None))[17:]
    with pytest.raises(DataError, match=r"3 of 20 outcomes don't say .*'0-17', '0-18', '0-19'\): collect them again"):
        timed(Columns.of([*whole, *missing]), 1.0)
    with pytest.raises(DataError, match=r"20 of 20 outcomes .*'0-0', '0-1', '0-2' and 17 more"):
        timed(Columns.of(outcomes(20)), 1.0)


def test_seconds_are_not_added_to_tokens() -> None:
    records = []
    for outcome in clocked(20):
        models = [
            {**m.model_dump(), "cost": 30, "usage": {"input_tokens": 20, "output_tokens": 10}} for m in outcome.models
        ]
        records.append(Outcome.model_validate({**outcome.model_dump(), "models": models}))
    with pytest.raises(ConfigError, match=r"numbers of tokens: give the models' prices \(--price NAME=IN/OUT\)"):
        timed(Columns.of(records), 1.0)
    with pytest.raises(ConfigError, match="numbers of tokens"):
        fit(records, objective=Objective(second_worth=0.1))


def test_checks_that_nobody_timed_are_counted_and_noted() -> None:
    assert untimed_checks(Columns.of(clocked(20))) == 0
    records = [*clocked(20)[:10], *clocked(20, checks=None)[10:]]
    assert untimed_checks(Columns.of(records)) == 10
    found = fit(records, method="threshold", objective=Objective(cost_weight=0.001, second_worth=0.5))
    assert any(note.startswith("10 of 20 outcomes don't say how long their checks took") for note in found.notes)


def test_a_policy_is_fitted_for_what_a_second_is_worth() -> None:
    records = clocked(200, seconds=(1.0, 1.0), checks=20.0)
    cheap = fit(records, objective=Objective(cost_weight=0.01))
    hurried = fit(records, objective=Objective(cost_weight=0.01, second_worth=3.0))
    assert second_worth_of(cheap.policy) == 0
    assert second_worth_of(hurried.policy) == 3.0
    assert hurried.expected.verdicts < cheap.expected.verdicts, "checks that take long are not worth their time"
    figures = evaluate(hurried.policy, records)
    by_hand = evaluate(untimed(hurried.policy), timed(Columns.of(records), 3.0))
    assert figures == by_hand
    assert figures.baselines["always_model-1"].cost == pytest.approx(
        evaluate(cheap.policy, records).baselines["always_model-1"].cost + 3.0
    )


def test_it_is_told_when_an_answer_is_worth_beginning_ahead() -> None:
    records = clocked(200, checks=2.0)
    found = fit(records, method="threshold", objective=Objective(cost_weight=0.001, second_worth=0.5))
    policy = found.policy
    assert isinstance(policy, Timed)
    assert isinstance(policy, Hurried)
    ((share,), (seconds,)) = policy.escalated, policy.sooner
    assert share is not None
    assert 0 < share < 1
    assert seconds == 2.0, "the checks take less than the last model"
    limit = share * 2.0 * 0.5 / (1 - share)
    assert policy.pays_ahead(0, limit * 0.99)
    assert not policy.pays_ahead(0, limit * 1.01)
    assert not policy.pays_ahead(1, 0.0)
    assert Timed(policy.policy, 0.5, (None,), (None,)).pays_ahead(0, 0.0) is False


def test_rounds_of_checks_follow_from_their_seconds_and_what_one_is_worth() -> None:
    """Live as in a replay: the price is that of the outcomes whose costs count the seconds."""
    records = [*clocked(100, checks=2.0), *clocked(100, checks=4.0, seed=1)]
    _, again, each, more = Columns.of(records).verdict_cost[:, 0].mean(axis=0)
    state = State((True, False), (Tally(), Tally()), (8, 8))
    sizes: list[int] = []
    for verdicts in (0.1, 4.0):
        worth = verdicts * each / 3.0
        policy = fit(records, method="threshold", objective=Objective(cost_weight=0.001, second_worth=worth)).policy
        assert isinstance(policy, Timed)
        (price,) = policy.rounds
        assert price == pytest.approx(max(ROUND, (again + more) / each + verdicts))
        first = in_rounds(Timed(Threshold(0.75), worth, (), (), policy.rounds), Batch(0, 8, round_price(False, policy)))
        action = first.decide(state).action
        assert isinstance(action, Verify)
        sizes.append(action.n)
    assert sizes == [3, 6]
    unclocked = fit(clocked(100, checks=None), method="threshold", objective=Objective(0.001, second_worth=0.1)).policy
    assert isinstance(unclocked, Timed)
    assert unclocked.rounds == (None,)


def test_a_last_model_that_is_quicker_than_the_checks_saves_no_more_than_it_takes() -> None:
    found = fit(
        clocked(100, seconds=(1, 1.5)), method="threshold", objective=Objective(cost_weight=0.001, second_worth=1)
    )
    assert isinstance(found.policy, Timed)
    assert found.policy.sooner == (1.5,)


def test_a_certificate_and_a_contest_count_seconds_too() -> None:
    records = clocked(400)
    found = certify(records, 0.2, method="threshold", second_worth=2.0)
    assert second_worth_of(found.policy) == 2.0
    objective = Objective(cost_weight=0.001, second_worth=2.0)
    won = contest(found.policy, Always(1), Columns.of(records), objective, 0.001)
    assert won.running[1] == pytest.approx(float(timed(Columns.of(records), 2.0).costs[:, 1].mean()))


def test_it_is_saved_and_decides_as_the_policy_within(tmp_path: Path) -> None:
    policy = Timed(Threshold(0.5), 0.25, (0.4,), (1.5,), (2.5,))
    save_policy(policy, tmp_path / "policy.json", models=["a", "b"], k=8)
    read = load_policy(tmp_path / "policy.json")
    assert read == policy
    assert as_policy(tmp_path / "policy.json", 2) == policy
    state = State.start(2, 8)
    assert policy.decide(state) == Threshold(0.5).decide(state)
    assert repr(policy) == "Threshold(0.5)"
    assert [row.decision for row in explain(policy)] == [row.decision for row in explain(Threshold(0.5))]
    assert Timed(Always(1), 1.0).model == 1
    with pytest.raises(AttributeError):
        Timed(Always(1), 1.0).nothing  # noqa: B018


@pytest.mark.parametrize(
    ("worth", "escalated", "sooner"),
    [(-1.0, (), ()), (float("inf"), (), ()), (1.0, (0.5,), ()), (1.0, (1.5,), (1.0,)), (1.0, (0.5,), (-1.0,))],
)
def test_numbers_that_can_not_be_meant_are_refused(
    worth: float, escalated: tuple[float, ...], sooner: tuple[float, ...]
) -> None:
    with pytest.raises(ConfigError, match="Timed needs"):
        Timed(Threshold(), worth, escalated, sooner)


def test_an_objective_has_one_goal_and_a_worth_beside_it() -> None:
    assert Objective(max_cost=1.0, second_worth=2.0).second_worth == 2.0
    with pytest.raises(ConfigError, match="not cost_weight and max_cost"):
        Objective(cost_weight=1.0, max_cost=1.0, second_worth=2.0)
    with pytest.raises(ConfigError, match="second_worth must be a number, 0 or more"):
        Objective(second_worth=-1.0)


def test_what_a_policy_is_expected_to_do_is_the_same_whatever_a_second_is_worth() -> None:
    found = fit(clocked(200), objective=Objective(cost_weight=0.01))
    problem = getattr(found.policy, "problem", None)
    assert problem is not None
    assert expected(Timed(found.policy, 1.0), problem) == expected(found.policy, problem)


async def test_a_hedge_finds_the_worth_of_a_policy_within_another() -> None:
    from automix_core import Price
    from automix_core.policies.versioned import Versioned
    from tests.core.test_hedge import ANSWER, DRAFT, checked

    async def ask(model: int) -> object:
        return ANSWER

    never = Versioned(Timed(Threshold(), 0.0, (0.5,), (1.0,)), "v1")
    hedge: Hedge[object] = Hedge(never, [Price(1, 1), Price(1, 1)], ask)
    assert await hedge.begin(checked(), DRAFT) is None
    await hedge.close()
