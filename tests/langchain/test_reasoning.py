"""Reasoning goes back only to the provider that wrote it; a call's own configuration reaches its children."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import ConfigurableField

from langchain_automix import AutoMixChatModel
from langchain_automix.child.reasoning import for_child
from tests.langchain.cascades import DRAFT, cascade, child, script
from tests.langchain.fakes import Fake
from tests.loopback import OpenAIServer

THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
SAID = {"type": "text", "text": "Oda Verrin."}


class Anthropic(Fake):
    __module__ = "langchain_anthropic.chat_models"


class Ollama(Fake):
    __module__ = "langchain_ollama.chat_models"


def spoken(content: Any, **metadata: Any) -> AIMessage:
    extra = {"reasoning_content": "Hm."} if isinstance(content, str) else {}
    return AIMessage(content, response_metadata=metadata, additional_kwargs=extra)


@pytest.mark.parametrize(
    "message",
    [
        spoken([THOUGHT, SAID], model_provider="anthropic"),
        spoken([THOUGHT, SAID]),
        spoken([THOUGHT, SAID], automix={"model": 1}),
        spoken("Oda Verrin.", model_provider="anthropic"),
    ],
)
def test_only_its_writer_gets_it_back(message: AIMessage) -> None:
    small, large = Ollama(), Anthropic()
    history: list[BaseMessage] = [HumanMessage("Who?"), message, HumanMessage("And?")]
    (_, kept, _), (_, bare, _) = (for_child(history, model, [small, large]) for model in (large, small))
    assert kept is message
    assert bare.content == "Oda Verrin."
    assert bare.additional_kwargs == {}
    assert "reasoning_content" in message.additional_kwargs or message.content == [THOUGHT, SAID], "a copy was changed"


def test_tool_calls_and_other_parts_stay() -> None:
    cited = {"type": "text", "text": "Oda.", "annotations": []}
    message = AIMessage([THOUGHT, cited], tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    (bare,) = for_child([message], Ollama(), [])
    assert bare.content == [cited]
    assert isinstance(bare, AIMessage)
    assert [call["id"] for call in bare.tool_calls] == ["1"]


def test_without_reasoning_nothing_is_copied() -> None:
    messages: list[BaseMessage] = [HumanMessage("Who?"), AIMessage("Oda."), AIMessage([SAID])]
    assert for_child(messages, Ollama(), []) is messages


def test_each_child_of_a_cascade_sees_the_history_in_its_own_way() -> None:
    small, large = Ollama(says="draft", judges="Verdict: Incorrect"), Anthropic(says="answer")
    message = spoken([THOUGHT, SAID], model_provider="anthropic")
    AutoMixChatModel([small, large]).invoke([HumanMessage("Who?"), message, HumanMessage("And?")])
    assert [m.content for m in small.drafts[0]][1] == "Oda Verrin."
    assert [m.content for m in large.drafts[0]][1] == [THOUGHT, SAID]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream", "batch"])
async def test_what_configures_the_children_reaches_them_on_a_direct_call(server: OpenAIServer, way: str) -> None:
    script(server, "accept")
    small: Any = child(server, "other").configurable_fields(model_name=ConfigurableField(id="which"))
    server.say("other", "the default")
    model: BaseChatModel = cascade(server, models=[small, child(server, "large")])
    text: str
    config: Any = {"configurable": {"which": "small"}}
    if way == "invoke":
        text = model.invoke("Who?", config).text
    elif way == "ainvoke":
        text = (await model.ainvoke("Who?", config)).text
    elif way == "batch":
        text = model.batch(["Who?"], config)[0].text
    elif way == "stream":
        text = "".join(chunk.text for chunk in model.stream("Who?", config))
    else:
        text = "".join([chunk.text async for chunk in model.astream("Who?", config)])
    assert text == DRAFT
    assert server.calls("other", verdict=False) == []
    assert model.invoke("Who?").text == "the default", "and the next call is not configured by it"
