"""Awaited calls of a client that blocks, under a time limit; drafts at whose ending a client raises."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.llms.mock import MockLLM

from automix_core import Always, Price
from automix_core.checking.client import Client
from llamaindex_automix import AutoMixLLM, collect_routes
from llamaindex_automix.child.clients import CLIENTS
from llamaindex_automix.child.responses import rejected

CONTEXT = "The lighthouse was built by Oda Verrin."


class Blocking(MockLLM):
    """A client whose awaited calls would hold up the loop; it notes which thread it is asked in."""

    def chat(self, messages: Any, **kwargs: Any) -> ChatResponse:
        THREADS.append(threading.current_thread() is threading.main_thread())
        return ChatResponse(message=ChatMessage(role="assistant", content=SAYS[self.max_tokens or 0]))

    async def achat(self, messages: Any, **kwargs: Any) -> ChatResponse:
        raise AssertionError("the loop would be held up")


THREADS: list[bool] = []
SAYS = ("Oda Verrin built it.", "It was Oda Verrin.")


@pytest.fixture(autouse=True)
def blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    THREADS.clear()
    package = Blocking.__module__.partition(".")[0]
    monkeypatch.setitem(CLIENTS, f"{package}.Blocking", Client(limit=None, retries=None, usage=False, blocks=True))


async def test_drafts_and_answers_of_a_blocking_client_are_asked_in_threads() -> None:
    llm = AutoMixLLM(
        models=[Blocking(max_tokens=0), Blocking(max_tokens=1)],
        verifier=lambda context, question, answer, n: 0.0,
        timeout=30,
    )
    answer = await llm.achat([ChatMessage(content="Who built it?")], automix_context=CONTEXT)
    assert answer.message.content == "It was Oda Verrin."
    assert THREADS == [False, False]


async def test_a_limit_of_money_counts_a_verifier_of_the_users_own_as_free() -> None:
    llm = AutoMixLLM(
        models=[MockLLM(), MockLLM()],
        policy=Always(0),
        verifier=lambda context, question, answer, n: 1.0,
        prices=[Price(1, 2), Price(3, 4)],
        max_cost=1.0,
    )
    with collect_routes() as routes:
        await llm.achat([ChatMessage(content="Who built it?")], automix_context=CONTEXT)
    assert routes[0].action == "direct"


def test_an_error_that_tells_no_early_ending_is_raised_as_it_is() -> None:
    error = RuntimeError("the key is wrong")
    with pytest.raises(RuntimeError) as raised:
        rejected(error)
    assert raised.value is error
