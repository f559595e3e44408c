"""What a model would be sent to answer, for checks that go on from it and drafts that are drawn again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from llamaindex_automix import AutoMixLLM, TokenVerifier, collect_routes
from tests.contract.measuring import Buys
from tests.llamaindex.engines import PASSAGES, QUESTION, cascade, child
from tests.loopback import OpenAIServer, Reply

TEMPLATE = PromptTemplate("Read {context_str} and say {query_str}")
VALUES: dict[str, Any] = {"context_str": PASSAGES[1], "query_str": QUESTION}
UNSURE = Reply("No", logprobs={"Correct": math.log(0.2), "Incorrect": math.log(0.8)})


class Built(BaseModel):
    name: str


@pytest.fixture
def model(server: OpenAIServer) -> AutoMixLLM:
    """The large model checks in the conversation; it finds every draft wrong."""
    server.say("small", "Oda Verrin")
    server.say("large", "Piet Okoro")
    server.verdicts(UNSURE)
    models = [child(server, name) for name in ("small", "large")]
    return cascade(server, models=models, verifier=TokenVerifier(model=models[1], continues=True), policy=None)


@pytest.mark.parametrize("way", ["complete", "predict", "chat"])
def test_a_check_begins_like_the_answer(server: OpenAIServer, model: AutoMixLLM, way: str) -> None:
    if way == "complete":
        model.complete(f"Read {PASSAGES[1]}: {QUESTION}", automix_context=PASSAGES[1])
    elif way == "predict":
        model.predict(TEMPLATE, **VALUES)
    else:
        model.chat([ChatMessage(QUESTION)], automix_context=PASSAGES[1])
    check, answered = server.calls("large")
    assert check.messages[:-2] == answered.messages
    assert check.messages[-2]["content"] == "Oda Verrin"


@pytest.mark.parametrize("way", ["stop", "tool", "object"])
def test_a_call_that_says_more_than_its_messages_is_checked_as_usual(
    server: OpenAIServer, model: AutoMixLLM, way: str
) -> None:
    server.say("small", '{"name": "Oda Verrin"}', when=lambda request: request.demands_structure)
    server.say("large", '{"name": "Piet Okoro"}', when=lambda request: request.demands_structure)
    if way == "object":
        model.structured_predict(Built, TEMPLATE, **VALUES)
    elif way == "stop":
        model.complete(QUESTION, automix_context=PASSAGES[1], stop=["END"])
    else:
        said = ChatMessage(role=MessageRole.TOOL, content="42", additional_kwargs={"tool_call_id": "a"})
        called = {"tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
        asked = ChatMessage(role=MessageRole.ASSISTANT, content="", additional_kwargs=called)
        model.chat([ChatMessage(QUESTION), asked, said, ChatMessage(QUESTION)], automix_context=PASSAGES[1])
    (check,) = server.calls("large", verdict=True)
    assert "<context" in check.question


@pytest.mark.parametrize("chats", [True, False])
@pytest.mark.parametrize("formatted", [True, False])
def test_drafts_of_completions_are_drawn_again(server: OpenAIServer, chats: bool, formatted: bool) -> None:
    server.say("small", "Oda Verrin")
    server.say("large", "Piet Okoro")
    plain: dict[str, Any] = {} if chats else {"is_chat_model": False, "is_function_calling_model": False}
    models = [child(server, name, **plain) for name in ("small", "large")]
    model = cascade(server, models=models, policy=Buys("agreement"), measures={"agreement": 2})
    with collect_routes() as routes:
        model.complete(QUESTION, formatted=formatted, automix_context=PASSAGES[1])
    offered = chats or not formatted
    assert routes[0].signals.get("agreement") == (1.0 if offered else None)
    first, *more = server.calls("small")
    assert [again.messages for again in more] == [first.messages] * len(more)
    assert bool(more) == offered


def test_a_template_of_a_model_that_completes_is_not_drawn_again(server: OpenAIServer) -> None:
    server.say("small", "Oda Verrin")
    server.say("large", "Piet Okoro")
    models = [child(server, n, is_chat_model=False, is_function_calling_model=False) for n in ("small", "large")]
    model = cascade(server, models=models, policy=Buys("agreement"), measures={"agreement": 2})
    assert model.predict(TEMPLATE, **VALUES) == "Piet Okoro"
    assert len(server.calls("small")) == 1
