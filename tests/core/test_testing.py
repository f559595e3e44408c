"""What is shipped for whoever extends the project: it passes what is right, and names what is not."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from automix_core import (
    Accept,
    Always,
    Band,
    Decision,
    Draft,
    Finish,
    Mixture,
    ObservationModel,
    Policy,
    Problem,
    State,
    Threshold,
    Verify,
    solve,
)
from automix_core.policies import Curtailed
from automix_core.testing import AdapterContract, check_policy

PAGE = Path(__file__).parents[2] / "docs" / "core" / "extending.md"
CHECKS = ObservationModel(4, [[0, 0.1, 0.1, 0.2, 0.6], [0.6, 0.2, 0.1, 0.1, 0]])
SOLVED = solve(Problem([0.5, 0.5], [[1, 1], [0, 1]], [1, 50], [CHECKS], 0.01))


@pytest.mark.parametrize(
    "policy",
    [Threshold(0.75), Band(0.2, 0.8), Always(-1), Curtailed(Threshold(0.6)), SOLVED, Mixture(SOLVED, Always(0), 0.3)],
    ids=repr,
)
def test_our_own_policies_are_policies(policy: Policy) -> None:
    assert check_policy(policy) > 1


def test_rules_serve_any_number_of_models() -> None:
    for models in (2, 3, 4):
        assert check_policy(Threshold(0.5), models=models, k=2) > 1


def decides(name: str, rule: Callable[[Any, State], Any], **fields: Any) -> Any:
    kind: Any = dataclass(frozen=True)(type(name, (), {"decide": rule, **fields}))
    return kind()


def first(state: State) -> Decision:
    return Decision(Draft(0), "First.")


def flighty(self: Any, state: State) -> Decision:
    calls.append(state)
    return Decision(Finish(len(calls) % 2), "As it pleases.")


calls: list[State] = []


class Changeable:
    def __repr__(self) -> str:
        return "Changeable()"

    def decide(self, state: State) -> Decision:
        return first(state)


@dataclass
class Unfrozen:
    def decide(self, state: State) -> Decision:
        return first(state)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (3, "has no method decide"),
        (Threshold, "is a class; give one of its objects"),
        (Unfrozen(), "can be changed"),
        (Changeable(), "that draft is held"),
        (decides("Late", lambda self, state: Decision(Accept(0), "Kept.")), "no draft of model 0 is held"),
        (
            decides("Greedy", lambda self, s: Decision(Verify(0, 9), ".") if s.drafted[0] else first(s)),
            "verdicts are av",
        ),
        (decides("Silent", lambda self, state: Decision(Finish(0), " ")), "gives no reason"),
        (decides("Unwritable", lambda self, state: Decision(Finish(0), ".", {"x": {1}})), "can't be written as JSON"),
        (decides("Infinite", lambda self, state: Decision(Finish(0), ".", {"x": float("inf")})), "can't be written"),
        (decides("Wordy", lambda self, state: "accept"), "return a Decision"),
        (decides("Wrong", lambda self, state: 1 / 0), "raises ZeroDivisionError"),
        (decides("Flighty", flighty), "then"),
        (decides("Long", lambda self, state: first(state), __repr__=lambda self: "a\nb"), "more than one line"),
    ],
)
def test_what_is_no_policy_is_named(policy: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_policy(policy)


def test_a_policy_of_another_number_of_models_is_told_so() -> None:
    with pytest.raises(AssertionError, match=r"refuses a cascade of 3 models .*say models="):
        check_policy(SOLVED, models=3)


def test_the_framework_of_the_page_keeps_the_contract() -> None:
    """Every test of it, one by one, as pytest would run them."""
    for name in names():
        getattr(made()["TestCascade"](), name)()


def names() -> list[str]:
    return [name for name in dir(AdapterContract) if name.startswith("test_")]


def made() -> dict[str, Any]:
    """What the page's blocks define."""
    page = ModuleType("page")
    sys.modules["page"] = page  # dataclasses look there
    space = vars(page)
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), space)
    return space


def keeps_everything(space: dict[str, Any]) -> None:
    space["problem"] = lambda text, reason: ""


def forgets_routes(space: dict[str, Any]) -> None:
    space["collect"] = lambda route, into: None


def leaves_errors_bare(space: dict[str, Any]) -> None:
    space["attach"] = lambda error, route: error


def formats_braces(space: dict[str, Any]) -> None:
    turns = space["turns"]
    space["turns"] = lambda query, text: turns(replace(query, context=(query.context[0].replace("{", ""),)), text)


def checks_once(space: dict[str, Any]) -> None:
    draw = space["Cascade"].draw
    space["Cascade"].draw = lambda self, model, prompt, n, terms: draw(self, model, prompt, 1, terms)


def asks_itself(space: dict[str, Any]) -> None:
    perform = space["run"]

    def run(flow: Any, perform_effect: Any) -> Any:
        return perform(flow, lambda effect: Decision(Accept(0), "Mine.") if False else swallow(perform_effect, effect))

    def swallow(perform_effect: Any, effect: Any) -> Any:
        try:
            return perform_effect(effect)
        except ValueError:
            return Decision(Finish(1), "A broken policy is papered over.")

    space["run"] = run


@pytest.mark.parametrize(
    ("sabotage", "caught_by"),
    [
        (keeps_everything, "test_a_draft_that_is_empty_is_rejected_unverified"),
        (forgets_routes, "test_a_draft_that_is_found_correct_is_kept"),
        (leaves_errors_bare, "test_the_last_models_error_is_raised_and_bears_the_route"),
        (formats_braces, "test_the_answering_prompt_says_nothing_of_checks"),
        (checks_once, "test_the_threshold_is_kept_at_and_above"),
        (asks_itself, "test_a_policy_that_breaks_or_asks_for_the_impossible_fails_the_call"),
    ],
)
def test_a_framework_adapted_wrongly_breaks_the_contract(
    sabotage: Callable[[dict[str, Any]], None], caught_by: str
) -> None:
    space = made()
    sabotage(space)
    with pytest.raises(AssertionError):
        getattr(space["TestCascade"](), caught_by)()
