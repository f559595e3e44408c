"""What a check shows in every shape of prompt: the retrieved text once, and everything that is text."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_classic.chains import create_retrieval_chain
from langchain_classic.chains.combine_documents import create_stuff_documents_chain
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import BasePromptTemplate, ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.retrievers import BaseRetriever

from automix_core.checking.query import IN_CONTEXT, Query
from automix_core.checking.turns import turns
from langchain_automix import SelfVerifier, collect_routes, route_of, with_context
from langchain_automix.query.reading import CONTEXT, QUESTION, has_other_content, read_messages, read_prompt
from tests.cases import block
from tests.langchain.cascades import cascade, script
from tests.loopback import OpenAIServer

FACT = "Oda Verrin built the lighthouse of Quillon in 1874, and it has 211 steps."
ASKED = "Who built the lighthouse?"
PASSAGES = [f"Passage {number}: {FACT}" for number in range(300)]
BIG = "\n\n".join(PASSAGES)
FIXED = sum(len(text) for _, text in turns(Query(""), ""))
PAST: list[BaseMessage] = [HumanMessage("Is there a lighthouse?"), AIMessage("Piet Okoro built it, I think.")]

README = ChatPromptTemplate.from_messages([("human", "Answer from this.\n{context}\n\nQuestion: {question}")])
SYSTEM = ChatPromptTemplate.from_messages([("system", "Answer from this.\n{context}"), ("human", "{question}")])
CHATTY = ChatPromptTemplate.from_messages(
    [("system", "Answer from this.\n{context}"), MessagesPlaceholder("past"), ("human", "{input}")]
)
SEVERAL = ChatPromptTemplate.from_messages(
    [("human", "Here are my notes:\n{context}"), ("human", "Be brief."), ("human", "{question}")]
)
GIVEN = {"context": BIG, "question": ASKED}

SHAPES: dict[str, tuple[Callable[[Any], Any], dict[str, Any], str]] = {
    "one message": (lambda llm: README | llm, GIVEN, "prompt"),
    "one message, told": (lambda llm: with_context(README) | llm, GIVEN, "message"),
    "system message": (lambda llm: SYSTEM | llm, GIVEN, "prompt"),
    "system message, told": (lambda llm: with_context(SYSTEM) | llm, GIVEN, "message"),
    "system message, bound": (lambda llm: SYSTEM | llm.bind(automix_context=PASSAGES), GIVEN, "argument"),
    "documents as they are": (
        lambda llm: with_context(SYSTEM) | llm,
        {"context": [Document(passage) for passage in PASSAGES], "question": ASKED},
        "message",
    ),
    "several messages": (lambda llm: SEVERAL | llm, GIVEN, "prompt"),
    "several messages, told": (lambda llm: with_context(SEVERAL) | llm, GIVEN, "message"),
    "a chat": (lambda llm: CHATTY | llm, {"context": BIG, "input": ASKED, "past": PAST}, "prompt"),
    "a chat, told": (
        lambda llm: with_context(CHATTY) | llm,
        {"context": BIG, "input": ASKED, "past": PAST},
        "message",
    ),
    "a text": (lambda llm: PromptTemplate.from_template("{context}\n\nQ: {question}\nA:") | llm, GIVEN, "prompt"),
    "stuffed": (
        lambda llm: create_stuff_documents_chain(llm, with_context(SYSTEM)),
        {"context": [Document(passage) for passage in PASSAGES], "question": ASKED},
        "message",
    ),
}


@pytest.mark.parametrize("window", [None, 16_384])
@pytest.mark.parametrize("name", SHAPES)
def test_the_retrieved_text_stands_once_and_is_what_gets_cut(
    server: OpenAIServer, name: str, window: int | None
) -> None:
    build, given, source = SHAPES[name]
    script(server, "accept")
    count: dict[str, Any] = (
        {} if window is None else {"context_window": window // 3, "count_tokens": lambda t: len(t) // 3}
    )
    llm = cascade(server, verifier=SelfVerifier(k=1, **count))
    with collect_routes() as routes:
        build(llm).invoke(given)
    (route,) = routes
    assert (route.context_source, route.action) == (source, "accept")
    (check,) = server.calls(verdict=True)
    size = sum(len(message["content"]) for message in check.messages)
    assert size <= 1.1 * (len(BIG) + FIXED)
    assert check.text.count(PASSAGES[3]) == 1
    assert ASKED in check.question
    assert block(check.question, "context") != "(none)"
    assert "Piet" not in str(block(check.question, "context"))
    assert ("Piet" in str(block(check.question, "history"))) == name.startswith("a chat")
    assert route.context_truncated is (window is not None)
    if window is not None:
        assert size <= window


def test_a_question_that_is_no_more_than_its_prompt_is_said_to_be_there(server: OpenAIServer) -> None:
    script(server, "accept")
    (README | cascade(server)).invoke(GIVEN)
    (check,) = server.calls(verdict=True)
    assert block(check.question, "question") == IN_CONTEXT
    assert str(block(check.question, "context")).endswith(f"Question: {ASKED}")


# with_context is a prompt template


class Facts(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(FACT)]


def test_langchains_own_retrieval_chain(server: OpenAIServer) -> None:
    script(server, "accept")
    prompt = ChatPromptTemplate.from_messages([("system", "From this:\n{context}"), ("human", "{input}")])
    chain = create_retrieval_chain(Facts(), create_stuff_documents_chain(cascade(server), with_context(prompt)))
    with collect_routes() as routes:
        chain.invoke({"input": ASKED})
    (check,) = server.calls(verdict=True)
    assert (block(check.question, "context"), block(check.question, "question")) == (FACT, ASKED)
    assert routes[0].context_source == "message"


@pytest.mark.parametrize(
    ("template", "keys", "question"),
    [
        ("{context} {question}", {}, "question"),
        ("{context} {input} {language}", {}, "input"),
        ("{context} {query} {other}", {}, "query"),
        ("{context} {anything}", {}, "anything"),
        ("{docs} {anything}", {"key": "docs"}, "anything"),
        ("{context} {one} {other}", {}, None),
        ("{context} {one} {other}", {"question_key": "other"}, "other"),
        ("{context}", {}, None),
    ],
)
def test_the_question_is_found_among_the_variables(template: str, keys: dict[str, str], question: str | None) -> None:
    prompt = ChatPromptTemplate.from_messages([("human", template)])
    wrapped = with_context(prompt, **keys)
    assert isinstance(wrapped, BasePromptTemplate)
    assert wrapped.input_variables == prompt.input_variables
    variables = {name: f"the {name}" for name in prompt.input_variables}
    (message,) = wrapped.invoke(variables).to_messages()
    assert message.content == prompt.invoke(variables).to_messages()[0].content
    assert message.additional_kwargs.get(QUESTION) == (f"the {question}" if question else None)
    assert message.additional_kwargs[CONTEXT] == [f"the {keys.get('key', 'context')}"]


async def test_it_is_used_as_the_prompt_it_stands_for() -> None:
    told = with_context(CHATTY).partial(context=FACT)
    assert sorted(told.input_variables) == ["input", "past"]
    given = {"input": ASKED, "past": PAST}
    assert told.format(**given) == CHATTY.format(context=FACT, **given)
    messages = told.format_prompt(**given).to_messages()
    assert (await told.aformat_prompt(**given)).to_messages() == messages
    assert messages[-1].additional_kwargs == {CONTEXT: [FACT], QUESTION: ASKED}
    assert not messages[0].additional_kwargs
    late = with_context(SYSTEM.partial(context=lambda: FACT))
    assert late.invoke({"question": ASKED}).to_messages()[-1].additional_kwargs[CONTEXT] == [FACT]
    assert "{input}" in with_context(CHATTY).pretty_repr()  # type: ignore[attr-defined]
    only = ChatPromptTemplate.from_messages([("human", "{context}"), MessagesPlaceholder("question")])
    asked = with_context(only).invoke({"context": FACT, "question": [HumanMessage("Who?")]})
    assert QUESTION not in asked.to_messages()[-1].additional_kwargs, "messages are no question"


# What is text


def data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DOCUMENTS: dict[str, list[Any]] = {
    "a search result": [
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": FACT}]}
    ],
    "a text document": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": FACT}}],
    "a document of blocks": [
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": FACT}]}}
    ],
    "Bedrock's": [{"document": {"format": "txt", "name": "d", "source": {"text": FACT}}}],
    "a file": [{"type": "file", "mime_type": "text/plain", "base64": data(FACT)}],
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_text_documents_are_the_context(name: str) -> None:
    message = HumanMessage([*DOCUMENTS[name], {"type": "text", "text": ASKED}])
    call = read_messages([SystemMessage("Be brief."), message])
    assert not call.other_content
    assert call.query == Query(ASKED, (FACT,), "", "Be brief.", "message")
    tool = ToolMessage([*DOCUMENTS[name]], tool_call_id="1")
    found = read_messages([HumanMessage(ASKED), AIMessage(""), tool])
    assert (found.query.source, found.query.context, found.other_content) == ("tools", (FACT,), False)
    assert FACT in read_prompt([message, AIMessage("Verrin."), HumanMessage("When?")]).context_text


@pytest.mark.parametrize(
    ("parts", "other"),
    [
        (
            [
                {"type": "text", "text": ASKED, "cache_control": {"type": "ephemeral"}},
                {"cachePoint": {"type": "default"}},
            ],
            False,
        ),
        ([{"type": "text", "text": ASKED, "citations": []}], False),
        ([{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "x"}}], True),
        ([{"type": "document", "source": {"type": "url", "url": "u"}}], True),
        ([{"document": {"format": "pdf", "name": "d", "source": {"bytes": b"x"}}}], True),
        ([{"type": "file", "mime_type": "application/pdf", "base64": "eA=="}], True),
        ([{"type": "file", "mime_type": "text/plain", "base64": "no base64"}], True),
        ([{"type": "search_result", "content": [{"type": "image"}]}], True),
    ],
)
def test_other_content_is_what_is_no_text(parts: list[Any], other: bool) -> None:
    assert has_other_content([HumanMessage(parts)]) is other


def test_parts_of_one_message_do_not_run_into_each_other() -> None:
    parts: list[Any] = [{"type": "text", "text": "It was Oda Verrin."}, {"type": "text", "text": ASKED}]
    assert read_messages([HumanMessage(parts)]).query.question == f"It was Oda Verrin.\n{ASKED}"


ARTIFACTS: list[Any] = [
    [(Document(FACT), 0.9)],
    {"documents": [Document(FACT)], "took": 3},
    {"hits": [{"document": Document(FACT), "score": 1}]},
    [{"page_content": FACT, "metadata": {}}],
]


@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_a_tools_documents_are_found_wherever_its_artifact_holds_them(artifact: Any) -> None:
    found = ToolMessage("(1 result, see artifact)", artifact=artifact, tool_call_id="1")
    turn: Sequence[BaseMessage] = [HumanMessage(ASKED), AIMessage(""), found]
    assert read_messages(turn).query.context == (FACT,)
    later = read_prompt([*turn, AIMessage("Verrin."), HumanMessage("When?")])
    assert FACT in later.context_text, "a later turn has the documents, not the tool's words about them"
    assert "Verrin." not in later.context_text


def test_a_tool_that_failed_found_nothing() -> None:
    failed = ToolMessage("Error: no connection", status="error", tool_call_id="1")
    assert read_messages([HumanMessage(ASKED), AIMessage(""), failed]).query.source == "none"
    found = ToolMessage(FACT, tool_call_id="2")
    assert read_messages([HumanMessage(ASKED), AIMessage(""), failed, found]).query.context == (FACT,)


def test_earlier_answers_are_no_evidence(server: OpenAIServer) -> None:
    script(server, "accept")
    message = cascade(server).invoke([HumanMessage(f"{FACT} Who built it?"), AIMessage("Piet."), HumanMessage("Sure?")])
    (check,) = server.calls(verdict=True)
    assert route_of(message).context_source == "prompt"
    assert "Piet" not in str(block(check.question, "context"))
    assert "Assistant: Piet." in str(block(check.question, "history"))
    assert FACT in str(block(check.question, "context"))
