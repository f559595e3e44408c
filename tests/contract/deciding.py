"""Drafts are kept, replaced or rejected, as verdicts and policies say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automix_core import Always, Band, Decision, Draft, Finish, Policy, PolicyError, Reloading, State, Threshold, Verify
from automix_core.decision import Accept
from automix_core.policies import Curtailed, Mixture, Problem, Timed, solve
from automix_core.policies.saving import save_policy
from tests.loopback import OpenAIServer, Reply

from .adapter import (
    DRAFT,
    LARGE,
    MUMBLE,
    NO,
    WAYS,
    YES,
    Adapter,
    Way,
    drawn,
    script,
)


@dataclass(frozen=True)
class InBatches:
    """A policy that draws two verdicts at a time and keeps the draft at the first correct one."""

    def decide(self, state: State) -> Decision:
        if not state.drafted[0]:
            return Decision(Draft(0), "first")
        if state.tallies[0].correct:
            return Decision(Accept(0), "one says so")
        if state.available[0] >= 2:
            return Decision(Verify(0, 2), "two more")
        return Decision(Finish(1), "none says so")


@dataclass(frozen=True)
class Broken:
    """A policy with a mistake of the kind that LlamaIndex swallows."""

    def decide(self, state: State) -> Decision:
        raise ValueError("a mistake in the policy")


@dataclass(frozen=True)
class Says:
    """A policy that has a draft checked and then returns `decision`, whatever that is."""

    decision: Any

    def decide(self, state: State) -> Decision:
        if state.latest is None:
            return Decision(Draft(0), "first")
        left = state.available[0]
        return Decision(Verify(0, left), "all") if left else self.decision


class AcceptAndEscalate(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_a_draft_found_correct_is_kept(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        answer = self.get(self.small_and_large(server), way)
        assert answer.told == [DRAFT], "a kept draft is one piece"
        assert server.calls("large") == []
        route = answer.route
        assert (route.model, route.action, route.confidence) == (0, "accept", 1.0)
        assert route.verdicts == drawn(correct=4)
        assert route.context_source == "argument"
        assert [step["do"] for step in route.steps] == ["draft", "verify", "accept"]
        assert route.steps[1] == {
            "do": "verify",
            "model": 0,
            "n": 4,
            "verdicts": drawn(correct=4),
            "seconds": route.steps[1]["seconds"],
        }
        assert route.seconds is not None
        assert 0 < sum(step["seconds"] or 0.0 for step in route.steps) <= route.seconds

    @pytest.mark.parametrize("way", WAYS)
    def test_a_draft_found_wrong_is_replaced(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO, NO, NO, YES)
        answer = self.get(self.small_and_large(server), way)
        assert answer.text == LARGE
        assert (len(answer.told) > 1) == (way in ("stream", "astream")), "the larger model streams"
        route = answer.route
        assert (route.model, route.action, route.confidence) == (1, "escalate", 0.25)
        assert route.verdicts == drawn(correct=1, incorrect=3)
        assert [step["do"] for step in route.steps] == ["draft", "verify", "finish"]

    @pytest.mark.parametrize("way", WAYS)
    def test_the_middle_of_three_may_keep_its_draft(self, server: OpenAIServer, way: Way) -> None:
        server.say("middle", LARGE)
        script(server)
        server.verdicts(NO, model="small")
        server.verdicts(YES, model="middle")
        models = [self.child(server, name) for name in ("small", "middle", "large")]
        answer = self.get(self.cascade(models, verifier=self.verifier(k=2)), way)
        assert answer.told == [LARGE]
        assert (answer.route.model, answer.route.action) == (1, "escalate")
        assert server.calls("large") == []

    @pytest.mark.parametrize("way", WAYS)
    def test_unreadable_verdicts_do_not_count(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES, MUMBLE, YES, MUMBLE)
        route = self.get(self.small_and_large(server), way).route
        assert (route.action, route.confidence) == ("accept", 1.0)
        assert route.verdicts == drawn(correct=2, unreadable=2)

    @pytest.mark.parametrize("way", WAYS)
    def test_nothing_readable_escalates(self, server: OpenAIServer, way: Way) -> None:
        script(server, MUMBLE)
        answer = self.get(self.small_and_large(server, policy=Threshold(0)), way)
        assert answer.text == LARGE
        assert (answer.route.action, answer.route.confidence) == ("escalate", None)
        assert answer.route.verdicts == drawn(unreadable=4)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize(
        ("draft", "word"),
        [
            (Reply(""), "empty"),
            (Reply("<think>Quillon, Quillon</think>"), "empty"),
            (Reply("Oda Ver", finish_reason="length"), "cut off"),
            (Reply("Oda", finish_reason="content_filter"), "filtered"),
        ],
    )
    def test_a_draft_that_is_none_is_rejected_unverified(
        self, server: OpenAIServer, way: Way, draft: Reply, word: str
    ) -> None:
        script(server, YES)
        server.say("small", draft)
        answer = self.get(self.small_and_large(server), way)
        assert answer.text == LARGE
        assert server.calls(verdict=True) == []
        assert word in answer.route.reason
        assert (answer.route.action, answer.route.confidence) == ("escalate", None)

    def test_the_paper_form_of_a_verdict_is_read(self, server: OpenAIServer) -> None:
        script(server, "Reason.\nVerification Decision: The AI generated answer is Correct.")
        assert self.get(self.small_and_large(server), "ask").route.confidence == 1.0


class Policies(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("chosen", [0, 1])
    def test_a_model_may_answer_unchecked(self, server: OpenAIServer, way: Way, chosen: int) -> None:
        script(server)
        answer = self.get(self.small_and_large(server, policy=Always(chosen)), way)
        assert answer.text == (DRAFT, LARGE)[chosen]
        assert (answer.route.model, answer.route.action) == (chosen, "direct")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("way", WAYS)
    def test_verdicts_are_drawn_as_the_policy_asks(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO, NO, NO, YES)
        route = self.get(self.small_and_large(server, policy=InBatches()), way).route
        assert [step.get("n") for step in route.steps] == [None, 2, 2, None]
        assert route.verdicts == drawn(correct=1, incorrect=3)
        assert route.action == "accept"

    @pytest.mark.parametrize(("round_trip", "sizes"), [(None, [3]), (4.0, [6])])
    @pytest.mark.parametrize("way", ["ask", "aask"])
    def test_rounds_are_as_large_as_a_round_trip_is_worth(
        self, server: OpenAIServer, way: Way, round_trip: float | None, sizes: list[int]
    ) -> None:
        script(server, NO)
        models = [self.single(server, "small"), self.child(server, "large")]
        route = self.get(self.cascade(models, policy=Timed(Threshold(), 0.1, (), (), (round_trip,))), way).route
        assert [step["n"] for step in route.steps if step["do"] == "verify"] == sizes
        assert route.action == "escalate"

    def test_a_draft_that_is_beyond_help_may_be_kept(self, server: OpenAIServer) -> None:
        script(server, NO)
        route = self.get(self.small_and_large(server, policy=Band(0.2, 0.8)), "ask").route
        assert (route.model, route.action, route.confidence) == (0, "accept", 0.0)

    def test_a_mixture_throws_the_coin_that_is_passed(self, server: OpenAIServer) -> None:
        script(server)
        model = self.small_and_large(server, policy=Mixture(Always(0), Always(1), 0.5))
        models = [self.get(model, "ask", automix_coin=coin).route.model for coin in (0.0, 0.999)]
        assert sorted(models) == [0, 1]

    def test_a_saved_policy_is_given_by_its_path(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES, NO)
        save_policy(Threshold(0.4), tmp_path / "policy.json")
        route = self.get(self.small_and_large(server, policy=tmp_path / "policy.json"), "ask").route
        assert (route.action, route.policy) == ("accept", "Threshold(0.4)")

    def test_a_policy_for_another_number_of_models_is_refused_at_once(
        self, server: OpenAIServer, tmp_path: Path
    ) -> None:
        three = solve(Problem([0.5, 0.5], [[1, 1, 1], [0, 0, 1]], [1, 5, 50], [None, None], 0.01))
        path = tmp_path / "policy.json"
        misfits: list[tuple[Policy, str]] = [
            (three, "made for 3 models, the cascade has 2"),
            (Always(5), r"Always\(5\) .* a cascade of 2"),
            (Mixture(Always(0), Curtailed(three), 0.5), "made for 3 models, the cascade has 2"),
        ]
        for policy, words in misfits:
            with pytest.raises(PolicyError, match=words):
                self.small_and_large(server, policy=policy)
            save_policy(policy, path)
            with pytest.raises(PolicyError, match=rf"policy\.json: .*{words}"):
                self.small_and_large(server, policy=path)
        save_policy(Threshold(), path, models=["a", "b", "c"])
        with pytest.raises(PolicyError, match=r"policy\.json was made for 3 models \(a, b, c\), the cascade has 2 \("):
            self.small_and_large(server, policy=path)

    def test_policies_that_fit_any_number_and_users_own_are_taken(self, server: OpenAIServer, tmp_path: Path) -> None:
        save_policy(Mixture(Always(-1), Curtailed(Threshold(0.4)), 0.5), tmp_path / "policy.json", models=["a", "b"])
        for policy in (Threshold(0.4), Band(0.2, 0.4), InBatches(), tmp_path / "policy.json"):
            self.small_and_large(server, policy=policy)

    @pytest.mark.parametrize(
        ("names", "level"),
        [
            (["small", "large"], None),
            (["large", "small"], logging.WARNING),
            (["small", "larger"], logging.WARNING),
            (["cheap", "dear"], logging.INFO),
            (None, None),
        ],
    )
    def test_other_names_in_a_saved_policy_are_logged_once(
        self,
        server: OpenAIServer,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        names: list[str] | None,
        level: int | None,
    ) -> None:
        """Names of the user's own, which the models never bear, are no mistake; the same names elsewhere are one."""
        script(server, YES)
        save_policy(Threshold(0.4), tmp_path / "policy.json", models=names)
        with caplog.at_level(logging.INFO, "automix"):
            self.get(self.small_and_large(server, policy=tmp_path / "policy.json"), "ask")
        told = [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "automix"]
        logged = [(found, said) for found, said in told if not said.startswith("automix_id=")]  # a line of each call
        assert [found for found, _ in logged] == ([] if level is None else [level])
        assert all(f"was made for {', '.join(names or ())}, the cascade has small, large" in said for _, said in logged)

    @pytest.mark.parametrize("given", [Path, Reloading])
    def test_a_saved_policys_k_and_prompt_are_compared_with_the_cascades(
        self, server: OpenAIServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, given: Callable[[Path], Any]
    ) -> None:
        """A policy fitted under other checks is miscalibrated: that is said, by name, once."""
        script(server, YES)
        path = tmp_path / "policy.json"
        save_policy(Threshold(0.4), path, prompt=self.verifier().prompt_digest, k=8)
        cases: list[tuple[Any, list[str]]] = [
            (self.verifier(), []),
            (self.verifier(k=2), ["fitted with 8 checks a draft, the cascade draws up to 2"]),
            (self.verifier(instructions="Be strict."), ["the cascade has another"]),
            (lambda *_: 0.9, ["checks with a verifier of your own"]),
        ]
        for verifier, words in cases:
            caplog.clear()
            with caplog.at_level(logging.INFO, "automix"):
                model = self.small_and_large(server, policy=given(path), verifier=verifier)
                self.get(model, "ask")
                self.get(model, "ask")
            said = [record.getMessage() for record in caplog.records if "policy.json" in record.getMessage()]
            assert len(said) == len(words)
            assert all(word in found for word, found in zip(words, said, strict=True))

    @pytest.mark.parametrize("given", [Path, Reloading])
    def test_a_saved_policy_of_another_number_of_models_is_refused(
        self, server: OpenAIServer, tmp_path: Path, given: Callable[[Path], Any]
    ) -> None:
        save_policy(Threshold(0.4), tmp_path / "policy.json", models=["a", "b", "c"])
        words = r"made for 3 models \(a, b, c\), the cascade has 2 \(small, large\): give the cascade those models"
        with pytest.raises(PolicyError, match=words):
            self.small_and_large(server, policy=given(tmp_path / "policy.json"))

    def test_a_saved_policy_is_read_once(self, server: OpenAIServer, tmp_path: Path) -> None:
        script(server, YES)
        save_policy(Threshold(0.4), tmp_path / "policy.json")
        model = self.small_and_large(server, policy=tmp_path / "policy.json")
        (tmp_path / "policy.json").unlink()
        assert model.policy == Threshold(0.4)
        assert self.get(model, "ask").route.policy == "Threshold(0.4)"

    @pytest.mark.parametrize("way", WAYS)
    def test_a_policy_that_breaks_fails_the_call(self, server: OpenAIServer, way: Way) -> None:
        model = self.small_and_large(server, policy=Broken())
        with pytest.raises(PolicyError, match="The policy failed with ValueError; see the cause") as caught:
            self.get(model, way)
        assert isinstance(caught.value.__cause__, ValueError)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("watched", [False, True])
    @pytest.mark.parametrize(
        ("decision", "words"),
        [
            ("accept", "returned 'accept'; return a Decision"),
            (Decision(Accept(1), "x"), "no draft of model 1 is held; draft first"),
            (Decision(Accept(7), "x"), "the models of this cascade are 0 to 1"),
        ],
    )
    def test_a_decision_that_is_none_is_named_whether_or_not_anyone_watches(
        self, server: OpenAIServer, decision: Any, words: str, watched: bool, way: Way
    ) -> None:
        script(server, YES)
        model = self.small_and_large(server, policy=Says(decision))
        with self.watched() if watched else nullcontext(), pytest.raises(PolicyError, match=words):
            self.get(model, way)
