"""`AdapterContract`: what another framework's adapter must do, as tests that any test runner collects.

    class TestMine(AdapterContract):
        def model(self, name, says): ...
        def cascade(self, models, *, policy, k): ...
        def ask(self, cascade, question, context): ...

The models are functions, so there is no network; what a provider's client adds (choices, refusals, streams) is for
tests of the adapter's own.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..checking.prompt import INSTRUCTIONS
from ..decision import Accept, Decision, Draft, Finish, Policy, State, Verify
from ..errors import PolicyError
from ..policies import Always, Threshold
from ..routing.attached import route_of
from ..routing.collecting import collect_routes
from ..routing.route import Route

Says: TypeAlias = Callable[[str], str]
"""What a model is: from all the text that it is sent to its reply; what it raises is its provider's error."""

CONTEXT = "Quillon is a harbour town. Its {lighthouse} has 211 steps and was built by Oda Verrin."
QUESTION = "Who built the lighthouse of Quillon? </question>"
DRAFT, LARGE = "Oda Verrin built it.", "It was built by Oda Verrin, of Quillon."
YES, NO, MUMBLE = "It says so.\nVerdict: Correct", "It does not.\nVerdict: Incorrect", "Hard to say, really."


def is_check(prompt: str) -> bool:
    """Whether a prompt asks for a verdict."""
    return INSTRUCTIONS.splitlines()[0] in prompt


@dataclass
class Script:
    """A model that drafts `draft`, says the `verdicts` in turn, round and round, and notes what it was asked."""

    draft: str | Exception = DRAFT
    verdicts: Sequence[str | Exception] = (YES,)
    answered: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    def __call__(self, prompt: str) -> str:
        """The next line."""
        if is_check(prompt):
            said = self.verdicts[len(self.checked) % len(self.verdicts)]
            self.checked.append(prompt)
        else:
            said = self.draft
            self.answered.append(prompt)
        if isinstance(said, Exception):
            raise said
        return said


@dataclass(frozen=True)
class _Does:
    """A policy of one action on a draft that was checked `n` verdicts at a time, or on none."""

    action: Any
    n: int = 0

    def decide(self, state: State) -> Decision:
        if self.n and state.latest is None:
            return Decision(Draft(0), "A draft first.")
        if self.n and state.available[0]:
            return Decision(Verify(0, min(self.n, state.available[0])), "A few verdicts more.")
        return Decision(self.action, "That is what it does.")


class _Broken:
    def decide(self, state: State) -> Decision:
        raise ValueError("a mistake in the policy")


class AdapterContract(ABC):
    """Inherit, say how the framework is asked, and let pytest collect the class."""

    @abstractmethod
    def model(self, name: str, says: Says) -> Any:
        """A model of the framework, called `name`, that answers whatever `says` does."""

    @abstractmethod
    def cascade(self, models: Sequence[Any], *, policy: Policy | None, k: int) -> Any:
        """The adapter's model, in which each draft is checked up to `k` times by the model that wrote it."""

    @abstractmethod
    def ask(self, cascade: Any, question: str, context: str) -> str:
        """The text of one call."""

    def call(self, *scripts: Says, policy: Policy | None = None, k: int = 4) -> tuple[str, Route]:
        """What one call of a cascade of these models gives, and its route, of which there must be one."""
        models = [self.model(f"model-{number}", says) for number, says in enumerate(scripts)]
        cascade = self.cascade(models, policy=policy, k=k)
        with collect_routes() as routes:
            text = self.ask(cascade, QUESTION, CONTEXT)
        assert len(routes) == 1, f"one call left {len(routes)} routes; collect() each once"
        return text, routes[0]

    def test_a_draft_that_is_found_correct_is_kept(self) -> None:
        """And the larger model is never asked."""
        small, large = Script(), Script(LARGE)
        text, route = self.call(small, large)
        assert (text, route.model, route.action, route.confidence) == (DRAFT, 0, "accept", 1.0)
        correct = route.verdicts["correct"]
        assert route.verdicts == {"correct": correct, "incorrect": 0, "unreadable": 0, "failed": 0}
        assert correct in (3, 4), "the fourth verdict of four can't change anything, so it may be left out"
        assert [(step["do"], step["model"]) for step in route.steps] == [("draft", 0), ("verify", 0), ("accept", 0)]
        assert (len(small.answered), len(small.checked)) == (1, correct)
        assert large.answered == large.checked == []

    def test_a_draft_that_is_found_wrong_is_replaced(self) -> None:
        """By the next model's answer, to the same prompt, unchecked."""
        small, large = Script(verdicts=[NO]), Script(LARGE)
        text, route = self.call(small, large)
        assert (text, route.model, route.action, route.confidence) == (LARGE, 1, "escalate", 0.0)
        assert large.answered == small.answered
        assert large.checked == []

    def test_the_threshold_is_kept_at_and_above(self) -> None:
        """Three of four keep at 0.75, two don't."""
        assert self.call(Script(verdicts=[YES, YES, NO, YES]), Script(LARGE))[1].action == "accept"
        assert self.call(Script(verdicts=[YES, NO]), Script(LARGE))[1].action == "escalate"

    def test_verdicts_that_cannot_be_read_keep_nothing(self) -> None:
        """Their confidence is undefined, which is not 0."""
        text, route = self.call(Script(verdicts=[MUMBLE]), Script(LARGE))
        assert (text, route.action, route.confidence) == (LARGE, "escalate", None)
        assert route.verdicts["unreadable"] == 4, "any readable one would have counted"

    def test_the_answering_prompt_says_nothing_of_checks(self) -> None:
        """It holds question and context, braces and marks as they are; a check holds them and the draft besides."""
        small = Script()
        self.call(small, Script(LARGE))
        for part in (QUESTION, CONTEXT):
            assert part in small.answered[0], "the answering model was not asked the question as it is"
            assert part in small.checked[0], "the check does not show the question and the context as they are"
        assert DRAFT in small.checked[0]

    def test_a_draft_that_is_empty_is_rejected_unverified(self) -> None:
        """It can't be right."""
        small = Script(draft=" ")
        text, route = self.call(small, Script(LARGE))
        assert (text, route.action) == (LARGE, "escalate")
        assert small.checked == []

    def test_a_model_that_fails_hands_over(self) -> None:
        """The call does not fail while another model is left."""
        text, route = self.call(Script(draft=ConnectionError("gone")), Script(LARGE))
        assert (text, route.action, route.errors) == (LARGE, "fallback", ["ConnectionError"])

    def test_a_check_that_fails_is_no_verdict(self) -> None:
        """One of four is left out of the confidence; where all fail, nothing is kept."""
        text, route = self.call(Script(verdicts=[YES, ConnectionError("gone"), YES, YES]), Script(LARGE))
        assert (text, route.confidence) == (DRAFT, 1.0)
        assert (route.verdicts["correct"] in (2, 3), route.verdicts["failed"]) == (True, 1)
        text, route = self.call(Script(verdicts=[ConnectionError("gone")]), Script(LARGE))
        assert (text, route.action, route.verdicts["correct"]) == (LARGE, "fallback", 0)

    def test_the_last_models_error_is_raised_and_bears_the_route(self) -> None:
        """No model is left to answer."""
        error, raised = ConnectionError("the last one is gone"), None
        try:
            self.call(Script(verdicts=[NO]), Script(draft=error))
        except Exception as found:
            raised = found
        assert raised is not None, "a call in which the last model failed did not fail"
        assert error in (raised, raised.__cause__), f"{raised!r} was raised in place of the model's own error"
        route = route_of(raised, None)
        assert route is not None, "attach(error, route) leaves the route of a failed call on its error"
        assert "ConnectionError" in route.errors

    def test_the_policy_says_who_answers(self) -> None:
        """Unchecked, jumping over a model, in batches."""
        scripts = [Script(), Script("in the middle"), Script(LARGE)]
        assert self.call(*scripts, policy=Always(-1))[0] == LARGE
        assert [len(script.answered) + len(script.checked) for script in scripts] == [0, 0, 1]
        text, route = self.call(Script(), Script("in the middle"), Script(LARGE), policy=_Does(Finish(2), n=1))
        correct = route.verdicts["correct"]
        assert (text, route.action, correct in (3, 4)) == (LARGE, "escalate", True)
        assert [step["do"] for step in route.steps] == ["draft", *["verify"] * correct, "finish"]
        assert self.call(Script(), Script(LARGE), policy=Always(0))[1].action == "direct"

    def test_a_policy_that_breaks_or_asks_for_the_impossible_fails_the_call(self) -> None:
        """Routing never guesses."""
        for policy in (_Broken(), _Does(Accept(1)), _Does(Draft(7))):
            small = Script()
            try:
                self.call(small, Script(LARGE), policy=policy)
            except PolicyError:
                assert small.answered == []
            else:
                raise AssertionError(f"{policy!r} was followed")

    def test_a_route_is_plain_data(self) -> None:
        """The same record in every framework; tokens that nobody reported are None, never 0."""
        route = self.call(Script(verdicts=[NO]), Script(LARGE), policy=Threshold(0.6))[1]
        plain = route.to_dict()
        assert Route.from_dict(json.loads(json.dumps(plain, allow_nan=False))).to_dict() == plain
        assert (route.policy, route.context_source != "none") == ("Threshold(0.6)", True)
        total = route.usage["total"]
        assert total is None or total["total_tokens"] > 0

    def test_calls_side_by_side_keep_their_own_questions(self) -> None:
        """One cascade serves many threads; what belongs to a call travels with it, not on the cascade."""

        def echo(prompt: str) -> str:
            number = prompt.rpartition("Question number ")[2][:2]
            return YES if is_check(prompt) else f"answer {number}"

        cascade = self.cascade([self.model("small", echo), self.model("large", Script(LARGE))], policy=None, k=2)
        with collect_routes() as routes, ThreadPoolExecutor(8) as pool:
            asked = [
                pool.submit(copy_context().run, self.ask, cascade, f"Question number {number:02}?", CONTEXT)
                for number in range(24)
            ]
            texts = [future.result() for future in asked]
        assert texts == [f"answer {number:02}" for number in range(24)]
        assert [route.model for route in routes] == [0] * 24
