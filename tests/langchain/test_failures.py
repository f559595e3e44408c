"""What breaks: who answers then, what the route says of it, and what nothing may swallow."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from automix_core import ModelError, PolicyError
from automix_core.policies import Always, Threshold
from automix_core.routing.route import Route
from langchain_automix import AutoMixChatModel, SelfVerifier, collect_routes, route_of
from tests.langchain.cascades import DRAFT, LARGE, SECRET, cascade, child, script
from tests.langchain.fakes import HUM, NO, YES, Fake
from tests.loopback import OpenAIServer, Reply

GONE = ConnectionError(f"the key {SECRET} is gone")
WAYS = ("invoke", "ainvoke", "stream", "astream")


def three(small: Any = "small", middle: Any = "middle", large: Any = "large", **settings: Any) -> AutoMixChatModel:
    models = [part if isinstance(part, Fake) else Fake(says=part) for part in (small, middle, large)]
    return AutoMixChatModel(models=models, **{"verifier": SelfVerifier(k=1), **settings})


def ask(model: AutoMixChatModel, way: str) -> tuple[str, Route]:
    """What was said, and the route, of which there must be one."""

    async def chunks() -> list[Any]:
        return [chunk async for chunk in model.astream("Who?", automix_context="c")]

    with collect_routes() as routes:
        if way == "invoke":
            text = str(model.invoke("Who?", automix_context="c").text)
        elif way == "ainvoke":
            text = asyncio.run(model.ainvoke("Who?", automix_context="c")).text
        else:
            parts = list(model.stream("Who?", automix_context="c")) if way == "stream" else asyncio.run(chunks())
            text = "".join(part.text for part in parts)
    (route,) = routes
    return text, route


def steps(route: Route) -> str:
    return ", ".join(f"{step['do']} {step['model']}" for step in route.steps)


UNKEPT: dict[str, list[str | AIMessage]] = {
    "empty": ["", "  \n", "<think>Verrin?</think>", AIMessage([{"type": "reasoning", "reasoning": "Verrin?"}])],
    "cut off": [
        AIMessage("Verr", response_metadata={"finish_reason": "length"}),
        AIMessage("Verr", response_metadata={"stop_reason": "max_tokens"}),
        AIMessage("Verr", response_metadata={"stopReason": "max_tokens"}),
        AIMessage("Verr", response_metadata={"finish_reason": "MAX_TOKENS"}),
        AIMessage("Verr", response_metadata={"incomplete_details": {"reason": "max_output_tokens"}}),
    ],
    "filtered": [
        AIMessage("", response_metadata={"finish_reason": "content_filter"}),
        AIMessage("Ver", response_metadata={"finish_reason": "SAFETY"}),
    ],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("why", "draft"), [(why, draft) for why, drafts in UNKEPT.items() for draft in drafts])
def test_a_draft_that_is_none_is_rejected_unverified(why: str, draft: Any, way: str) -> None:
    model = three(small=draft)
    text, route = ask(model, way)
    assert (text, steps(route)) == ("middle", "draft 0, draft 1, verify 1, accept 1")
    assert (route.action, route.errors, model.models[0].checks) == ("escalate", [], [])
    text, route = ask(three(small=draft, middle=draft), way)
    assert (text, steps(route), route.confidence) == ("large", "draft 0, draft 1, finish 2", None)
    assert f"is {why}: rejected unverified" in route.reason


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_is_a_draft_like_any_other(way: str) -> None:
    said = AIMessage("The passages do not say.", response_metadata={"finish_reason": "stop"})
    text, route = ask(three(small=said), way)
    assert (text, route.action) == ("The passages do not say.", "accept")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("draft", "found"), [("", "empty"), (AIMessage("Lar", response_metadata={"finish_reason": "length"}), "cut off")]
)
def test_what_the_finishing_model_says_is_the_answer_and_what_is_wrong_with_it_on_record(
    draft: Any, found: str, way: str
) -> None:
    model = three(large=draft, policy=Always(-1))
    if found == "empty" and "stream" in way:
        with pytest.raises(ModelError, match="ended without a word"):
            ask(model, way)
        return
    text, route = ask(model, way)
    assert (text, route.action) == (draft if isinstance(draft, str) else draft.text, "direct")
    assert (route.errors, route.steps[-1]["problem"]) == ([found], found)
    assert f"is {found}" in route.reason


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [GONE, ValueError("bad"), RuntimeError("odd")])
def test_a_failed_draft_hands_over(error: Exception, way: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "automix"):
        text, route = ask(three(small=error, middle=error), way)
    assert (text, steps(route)) == ("large", "draft 0, draft 1, finish 2")
    assert (route.action, route.errors, route.model) == ("fallback", [type(error).__name__] * 2, 2)
    logged = [record for record in caplog.records if record.name == "automix"]
    assert [record.levelname for record in logged] == ["WARNING", "WARNING"]
    assert SECRET not in caplog.text
    assert SECRET not in str(route.to_dict())


@pytest.mark.parametrize("way", WAYS)
def test_a_draft_kept_after_a_failure_is_a_fallback(way: str) -> None:
    text, route = ask(three(small=GONE), way)
    assert (text, route.action, route.model, route.confidence) == ("middle", "fallback", 1, 1.0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("judges", "action", "verdicts", "errors"),
    [
        (GONE, "fallback", (0, 0, 0, 1), ["ConnectionError"]),
        (HUM, "escalate", (0, 0, 1, 0), []),
        (NO, "escalate", (0, 1, 0, 0), []),
    ],
)
@pytest.mark.parametrize("threshold", [0, 0.75])
def test_checks_that_say_nothing_escalate(
    judges: Any, action: str, verdicts: tuple[int, ...], errors: list[str], threshold: float, way: str
) -> None:
    if judges == NO and threshold == 0:
        return
    same = Fake(says="draft", judges=judges)
    text, route = ask(three(same, same.model_copy(), policy=Threshold(threshold)), way)
    assert (text, route.action, tuple(route.verdicts.values())) == ("large", action, verdicts)
    assert route.errors == errors * 2
    assert steps(route) == "draft 0, verify 0, draft 1, verify 1, finish 2"


@pytest.mark.parametrize("way", WAYS)
def test_one_check_that_broke_costs_one_verdict(way: str) -> None:
    left = iter([YES, GONE, YES, HUM])
    small = Fake(says="small", judges=lambda _: next(left))
    text, route = ask(three(small, verifier=SelfVerifier(k=4), verify_concurrency=1), way)
    assert (text, tuple(route.verdicts.values()), route.confidence) == ("small", (2, 0, 1, 1), 1.0)
    assert (route.action, route.errors) == ("accept", ["ConnectionError"]), "the answer is the one the policy chose"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "settings", [{"large": GONE, "policy": Always(-1)}, {"small": GONE, "middle": GONE, "large": GONE}]
)
def test_the_last_models_error_is_raised_as_it_is(settings: dict[str, Any], way: str) -> None:
    with pytest.raises(ConnectionError) as caught:
        ask(three(**settings), way)
    assert caught.value is GONE


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "settings",
    [
        {"small": GONE},
        {"small": Fake(judges=GONE)},
        {"small": GONE, "policy": Always(0)},
        {"verifier": lambda *case: 1 / 0},
    ],
)
def test_the_first_error_of_any_step_may_be_raised(settings: dict[str, Any], way: str) -> None:
    model = three(**settings, on_failure="raise")
    with pytest.raises((ConnectionError, ZeroDivisionError)):
        ask(model, way)
    assert model.models[1].seen == model.models[2].seen == []


@pytest.mark.parametrize("way", WAYS)
def test_a_finishing_model_that_fails_hands_over(way: str) -> None:
    text, route = ask(three(small=GONE, middle=GONE, policy=Always(0)), way)
    assert (text, route.action, route.errors) == ("large", "fallback", ["ConnectionError", "ConnectionError"])
    assert [(step["do"], step["model"]) for step in route.steps] == [("finish", 0), ("finish", 1), ("finish", 2)]


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["draft", "check", "answer"])
def test_an_interruption_is_no_failure(where: str, interruption: type[BaseException], way: str) -> None:
    stopped = interruption()
    model = three(
        small=Fake(says=stopped) if where == "draft" else Fake(judges=stopped if where == "check" else NO),
        middle=stopped,
        policy=Always(1) if where == "answer" else None,
    )
    with pytest.raises(interruption):
        ask(model, way)
    assert model.models[2].seen == []


def test_a_stop_iteration_is_a_failure_like_any_other() -> None:
    def over(_: Any) -> Any:
        raise StopIteration

    text, route = ask(three(small=over), "invoke")
    assert (text, route.action, route.errors) == ("middle", "fallback", ["StopIteration"])
    text, route = ask(three(small=Fake(judges=over)), "invoke")
    assert (text, route.action) == ("middle", "fallback")


class Broken:
    def decide(self, state: Any) -> Any:
        raise ZeroDivisionError("a mistake in the policy")


@pytest.mark.parametrize("way", WAYS)
def test_a_policy_that_breaks_is_not_papered_over(way: str) -> None:
    with pytest.raises(PolicyError, match="failed with ZeroDivisionError") as caught:
        ask(three(policy=Broken()), way)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("way", WAYS)
def test_a_childs_own_retries_come_first(server: OpenAIServer, way: str) -> None:
    script(server, "accept")
    server.fail("small", Reply(status=500), times=2, when=lambda request: not request.asks_for_verdict)
    retried = child(server, "small").with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    text, route = ask(cascade(server, models=[retried, child(server, "large")]), way)
    assert (text, route.action, route.errors) == (DRAFT, "accept", [])
    assert len(server.calls("small", verdict=False)) == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_childs_own_fallbacks_come_first(server: OpenAIServer, way: str) -> None:
    script(server, "accept")
    server.say("spare", "The spare drafts.")
    server.fail("small", Reply(status=500))
    guarded = child(server, "small").with_fallbacks([child(server, "spare")])
    text, route = ask(cascade(server, models=[guarded, child(server, "large")]), way)
    assert (text, route.action, route.errors, route.model_name) == ("The spare drafts.", "accept", [], "spare")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "fault",
    [
        Reply(status=401),
        Reply(status=429),
        Reply(status=503),
        Reply(reset=True),
        Reply(body=b"<html>not JSON</html>"),
        Reply(no_choices=True),
    ],
    ids=["key", "rate", "down", "reset", "garbage", "no choices"],
)
def test_whatever_a_provider_does_the_next_model_answers(server: OpenAIServer, fault: Reply, way: str) -> None:
    script(server, "accept")
    server.fail("small", fault)
    text, route = ask(cascade(server), way)
    assert (text, route.action, len(route.errors)) == (LARGE, "fallback", 1)
    assert SECRET not in str(route.to_dict())


@pytest.mark.parametrize("way", WAYS)
def test_the_route_of_a_failed_call_is_on_its_error_and_with_the_collectors(way: str) -> None:
    with collect_routes() as routes, pytest.raises(ConnectionError) as caught:
        ask(three(small=Fake(judges=NO), middle=Fake(judges=NO), large=GONE), way)
    assert [route_of(caught.value)] == routes
    assert (routes[0].model, routes[0].action, routes[0].errors) == (2, "fallback", ["ConnectionError"])
    assert [step["do"] for step in routes[0].steps] == ["draft", "verify", "draft", "verify", "finish"]
    assert SECRET not in str(routes[0].to_dict())
