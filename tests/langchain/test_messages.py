"""What messages say as text: their parts, the documents among them, and who speaks."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_automix.query.messages import (
    CONTEXT,
    QUESTION,
    documents_of,
    for_children,
    found_by,
    has_other_content,
    said_in,
    text_of,
)

FACT = "Oda Verrin built it."
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}
PLAIN = {"type": "file", "mime_type": "text/plain"}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ("Who?", "Who?"),
        (["It was Oda.", {"type": "text", "text": "Who was it?"}], "It was Oda.\nWho was it?"),
        ([{"text": "Who?"}, {"cachePoint": {"type": "default"}}], "Who?"),
        ([IMAGE, {"type": "text", "text": "Who?"}], "Who?"),
        ([{"type": "text", "text": None}, "Who?"], "Who?"),
        ([{"document": {"source": {"text": FACT}}, "text": "no part of it"}, "Who?"], "Who?"),
    ],
)
def test_the_text_of_a_message_is_its_parts_of_text_without_its_documents(parts: Any, text: str) -> None:
    assert text_of(HumanMessage.model_construct(content=parts)).strip() == text


@pytest.mark.parametrize(
    "part",
    [
        {"type": "search_result", "content": FACT},
        {"type": "search_result", "content": [FACT]},
        {"document": {"source": {"content": [{"text": FACT}]}}},
        {"type": "document", "source": {"type": "text", "data": FACT}},
        {"type": "document", "source": {"type": "content", "content": FACT}},
        {"type": "document", "mime_type": "text/markdown", "data": encoded(FACT.encode())},
        {**PLAIN, "base64": encoded(FACT.encode())},
    ],
)
def test_a_document_of_text_is_read_in_the_form_of_every_provider(part: dict[str, Any]) -> None:
    message = HumanMessage([part, {"type": "text", "text": "Who?"}])
    assert documents_of(message) == [FACT]
    assert text_of(message).strip() == "Who?"
    assert not has_other_content([message])


@pytest.mark.parametrize(
    "part",
    [
        {"type": "search_result"},
        {"type": "search_result", "content": {"text": FACT}},
        {"type": "search_result", "content": [{"type": "text", "text": FACT}, IMAGE]},
        {"document": {"source": "s3://a/b.txt"}},
        {"document": {"name": "d"}},
        {"document": "d", "type": "text", "text": "d"},
        {"type": "document", "source": "file.txt"},
        {"type": "document", "source": {"type": "text", "data": 3}},
        {"type": "document", "source": {"type": "base64", "data": encoded(FACT.encode())}},
        {**PLAIN, "base64": "not base64!"},
        {**PLAIN, "base64": encoded(b"\xff\xfe")},
        {**PLAIN, "base64": b"bytes"},
        PLAIN,
        {"type": "file", "base64": encoded(FACT.encode())},
    ],
)
def test_what_can_t_be_read_as_text_is_other_content_and_no_document(part: dict[str, Any]) -> None:
    message = HumanMessage([{"type": "text", "text": "Who?"}, part])
    assert documents_of(message) == []
    assert has_other_content([message])


def test_a_model_s_thoughts_and_tool_calls_are_no_other_content_but_its_images_are() -> None:
    thoughts: list[Any] = [{"type": "thinking", "thinking": "Hm."}, {"type": "tool_use", "id": "1"}, "Oda."]
    assert not has_other_content([AIMessage(thoughts), HumanMessage("Sure?")])
    assert has_other_content([AIMessage([*thoughts, IMAGE])])
    assert has_other_content([HumanMessage(thoughts)])


@pytest.mark.parametrize(
    ("artifact", "content", "found"),
    [
        (Document(FACT), "1 result", [FACT]),
        (({"score": 1.0, "hit": Document(FACT)}, 3), "1 result", [FACT]),
        ([[[Document(FACT)]]], "1 result", [FACT]),
        ([[[[Document(FACT)]]]], "1 result", ["1 result"]),
        ({"page_content": 3, "rows": [{"page_content": FACT}]}, "1 result", [FACT]),
        (object(), "1 result", ["1 result"]),
        (None, [{"type": "search_result", "content": [FACT]}, "and a word"], [FACT]),
    ],
)
def test_what_a_tool_found_is_its_documents_else_its_text(artifact: Any, content: Any, found: list[str]) -> None:
    assert found_by(ToolMessage(content, artifact=artifact, tool_call_id="1")) == found


def test_every_kind_of_message_has_a_speaker() -> None:
    spoken: list[BaseMessage] = [
        SystemMessage("a"),
        HumanMessage("b"),
        AIMessage("c"),
        ToolMessage("d", tool_call_id="1"),
        FunctionMessage(content="e", name="look_up"),
        ChatMessage(content="f", role="critic"),
    ]
    assert [speaker for speaker, _ in said_in(spoken)] == ["System", "User", "Assistant", "Tool", "Function", "Chat"]
    assert [text for _, text in said_in(spoken)] == list("abcdef")


def test_as_evidence_a_tool_says_its_documents_and_a_user_brings_them() -> None:
    part = {"type": "search_result", "content": [FACT]}
    tool = ToolMessage("(see artifact)", artifact=[Document(FACT)], tool_call_id="1")
    failed = ToolMessage("no connection", status="error", tool_call_id="2")
    messages: list[BaseMessage] = [HumanMessage([part, {"type": "text", "text": "Who?"}]), tool, failed]
    texts = [text.split() for _, text in said_in(messages, evidence=True)]
    assert texts == [[*FACT.split(), "Who?"], FACT.split(), []]
    assert [text.strip() for _, text in said_in(messages)] == ["Who?", "(see artifact)", "no connection"]


def test_what_is_attached_for_the_verifier_reaches_no_provider_and_stays_with_the_caller() -> None:
    told = HumanMessage("Who?", additional_kwargs={CONTEXT: [FACT], QUESTION: "Who?", "user": "u"})
    only = HumanMessage("Who?", additional_kwargs={QUESTION: "Who?"})
    bare = HumanMessage("And when?", additional_kwargs={"user": "u"})
    sent = for_children([told, only, bare])
    assert [message.additional_kwargs for message in sent] == [{"user": "u"}, {}, {"user": "u"}]
    assert told.additional_kwargs[CONTEXT] == [FACT]
    assert sent[2] is bare
