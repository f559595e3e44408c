"""What is inside a child's wrappers, and what its messages say."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ChatMessage
from langchain_core.runnables import RunnableLambda

from automix_core.usage import Usage
from langchain_automix.child.models import as_message, bound_tools, in_words, name_of, usage_of, without_thoughts

TOOLS = [{"type": "function", "function": {"name": "row"}}]


def test_tools_bound_to_a_model_are_found_in_its_wrappers_and_nowhere_else() -> None:
    model = FakeListChatModel(responses=["a"])
    bound = model.bind(tools=TOOLS)
    wrapped: list[Any] = [bound, bound.with_retry(), bound.with_fallbacks([model]), bound.bind(stop=["x"])]
    assert [bound_tools(child) for child in wrapped] == [TOOLS] * 4
    bare: list[Any] = [model, model.with_retry(), model.bind(tools=[]), RunnableLambda(lambda x: x)]
    assert [list(bound_tools(child)) for child in bare] == [[]] * 4


def test_a_model_without_a_name_is_called_by_its_class_in_words_too() -> None:
    class Named(FakeListLLM):
        model_name: str = ""
        model: str = "small"

    assert name_of(FakeListLLM(responses=["a"])) == "FakeListLLM"
    assert name_of(Named(responses=["a"]).bind(stop=["x"])) == "small"
    assert in_words(Named(responses=["sk-secret"])) == "Named('small')"


@pytest.mark.parametrize(
    "output", ["Oda.", AIMessage("Oda."), AIMessageChunk(content="Oda."), ChatMessage(content="Oda.", role="critic")]
)
def test_every_output_becomes_a_message_of_the_model(output: str | BaseMessage) -> None:
    message = as_message(output)
    assert (type(message), message.content) == (AIMessage, "Oda.")


def test_a_message_of_another_kind_keeps_what_its_provider_said() -> None:
    said = ChatMessage(content="Oda.", role="critic", response_metadata={"finish_reason": "length"})
    assert as_message(said).response_metadata == {"finish_reason": "length"}


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, None),
        ({"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}, Usage(5, 2)),
        ({"input_tokens": 5, "output_tokens": 2, "total_tokens": 7, "total_cost": 0}, Usage()),
        ({"input_tokens": None, "output_tokens": 2, "total_tokens": 2}, None),
        ({"input_tokens": 5, "output_tokens": None, "total_tokens": 5}, None),
    ],
)
def test_usage_is_what_was_reported_nothing_for_a_cached_answer_and_unknown_else(
    reported: Any, usage: Usage | None
) -> None:
    message = AIMessage("Oda.").model_copy(update={"usage_metadata": reported})
    assert usage_of(message) == usage


def test_thoughts_in_the_text_are_taken_out_and_structured_ones_stay() -> None:
    reasoning = {"type": "reasoning", "reasoning": "Hm."}
    parts: list[Any] = ["<think>Piet?</think>", reasoning, {"type": "text", "text": "Oda.", "index": 1}]
    kept = without_thoughts(AIMessage(parts)).content
    assert isinstance(kept, list)
    assert kept[1:] == [reasoning, {"type": "text", "text": "Oda.", "index": 1}]
    assert "Piet" not in str(kept)
    assert without_thoughts(AIMessage("<think>Piet?</think>Oda.")).content == "Oda."


@pytest.mark.parametrize("content", ["Oda.", ["Oda.", {"type": "text", "text": None}, {"type": "reasoning"}]])
def test_a_message_without_thoughts_in_its_text_is_itself(content: Any) -> None:
    message = AIMessage.model_construct(content=content)
    assert without_thoughts(message) is message
