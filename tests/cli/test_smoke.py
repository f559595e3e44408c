"""One real model in both roles: SmolLM2 as small and, differently instructed, as large. What it says is up to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain_openai", reason="the cascade's children here are ChatOpenAI (extra: demo)")

from langchain_core.messages import SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda

from automix_cli.engine.engine import Engine
from automix_core import Always, Decision, Finish, Route, State, Threshold
from langchain_automix import AutoMixChatModel, SelfVerifier, collect_routes, route_of
from langchain_automix.child.endpoint import chat_model

pytestmark = pytest.mark.engine

K = 4
PROMPT = ChatPromptTemplate.from_messages([("system", "Answer from this context.\n{context}"), ("human", "{question}")])
ASKED = {
    "context": "The Petrel sails at 08:40. A single ticket costs 18 marks, paid on board.",
    "question": "What does a single ticket cost?",
}


@pytest.fixture(scope="module")
def roles(smollm2: Path) -> Iterator[list[Runnable[Any, Any]]]:
    """SmolLM2 as small and, told to be brief, as large: two clients of one server."""
    brief: Runnable[Any, Any] = RunnableLambda(lambda messages: [SystemMessage("Answer in five words."), *messages])
    with Engine.start(smollm2, name="smollm2", context=4096, slots=K) as engine:
        chats = [chat_model(engine.endpoint, max_tokens=most) for most in (48, 24)]
        yield [chats[0], brief | chats[1]]
        for chat in chats:
            chat.root_client.close()


class Doubtful:
    """Checks every draft and keeps none."""

    def decide(self, state: State) -> Decision:
        if state.latest is None or state.available[0]:
            return Threshold().decide(state)
        return Decision(Finish(1), "No draft is kept here.")


def cascade(roles: list[Runnable[Any, Any]], **settings: Any) -> AutoMixChatModel:
    """The cascade of both, with short checks."""
    return AutoMixChatModel(models=roles, verifier=SelfVerifier(k=K, max_tokens=64), **settings)


def consistent(route: Route) -> None:
    """What must hold of any record of a real call."""
    assert not route.errors
    usage = route.to_dict()["usage"]
    assert usage["total"]["total_tokens"] > 0
    for field in ("input_tokens", "output_tokens"):
        assert usage["total"][field] == sum(usage[role][field] for role in ("draft", "verify", "answer"))


def test_a_question_is_drafted_checked_and_decided(roles: list[Runnable[Any, Any]]) -> None:
    answer = (PROMPT | cascade(roles)).invoke(ASKED)
    route = route_of(answer)
    consistent(route)
    assert answer.text.strip()
    assert sum(route.to_dict()["verdicts"].values()) == K
    assert route.verdicts["failed"] == 0
    kept = route.confidence is not None and route.confidence >= 0.75
    assert route.action == ("accept" if kept else "escalate")


def test_an_escalated_answer_streams(roles: list[Runnable[Any, Any]]) -> None:
    doubtful = cascade(roles, policy=Doubtful())
    with collect_routes() as routes:
        pieces = [chunk.text for chunk in (PROMPT | doubtful).stream(ASKED)]
    (route,) = routes
    consistent(route)
    assert (route.action, route.model) == ("escalate", 1)
    assert "".join(pieces).strip()
    assert len([piece for piece in pieces if piece]) > 1


def test_batches_share_the_engine(roles: list[Runnable[Any, Any]]) -> None:
    with collect_routes() as routes:
        (PROMPT | cascade(roles, policy=Threshold(0.5))).batch([ASKED, ASKED])
    assert len(routes) == 2
    for route in routes:
        consistent(route)


def test_a_single_model_as_a_policy(roles: list[Runnable[Any, Any]]) -> None:
    route = route_of((PROMPT | cascade(roles, policy=Always(-1))).invoke(ASKED))
    consistent(route)
    assert (route.action, route.model) == ("direct", 1)
