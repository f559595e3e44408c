"""`AutoMixChatModel`: how it is made, what it does with each call, and that it keeps nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompt_values import StringPromptValue
from langchain_core.runnables import RunnableLambda

from automix_core.decision import Accept, Action, Decision, Draft, Finish, Policy, State, Verify
from automix_core.errors import AutoMixError, ConfigError, PolicyError, QueryError
from automix_core.policies import Always, Band, Mixture, Threshold
from automix_core.policies.saving import save_policy
from automix_core.routing.price import Price
from automix_core.routing.route import Route
from langchain_automix import AutoMixChatModel, SelfVerifier, collect_routes, route_of
from tests.cases import block
from tests.langchain.fakes import NO, YES, Fake

CHEAP, MIDDLE, EXPENSIVE = Price(0.1, 0.4), Price(1, 4), Price(10, 40)


def pair(**settings: Any) -> AutoMixChatModel:
    return AutoMixChatModel(
        **{"models": [Fake(says="small"), Fake(says="large")], "verifier": SelfVerifier(k=1), **settings}
    )


def the_route(message: Any) -> Route:
    return route_of(message)


# Making one


def test_as_the_design_writes_it() -> None:
    models = [Fake(says="small"), Fake(says="large")]
    for model in (AutoMixChatModel(models=models), AutoMixChatModel(models)):
        assert model.models == models
        assert (model.verifier, model.policy, model.prices) == (None, Threshold(0.75), None)
        assert (model.without_context, model.on_failure, model.verify_concurrency) == ("prompt", "next", 8)
        assert model.structured_output == "cascade"
    verifier, prices = SelfVerifier(k=3), [CHEAP, EXPENSIVE]
    model = AutoMixChatModel(models, verifier, Always(0), prices)
    assert (model.verifier, model.policy, model.prices) == (verifier, Always(0), prices)


def test_the_default_draws_eight_verdicts_and_keeps_at_three_quarters() -> None:
    left = iter([YES] * 6 + [NO] * 2 + [YES] * 5 + [NO] * 3)
    model = AutoMixChatModel(
        [Fake(says="small", judges=lambda _: next(left)), Fake(says="large")], verify_concurrency=1
    )
    for correct, text in ((6, "small"), (5, "large")):
        message = model.invoke("Who?")
        assert (message.text, the_route(message).verdicts["correct"]) == (text, correct)


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"models": None}, "models: "),
    ({"models": 3}, "models: "),
    ({"models": [Fake(), "gpt"]}, r"models\[1\] must be a chat model or another Runnable, not str"),
    ({"prices": [CHEAP, 3]}, "prices.1"),
    ({"prices": [{"input": -1, "output": 1}, None]}, "USD per million tokens, 0 or more"),
    ({"policy": 0.75}, "policy must be a policy or the path of a saved one"),
    ({"policy": Threshold}, "policy must be a policy or the path of a saved one"),
    ({"verify_concurrency": "many"}, "verify_concurrency: "),
    ({"without_context": "guess"}, "without_context: Input should be 'prompt', 'large', 'small' or 'raise'"),
    ({"on_failure": "ignore"}, "on_failure: Input should be 'next' or 'raise'"),
    ({"structured_output": "small"}, "structured_output: Input should be 'cascade' or 'large'"),
    ({"verifier": 3}, "verifier must be a SelfVerifier"),
]


@pytest.mark.parametrize(("settings", "words"), BROKEN)
def test_what_cannot_work_is_said_at_once(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        pair(**settings)


def test_unknown_keywords_are_ignored_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="ignores the unknown keyword 'temprature'"):
        assert pair(temprature=0.5).invoke("Who?").text == "small"


def test_a_policy_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    save_policy(Band(0.1, 0.9), path)
    assert pair(policy=path).policy == pair(policy=str(path)).policy == Band(0.1, 0.9)
    with pytest.raises(PolicyError, match=r"nowhere\.json"):
        pair(policy=tmp_path / "nowhere.json")


def test_parts_may_be_exchanged() -> None:
    model = pair()
    assert model.invoke("Who?").text == "small"
    model.policy = Always(-1)
    assert model.invoke("Who?").text == "large"
    model.policy, model.verifier = Threshold(0.75), lambda *case: [False]
    assert model.invoke("Who?").text == "large"
    model.models = model.models[:1]
    with pytest.raises(ConfigError, match="two models or more"):
        model.invoke("Who?")


# Calls


@dataclass(frozen=True)
class Line:
    """Decides by how much was done so far."""

    actions: tuple[Action, ...]

    def decide(self, state: State) -> Decision:
        done = sum(state.drafted) + sum(tally.drawn for tally in state.tallies)
        return Decision(self.actions[done], f"step {done}")


def line(*actions: Action) -> Line:
    return Line(actions)


CALLS: list[tuple[str, Policy, str, str]] = [
    ("small", Always(0), "finish 0", "direct"),
    ("large", Always(-1), "finish 2", "direct"),
    ("middle", Always(1), "finish 1", "direct"),
    ("small", Threshold(0), "draft 0, verify 0, accept 0", "accept"),
    ("large", line(Draft(0), Finish(2)), "draft 0, finish 2", "escalate"),
    ("small", line(Draft(0), Accept(0)), "draft 0, accept 0", "direct"),
    ("small", line(Draft(0), Verify(0, 1), Verify(0, 1), Accept(0)), "draft 0, verify 0, verify 0, accept 0", "accept"),
    ("middle", line(Draft(1), Verify(1, 1), Accept(1)), "draft 1, verify 1, accept 1", "accept"),
    ("small", line(Draft(0), Draft(1), Verify(0, 1), Accept(0)), "draft 0, draft 1, verify 0, accept 0", "accept"),
    ("large", line(Draft(2), Accept(2)), "draft 2, accept 2", "direct"),
    ("middle", line(Draft(0), Verify(0, 1), Draft(1), Accept(1)), "draft 0, verify 0, draft 1, accept 1", "escalate"),
]


async def every_way(model: AutoMixChatModel, asked: Any, **keywords: Any) -> list[tuple[str, Route]]:
    """Each way of asking once: what was said, and the route."""
    messages: list[Any] = [model.invoke(asked, **keywords), await model.ainvoke(asked, **keywords)]
    messages += model.batch([asked], **keywords)
    messages += await model.abatch([asked], **keywords)
    for chunks in (
        list(model.stream(asked, **keywords)),
        [chunk async for chunk in model.astream(asked, **keywords)],
    ):
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        messages.append(whole)
    return [(message.text, the_route(message)) for message in messages]


@pytest.mark.parametrize(("text", "policy", "steps", "action"), CALLS)
async def test_every_action_in_every_way(text: str, policy: Policy, steps: str, action: str) -> None:
    models = [Fake(says=name) for name in ("small", "middle", "large")]
    model = AutoMixChatModel(models, SelfVerifier(k=2), policy)
    with collect_routes() as routes:
        found = await every_way(model, "Who?")
    assert routes == [route for _, route in found]
    for said, route in found:
        assert said == text
        assert ", ".join(f"{step['do']} {step['model']}" for step in route.steps) == steps
        assert (route.action, route.policy, route.errors) == (action, repr(policy), [])


async def test_the_coin_is_thrown_once_a_call_unless_it_is_passed() -> None:
    coins: list[float] = []

    class Spy:
        def decide(self, state: State) -> Decision:
            coins.append(state.coin)
            return Decision(Draft(0) if not state.drafted[0] else Finish(1), "")

    model = pair(policy=Spy())
    await every_way(model, "Who?", automix_coin=0.25)
    assert set(coins) == {0.25}
    coins.clear()
    await every_way(model, "Who?")
    assert coins[::2] == coins[1::2], "one coin a call"
    assert len(set(coins)) == 6
    assert all(0 <= coin < 1 for coin in coins)
    mixed = pair(policy=Mixture(Always(0), Always(1), 0.3))
    assert [mixed.invoke("Who?", automix_coin=coin).text for coin in (0.0, 0.29, 0.3, 0.99)] == ["small"] * 2 + [
        "large"
    ] * 2


def test_a_call_leaves_nothing_on_the_model() -> None:
    model = pair(policy=Threshold(0.75))
    model.invoke("first")
    before = {name: repr(getattr(model, name)) for name in (*type(model).model_fields, *model.__private_attributes__)}
    for question in ("Who?", "When?"):
        model.invoke(question, automix_context=question)
    after = {name: repr(getattr(model, name)) for name in before}
    seen = {name for name in before if before[name] != after[name]}
    assert seen <= {"models", "_held"}, "where the fakes themselves count their calls"
    assert "When?" not in repr(model._cascade().meta)


PICTURE = {"type": "image_url", "image_url": {"url": "u"}}


@pytest.mark.parametrize(
    "asked",
    [
        "Who?",
        [("user", "Who?")],
        [HumanMessage("Who?")],
        [HumanMessage([{"type": "text", "text": "Who?"}])],
        [HumanMessage(["Wh", "o?"])],
        [HumanMessage([{"type": "text", "text": "Wh"}, {"type": "text", "text": "o?"}])],
        [SystemMessage("Be brief."), HumanMessage("Hello"), AIMessage("Hello."), HumanMessage("Who?")],
        StringPromptValue(text="Who?"),
    ],
)
async def test_questions_in_any_form(asked: Any) -> None:
    model = pair()
    for text, route in await every_way(model, asked, automix_context="c"):
        assert (text, route.action) == ("small", "accept")
    for messages in model.models[0].checks:
        assert block(messages[-1].text, "question") == "Who?"


async def test_pictures_bypass_in_every_way() -> None:
    asked = [HumanMessage([{"type": "text", "text": "Who is this?"}, PICTURE])]
    for text, route in await every_way(pair(), asked):
        assert (text, route.action, [step["do"] for step in route.steps]) == ("large", "bypass", ["finish"])
        assert route.confidence is None


async def _last(chunks: Any) -> Any:
    return [chunk async for chunk in chunks][-1]


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.invoke([]),
        lambda model: asyncio.run(model.ainvoke([])),
        lambda model: model.batch([[]]),
        lambda model: list(model.stream([])),
        lambda model: asyncio.run(_last(model.astream([]))),
    ],
    ids=["invoke", "ainvoke", "batch", "stream", "astream"],
)
def test_no_messages_is_an_error_that_says_what_to_do(ask: Callable[[Any], Any]) -> None:
    model = pair()
    with pytest.raises(QueryError, match="There are no messages to answer; pass at least one human message"):
        ask(model)
    assert model.models[0].seen == []


def test_any_runnable_may_be_a_model() -> None:
    def small(messages: Sequence[BaseMessage]) -> AIMessage:
        return AIMessage("small")

    model = AutoMixChatModel(
        [RunnableLambda(small), RunnableLambda(lambda messages: "large, as text")], lambda *case: [False]
    )
    message = model.invoke("Who?")
    assert (message.text, the_route(message).action) == ("large, as text", "escalate")
    message = AutoMixChatModel([RunnableLambda(small), pair()], lambda *case: [False]).invoke("Who?")
    assert (message.text, the_route(message).model) == ("small", 1)


def test_the_models_name_is_the_providers_or_the_configured_one() -> None:
    class Named(Fake):
        model_name: str = "small-1"

    assert the_route(pair(models=[Named(), Fake()]).invoke("Who?")).model_name == "small-1"
    dated = AIMessage("An answer.", response_metadata={"model_name": "small-1-2026-01"})
    assert the_route(pair(models=[Named(says=dated), Fake()]).invoke("Who?")).model_name == "small-1-2026-01"
    assert the_route(pair().invoke("Who?")).model_name == "Fake"


# Every error names what to do


def _of(call: Callable[[], Any]) -> str:
    with pytest.raises(AutoMixError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        *(lambda settings=settings: pair(**settings) for settings, _ in BROKEN),
        lambda: pair(without_context="raise").invoke("Who?"),
        lambda: pair().invoke([]),
        lambda: pair().invoke("Who?", automix_context=3),
        lambda: pair(policy=Always(5)).invoke("Who?"),
        lambda: pair(policy=line(Accept(0))).invoke("Who?"),
        lambda: pair(policy="nowhere.json"),
        lambda: Route.from_dict({}),
        lambda: SelfVerifier(k=0),
        lambda: SelfVerifier().invoke({"context": "", "question": "", "answer": ""}),
    ],
)
def test_an_error_is_one_sentence_or_two_that_name_the_part_and_the_remedy(call: Callable[[], Any]) -> None:
    words = _of(call)
    assert words.endswith(".")
    assert "\n" not in words
    remedies = ("must", "needs", "Input should be", "pass", "set", "draft first", "0 is the first", "No such file")
    assert any(remedy in words for remedy in remedies), words
