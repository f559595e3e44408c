"""Where the question and the context are found, and what of the prompt the verifier is shown."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate

from automix_core.checking.query import Query
from automix_core.errors import ConfigError, QueryError
from langchain_automix import AutoMixChatModel, SelfVerifier, route_of, with_context
from langchain_automix.query.reading import (
    CONTEXT,
    QUESTION,
    for_children,
    has_other_content,
    read_messages,
    read_prompt,
)
from tests.cases import block
from tests.langchain.fakes import Fake

SYSTEM = SystemMessage("Answer briefly.")
ASKED = HumanMessage("Who built it?")
EARLIER = [HumanMessage("Is there a lighthouse?"), AIMessage("There is one.")]
TOLD = HumanMessage("Who built it?", additional_kwargs={CONTEXT: "told"})
CALLS = AIMessage("", tool_calls=[{"name": "find", "args": {}, "id": "1"}])
FOUND = ToolMessage("found", tool_call_id="1")
DOCUMENTS = [Document("first"), Document("second")]


def read(messages: list[BaseMessage], question: Any = None, context: Any = None) -> Query:
    return read_messages(messages, question, context).query


SOURCES: list[tuple[str, list[BaseMessage], Any, tuple[str, ...]]] = [
    # The first hit wins
    ("argument", [TOLD, CALLS, FOUND], "given", ("given",)),
    ("message", [TOLD, CALLS, FOUND], None, ("told",)),
    ("tools", [ASKED, CALLS, FOUND], None, ("found",)),
    ("none", [SYSTEM, ASKED], None, ()),
    # An empty context counts as none, wherever it is
    ("message", [TOLD], "", ("told",)),
    ("message", [TOLD], [" \n", ""], ("told",)),
    ("tools", [TOLD.model_copy(update={"additional_kwargs": {CONTEXT: []}}), CALLS, FOUND], None, ("found",)),
    ("none", [ASKED, CALLS, ToolMessage(" ", tool_call_id="1")], None, ()),
    # In any form
    ("argument", [ASKED], DOCUMENTS, ("first", "second")),
    ("argument", [ASKED], DOCUMENTS[0], ("first",)),
    ("argument", [ASKED], ("first", DOCUMENTS[1]), ("first", "second")),
    ("tools", [ASKED, CALLS, ToolMessage("as text", artifact=DOCUMENTS, tool_call_id="1")], None, ("first", "second")),
    ("tools", [ASKED, CALLS, ToolMessage("as text", artifact=DOCUMENTS[0], tool_call_id="1")], None, ("first",)),
    ("tools", [ASKED, CALLS, ToolMessage("as text", artifact={"rows": 3}, tool_call_id="1")], None, ("as text",)),
    ("tools", [ASKED, CALLS, FOUND, CALLS, ToolMessage("again", tool_call_id="1")], None, ("found", "again")),
    # From the last human message on
    ("none", [TOLD, AIMessage("Verrin."), ASKED], None, ()),
    ("none", [ASKED, CALLS, FOUND, AIMessage("Verrin."), ASKED], None, ()),
    ("message", [ASKED, AIMessage("hm", additional_kwargs={CONTEXT: "late"})], None, ("late",)),
]


@pytest.mark.parametrize(("source", "messages", "given", "passages"), SOURCES)
def test_sources(source: str, messages: list[BaseMessage], given: Any, passages: tuple[str, ...]) -> None:
    query = read(messages, context=given)
    assert (query.source, query.context) == (source, passages)
    assert query.question == "Who built it?"


def test_an_extractor_stands_behind_the_keyword_only() -> None:
    def extract(messages: Any) -> Any:
        return [Document(messages[-1].text.upper())]

    found = read_messages([TOLD], extractor=extract).query
    assert (found.source, found.context) == ("parsed", ("WHO BUILT IT?",))
    assert read_messages([TOLD], None, "given", extract).query.source == "argument"
    assert read_messages([TOLD], extractor=lambda messages: None).query.source == "message"


@pytest.mark.parametrize(
    ("messages", "keyword", "question"),
    [
        ([SYSTEM, *EARLIER, ASKED], None, "Who built it?"),
        ([SYSTEM, *EARLIER, ASKED], "And when?", "And when?"),
        ([HumanMessage("as text", additional_kwargs={QUESTION: "as told"})], None, "as told"),
        ([HumanMessage("as text", additional_kwargs={QUESTION: "as told"})], "And when?", "And when?"),
        ([ASKED, AIMessage("Ver")], None, "Who built it?"),
        ([SYSTEM], None, "Answer briefly."),
        ([AIMessage("Go on?")], None, "Go on?"),
        ([HumanMessage([{"type": "text", "text": "Who "}, "built it?"])], None, "Who built it?"),
    ],
)
def test_questions(messages: list[BaseMessage], keyword: str | None, question: str) -> None:
    assert read(messages, keyword).question == question


def test_history_and_instructions_are_apart_from_the_question() -> None:
    other = ChatMessage(content="Good day.", role="harbour master")
    query = read([SYSTEM, *EARLIER, SystemMessage("In English."), other, ASKED, AIMessage("Ver")], context="given")
    assert query.question == "Who built it?"
    assert query.instructions == "Answer briefly.\n\nIn English."
    assert query.history == "User: Is there a lighthouse?\n\nAssistant: There is one.\n\nChat: Good day."


def test_the_whole_prompt_stands_for_a_missing_context() -> None:
    query = read_prompt([SYSTEM, *EARLIER, ASKED])
    whole = "System: Answer briefly.\n\nUser: Is there a lighthouse?\n\nUser: Who built it?"
    history = "User: Is there a lighthouse?\n\nAssistant: There is one."
    assert query == Query("Who built it?", (whole,), history, source="prompt")
    assert read_prompt([ASKED]) == Query("Who built it?", ("Who built it?",), source="prompt")


def test_no_context_and_no_messages_are_errors_that_say_what_to_do() -> None:
    model = AutoMixChatModel(models=[Fake(), Fake()], without_context="raise")
    with pytest.raises(QueryError, match=r"automix_context=.*without_context"):
        model.invoke([ASKED])
    assert route_of(model.invoke([TOLD])).context_source == "message"
    with pytest.raises(QueryError, match="pass at least one human message"):
        read([])


@pytest.mark.parametrize("wrong", [3, {"page": "text"}, [None], [3]])
def test_a_context_is_text_or_documents(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="must be text, documents or a list of them"):
        read([ASKED], context=wrong)


# with_context

CHAT = ChatPromptTemplate.from_messages([("system", "From this:\n{context}"), ("human", "{question}")])


def attached(prompt: Any, variables: dict[str, Any], **keys: Any) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """The messages that carry something for the verifier, and all of them."""
    messages = with_context(prompt, **keys).invoke(variables).to_messages()
    return [m for m in messages if m.additional_kwargs], messages


@pytest.mark.parametrize(
    ("context", "passages"),
    [("one", ["one"]), (DOCUMENTS, ["first", "second"]), (["one", "two"], ["one", "two"]), ("", []), ([], [])],
)
def test_with_context_attaches_the_variable(context: Any, passages: list[str]) -> None:
    (bearer,), messages = attached(CHAT, {"context": context, "question": "Who?"})
    assert bearer is messages[-1]
    assert bearer.additional_kwargs == {CONTEXT: passages, QUESTION: "Who?"}
    plain = CHAT.invoke({"context": context, "question": "Who?"}).to_messages()
    assert for_children(messages) == plain, "and nothing else is changed"


def test_with_context_takes_other_names_and_the_question_too() -> None:
    prompt = ChatPromptTemplate.from_messages([("human", "{docs}\n\nQuestion: {input}\nAnswer:")])
    (bearer,), _ = attached(prompt, {"docs": DOCUMENTS, "input": "Who?"}, key="docs", question_key="input")
    assert bearer.additional_kwargs == {CONTEXT: ["first", "second"], QUESTION: "Who?"}


def test_with_context_in_other_prompts() -> None:
    (bearer,), messages = attached(
        PromptTemplate.from_template("{context}\n{question}"), {"context": "c", "question": "q"}
    )
    assert messages == [bearer]
    partial = CHAT.partial(context="from the partial")
    (bearer,), _ = attached(partial, {"question": "q"})
    assert bearer.additional_kwargs[CONTEXT] == ["from the partial"]
    chat = ChatPromptTemplate.from_messages(
        [("system", "{context}"), MessagesPlaceholder("past", optional=True), ("human", "q")]
    )
    (bearer,), messages = attached(chat, {"context": "c", "past": [HumanMessage("before"), AIMessage("so")]})
    assert bearer is messages[-1]
    (bearer,), messages = attached(ChatPromptTemplate.from_messages([("system", "{context}")]), {"context": "c"})
    assert bearer is messages[0], "without a human message the first one carries it"


async def test_with_context_is_a_runnable() -> None:
    chain = with_context(CHAT) | AutoMixChatModel(models=[Fake(), Fake()], verifier=SelfVerifier(k=1))
    variables = {"context": DOCUMENTS, "question": "Who?"}
    for message in (chain.invoke(variables), await chain.ainvoke(variables), *chain.batch([variables])):
        route = route_of(message)
        assert route.context_source == "message"
    with pytest.raises(KeyError, match="question"):
        chain.invoke({"context": "c"})


@pytest.mark.parametrize("keys", [{"key": "contexts"}, {"question_key": "query"}])
def test_with_context_knows_its_prompt(keys: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"has no variable '(contexts|query)'; it has \['context', 'question'\]"):
        with_context(CHAT, **keys)


@pytest.mark.parametrize("wrong", [CHAT | Fake(), "{context}", None])
def test_with_context_wants_a_prompt(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"needs a prompt template, not .*; pass it alone, then pipe"):
        with_context(wrong)


# Other parts than text


@pytest.mark.parametrize(
    ("content", "other"),
    [
        ("text", False),
        (["text"], False),
        ([{"type": "text", "text": "t"}], False),
        ([{"type": "input_text", "text": "t"}], False),
        ([{"text": "t"}], False),
        ([{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": "u"}}], True),
        ([{"type": "image", "url": "u"}], True),
        ([{"type": "audio", "data": "d"}], True),
        ([{"type": "file", "data": "d"}], True),
        ([{"type": "something of tomorrow"}], True),
    ],
)
def test_what_no_verifier_here_can_read(content: Any, other: bool) -> None:
    for kind in (HumanMessage, SystemMessage):
        assert has_other_content([kind(content), ASKED]) is other
    assert has_other_content([ToolMessage(content, tool_call_id="1")]) is other


def test_a_models_own_thoughts_and_calls_are_no_obstacle_but_its_pictures_are() -> None:
    said: list[str | dict[Any, Any]] = [
        {"type": "thinking", "thinking": "t"},
        {"type": "reasoning", "reasoning": "r"},
        {"type": "tool_use", "name": "n", "input": {}, "id": "1"},
        {"type": "text", "text": "t"},
    ]
    assert not has_other_content([AIMessage(said), ASKED])
    assert has_other_content([AIMessage([*said, {"type": "image", "url": "u"}]), ASKED])


@pytest.mark.parametrize("without", ["prompt", "large", "small"])
def test_pictures_go_to_the_last_model_unjudged(without: Any) -> None:
    models = [Fake(says="small"), Fake(says="middle"), Fake(says="large")]
    model = AutoMixChatModel(models=models, verifier=SelfVerifier(k=1), without_context=without)
    picture = HumanMessage([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "u"}}])
    message = model.invoke([picture], automix_context="a context")
    route = route_of(message)
    assert (message.text, route.model, route.action, route.context_source) == ("large", 2, "bypass", "argument")
    assert not models[0].seen
    assert models[2].drafts == [[picture]], "with its picture"


# What reaches whom


def test_the_verifier_sees_history_and_instructions_as_data() -> None:
    small = Fake(says="Verrin.")
    AutoMixChatModel(models=[small, Fake()], verifier=SelfVerifier(k=1)).invoke(
        [SYSTEM, *EARLIER, ASKED], automix_context=DOCUMENTS
    )
    (check,) = small.checks
    names = ("instructions", "context", "history", "question", "answer")
    assert [block(check[-1].text, name) for name in names] == [
        "Answer briefly.",
        "first\n\nsecond",
        "User: Is there a lighthouse?\n\nAssistant: There is one.",
        "Who built it?",
        "Verrin.",
    ]


@pytest.mark.parametrize("how", ["call", "bind"])
def test_nothing_of_ours_reaches_a_model(how: str) -> None:
    small, large = Fake(says="Verrin.", judges="Verdict: Incorrect"), Fake()
    model: Any = AutoMixChatModel(models=[small, large], verifier=SelfVerifier(k=1))
    keywords = {
        "automix_context": "c",
        "automix_question": "q",
        "automix_coin": 0.5,
        "automix_contxt": "typo",
        "top_k": 3,
    }
    messages = [HumanMessage("Who?", additional_kwargs={CONTEXT: "told", QUESTION: "asked", "name": "kept"})]
    with pytest.warns(UserWarning, match="ignores the unknown keyword 'automix_contxt'"):
        _ = model.invoke(messages, **keywords) if how == "call" else model.bind(**keywords).invoke(messages)
    for (given,), settings in [*small.seen[:1], *large.seen]:
        assert settings == {"top_k": 3}
        assert given.additional_kwargs == {"name": "kept"}
    assert messages[0].additional_kwargs[CONTEXT] == "told", "the caller's message is not touched"
