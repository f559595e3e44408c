"""Problems, policies and their providers: what can't be meant, the ends of their scales, and what they tell."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

import automix_core
from automix_core import policies
from automix_core.decision import Accept, Decision, Draft, Finish, Measure, State, Tally, Verify, sorted_signals
from automix_core.errors import ConfigError, PolicyError
from automix_core.evidence import UNFITTED, Estimator, Evidence, Term
from automix_core.imported import imported
from automix_core.policies import (
    Always,
    EvidenceThreshold,
    ObservationModel,
    Problem,
    Share,
    SignalModel,
    Threshold,
)
from automix_core.policies.explain import label, plain
from automix_core.policies.loading import as_provider
from automix_core.policies.problem import FREE, UNSEEN, between
from automix_core.policies.provider import Fixed, given
from automix_core.policies.record import policy_dict, policy_of
from automix_core.policies.versioned import Versioned
from automix_core.testing.policy import check_policy

SUPPORT = Evidence([Estimator([Term("support", 4.0, (0.0, 1.0), (0.0, 1.0))], bias=-2.0)])


def problem(**changed: Any) -> Problem:
    fine: dict[str, Any] = {
        "prior": [0.5, 0.5],
        "scores": [[1, 1], [0, 1]],
        "costs": [1, 50],
        "observations": [],
        "cost_weight": 0.01,
    }
    return Problem(**{**fine, **changed})


TELLING = SignalModel([0.5], [[0.1, 0.9], [0.9, 0.1]])


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: problem(signals=[[], [], []]), "signals has 3 entries for 2 models"),
        (lambda: problem(signals=[[SignalModel([0.5], [[0.5, 0.5]])]]), r"signals\[0\] needs a row for each of 2"),
        (lambda: SignalModel(["a"], [[1.0]]), "edges of 'evidence' must be numbers"),  # type: ignore[list-item]
        (lambda: SignalModel([math.inf], [[0.5, 0.5]]), "finite numbers, each above the one before"),
        (lambda: ObservationModel(2, [[0.2, 0.3, 0.5]], edges=[0.3, 0.6]), "edges are for a direct confidence"),
        (lambda: ObservationModel(2, [[0.2, 0.3, 0.5]], direct=True, edges=[0.3]), "one for each of its 2 upper steps"),
        (lambda: ObservationModel(True, [[0.5, 0.5]]), "a whole number of checks from 1 on, not True"),
        (lambda: ObservationModel(1, [[0.5, 0.5, 0.5, -0.5]]), "has 4 entries; 1 checks have 2 counts"),
    ],
)
def test_a_problem_that_can_not_be_meant_is_named(build: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build()


@pytest.mark.parametrize(
    ("edges", "place", "low", "high", "value"),
    [
        ([], 0, 0.0, 1.0, 0.5),
        ([], 0, -math.inf, math.inf, 0.0),
        ([2.0], 0, -math.inf, math.inf, 1.0),
        ([2.0], 1, -math.inf, math.inf, 3.0),
        ([0.4], 1, 0.0, 1.0, 0.7),
        ([1.0, 2.0], 1, -math.inf, math.inf, 1.5),
    ],
)
def test_a_number_that_stands_for_a_bin_lies_in_it(
    edges: list[float], place: int, low: float, high: float, value: float
) -> None:
    assert between(edges, place, low, high) == pytest.approx(value)


def test_a_signal_is_placed_by_its_own_number_or_by_its_evidence_and_else_says_nothing() -> None:
    made = SignalModel([0.5], [[0.1, 0.9], [0.9, 0.1]], evidence=SUPPORT)
    assert [made.place(signals) for signals in ({FREE: 0.5}, {"support": 0.0}, {"echo": 1.0})] == [1, 0, UNSEEN]
    assert made.of(UNSEEN) == (1.0, 1.0)
    assert made.of(1) == (0.9, 0.1)
    assert TELLING.place({"support": 1.0}) == UNSEEN


def test_a_draft_can_be_judged_where_checks_or_signals_say_something() -> None:
    judged = problem(observations=[None, ObservationModel(3, [[0, 0, 0, 1], [1, 0, 0, 0]])], signals=[[TELLING]])
    assert [judged.judged(0), judged.judged(1), problem().judged(0)] == [True, True, False]
    assert [judged.checks(0), judged.checks(1)] == [0, 3]


def test_a_curve_is_level_beyond_its_ends_and_straight_between() -> None:
    term = Term("support", 2.0, (0.0, 1.0, 3.0), (1.0, 2.0, 0.0))
    assert [term.of(value) for value in (-9, 0, 0.5, 1, 2, 3, 99)] == [2, 2, 3, 4, 2, 0, 0]


def test_the_estimator_in_use_is_the_fullest_whose_signals_are_there() -> None:
    both = Estimator([Term(name, 1.0, (0.0, 1.0), (0.0, 1.0)) for name in ("support", "echo")], logistic=False)
    evidence = Evidence([both, *SUPPORT.estimators])
    assert evidence.estimator({"support": 1.0, "echo": 1.0}) is both
    assert evidence.estimator({"support": 1.0, "echo": math.nan}) is SUPPORT.estimators[0]
    assert evidence.estimator({"echo": 1.0}) is None
    assert evidence.missing({"echo": math.inf}) == ("support", "echo")
    assert both.of({"support": 1.0, "echo": 1.0}) == 1.0, "what is not logistic is kept within [0, 1]"


# --- evidence thresholds, shares and providers


def state(tally: Tally | None = None, available: int = 8, **signals: float) -> State:
    return State((True, False), (tally or Tally(), Tally()), (available, 8), signals=(sorted_signals(signals), ()))


def test_an_evidence_threshold_names_the_signals_it_uses_and_those_it_lacks() -> None:
    policy = EvidenceThreshold(0.6, evidence=SUPPORT)
    assert policy.signal_names == ("support",)
    assert policy.missing(0, {"echo": 1.0}) == ("support",)
    assert policy.missing(0, {FREE: 0.5}) == ()


@pytest.mark.parametrize(
    ("tally", "available", "signals", "action"),
    [
        (Tally(), 8, {}, Verify(0, 8)),
        (Tally(), 0, {}, Finish(1)),
        (Tally(unreadable=3), 0, {"support": 1.0}, Finish(1)),
        (Tally(unreadable=3), 0, {}, Finish(1)),
        (Tally(probability=0.99), 8, {}, Accept(0)),
        (Tally(probability=0.01), 8, {"support": 1.0}, Finish(1)),
        (Tally(8), 0, {"support": 0.5}, Accept(0)),
    ],
)
def test_an_evidence_threshold_weighs_what_it_knows(
    tally: Tally, available: int, signals: dict[str, float], action: Any
) -> None:
    policy = EvidenceThreshold(0.8, escalate=0.3, evidence=SUPPORT)
    decision = policy.decide(state(tally, available, **signals))
    assert decision.action == action
    assert decision.reason.endswith(".")


@pytest.mark.parametrize("window", [0, -1, True, 2.5, None])
def test_a_share_that_remembers_no_draft_is_refused(window: Any) -> None:
    with pytest.raises(ConfigError, match=r"Share\(window\) is how many drafts to remember"):
        Share(0.5, window=window)


def test_a_share_passes_over_drafts_that_tell_nothing() -> None:
    share = Share(0.25, evidence=SUPPORT)
    for _ in range(100):
        share.observe({"echo": 1.0})
    assert share.policy() == EvidenceThreshold(0.6, evidence=SUPPORT), "as before any traffic"
    assert repr(share) == "Share(0.25)"


def test_a_provider_is_held_to_the_number_of_models_and_a_policy_provides_itself() -> None:
    class Held(Share):
        """Notes what it is held to."""

        held = 0

        def check_models(self, models: int) -> None:
            self.held = models

    share, held = Share(0.5), Held(0.5)
    assert as_provider(share, 2) is share
    assert as_provider(held, 3) is held
    assert held.held == 3
    fixed = as_provider(Threshold(0.5), 2)
    assert fixed == Fixed(Threshold(0.5))
    assert (given(fixed), given(share)) == (Threshold(0.5), share)
    with pytest.raises(ConfigError, match="must be a policy or the path of a saved one"):
        as_provider(Share, 2)


def test_a_policy_with_a_version_is_the_policy_in_all_else() -> None:
    policy = Versioned(EvidenceThreshold(0.6, evidence=SUPPORT), "v1")
    assert (policy.version, policy.keep, policy.signal_names) == ("v1", 0.6, ("support",))
    assert repr(policy) == repr(policy.policy)
    assert not hasattr(policy, "nonsense")
    empty = object.__new__(Versioned)
    with pytest.raises(AttributeError, match=r"^policy$"):
        empty.__getattr__("policy")


def test_actions_and_decisions_are_told_in_a_few_words() -> None:
    actions = (Draft(0), Verify(0, 3), Measure(1, "p"), Accept(0), Finish(1))
    told = ["draft 0", "verify 0, 3 more", "measure 1, p", "accept 0", "finish 1"]
    assert [label(action) for action in actions] == told
    expected = plain(Decision(Draft(0), "why", {"expected": {Measure(1, "p"): 0.5}, "x": 1}))
    assert expected == {"action": "draft 0", "reason": "why", "values": {"expected": {"measure 1, p": 0.5}, "x": 1}}


def test_what_is_no_policy_is_refused_with_its_field() -> None:
    assert policy_of(policy_dict(Always(1))) == Always(1)
    for data, said in (({}, 'field policy: a policy is an object whose field "type"'), ([], 'whose field "type"')):
        with pytest.raises(PolicyError, match=f"This is no policy: .*{said}"):
            policy_of(data)
    with pytest.raises(PolicyError, match="can't be saved: it is none of automix_core's"):
        policy_dict(SimpleNamespace())


def test_a_policy_that_measures_is_tried_with_every_value_and_without_one() -> None:
    class Measuring:
        """Measures p and keeps what has any."""

        measures = ("p",)
        signal_names = ()

        def __init__(self) -> None:
            self.seen: set[float | None] = set()

        def __repr__(self) -> str:
            return "Measuring()"

        def decide(self, state: State) -> Decision:
            if not state.drafted[0]:
                return Decision(Draft(0), "first")
            if "p" in state.purchasable_of(0):
                return Decision(Measure(0, "p"), "what does it say?")
            self.seen.add(state.signals_of(0).get("p"))
            return Decision(Finish(1), "last")

    policy = Measuring()
    check_policy(policy)
    assert None in policy.seen
    assert len(policy.seen) > 1


# --- names


@pytest.mark.parametrize("module", [automix_core, policies])
def test_a_package_lists_its_names_and_refuses_others(module: Any) -> None:
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "must be module:function, not 'nothing'"),
        (":function", "must be module:function"),
        ("module:", "must be module:function"),
        ("no_such_module_here:function", "can't be imported: ModuleNotFoundError"),
        ("math:no_such_function", "can't be imported: AttributeError"),
        ("math:pi", "is not a function"),
    ],
)
def test_a_function_that_can_not_be_imported_is_named(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^The scorer.*{said}"):
        imported("The scorer", name)


def test_a_function_is_found_by_its_path() -> None:
    assert imported("It", "automix_core.evidence:Evidence.of") is Evidence.of
    assert UNFITTED.names
