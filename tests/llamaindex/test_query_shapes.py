"""What a check shows of LlamaIndex's templates and messages: the retrieved text once, and all that else is said."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import MockEmbedding, SQLDatabase
from llama_index.core.base.llms.types import (
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)
from llama_index.core.llms.mock import MockLLM
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.query_engine import NLSQLTableQueryEngine
from sqlalchemy import create_engine, text

from automix_core import ConfigError
from automix_core.checking.query import Query
from automix_core.checking.turns import turns
from llamaindex_automix import route_of
from llamaindex_automix.query.passages import has_other_content
from llamaindex_automix.query.reading import read_messages, read_template
from tests.cases import block
from tests.llamaindex.engines import DRAFT, QUESTION, ask, cascade, child, index, script
from tests.loopback import OpenAIServer

FACT = "The lighthouse of Quillon was built by Oda Verrin in 1874, and it has 211 steps."
BIG = "\n\n".join(f"Passage {number}: {FACT}" for number in range(300))
FIXED = sum(len(said) for _, said in turns(Query(""), DRAFT))
SYSTEM, USER = MessageRole.SYSTEM, MessageRole.USER

TEMPLATES: dict[str, tuple[Any, str]] = {
    "the default": (None, ""),
    "a text": (
        PromptTemplate("Today is {today}. Answer in French.\nNotes: {context_str}\nQ: {query_str}\nA:").partial_format(
            today="2026-11-25"
        ),
        "Today is 2026-11-25. Answer in French.\nNotes: (the context)\nQ: (the question)\nA:",
    ),
    "only variables": (PromptTemplate("{context_str}\n{query_str}"), ""),
    "a chat": (
        ChatPromptTemplate(
            [
                ChatMessage("Answer from {context_str}", role=SYSTEM),
                ChatMessage("In French, please: {query_str}", role=USER),
            ]
        ),
        "Answer from (the context)\n\nIn French, please: (the question)",
    ),
    "a chat in one message": (
        ChatPromptTemplate([ChatMessage("Use {context_str}\nTo answer {query_str}", role=USER)]),
        "Use (the context)\nTo answer (the question)",
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_all_that_a_template_says_is_shown_and_the_context_once(server: OpenAIServer, name: str) -> None:
    template, said = TEMPLATES[name]
    settings = {} if template is None else {"text_qa_template": template}
    script(server, "accept")
    models = [child(server, name, context_window=100_000) for name in ("small", "large")]
    engine = index(BIG).as_query_engine(llm=cascade(server, models=models, k=1), **settings)
    _, routes = ask(engine, "query")
    (check,) = server.calls(verdict=True)
    assert block(check.question, "context") == BIG
    assert block(check.question, "question") == QUESTION
    assert (block(check.question, "instructions") or "") == said
    assert sum(len(message["content"]) for message in check.messages) <= 1.1 * (len(BIG) + FIXED)
    assert routes[0].context_source == "template"


def test_the_earlier_answer_of_a_users_refine_template_stands_once(server: OpenAIServer) -> None:
    script(server, "accept")
    template = PromptTemplate("So far: {existing_answer}\nNow read {context_msg}\nAnswer {query_str} again, in verse.")
    model = cascade(server, k=1)
    model.predict(template, existing_answer="Somebody built it.", context_msg=FACT, query_str=QUESTION)
    (check,) = server.calls(verdict=True)
    assert check.question.count("Somebody built it.") == 1
    assert "in verse" in str(block(check.question, "instructions"))


def test_a_sql_result_is_shown_with_its_statement(server: OpenAIServer) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE towns (name TEXT, inhabitants INTEGER)"))
        connection.execute(text("INSERT INTO towns VALUES ('Quillon', 3412)"))
    script(server, "accept")
    server.say("large", "SELECT inhabitants FROM towns WHERE name = 'Quillon'")
    server.say("small", "Quillon has 3,412 inhabitants.")
    llm, embedding = cascade(server, k=1), MockEmbedding(2)
    towns = NLSQLTableQueryEngine(SQLDatabase(engine), tables=["towns"], llm=llm, embed_model=embedding)
    answer, routes = ask(towns, "query", "How many people live in Quillon?")
    assert answer == "Quillon has 3,412 inhabitants."
    assert [route.action for route in routes] == ["bypass", "accept"]
    (check,) = server.calls(verdict=True)
    assert "3412" in str(block(check.question, "context"))
    assert "SELECT inhabitants FROM towns" in str(block(check.question, "instructions"))


CACHE = CachePoint(cache_control=CacheControl(type="ephemeral"))
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


def test_a_cache_mark_in_a_template_is_no_content() -> None:
    template = ChatPromptTemplate(
        [
            ChatMessage(role=SYSTEM, blocks=[TextBlock(text="Long rules."), CACHE]),
            ChatMessage("{context_str}\n{query_str}", role=USER),
        ]
    )
    call = read_template(template, {"context_str": FACT, "query_str": QUESTION}, MockLLM())
    assert not call.other_content
    assert call.query == Query(QUESTION, (FACT,), instructions="Long rules.", source="template")


BLOCKS: list[tuple[list[Any], bool]] = [
    ([TextBlock(text=QUESTION), CACHE], False),
    ([TextBlock(text=QUESTION), ThinkingBlock(content="Hm.")], False),
    ([CitableBlock(title="t", source="s", content=[TextBlock(text=FACT)]), TextBlock(text=QUESTION)], False),
    (
        [
            CitationBlock(
                cited_content=TextBlock(text=FACT), source="s", title="t", additional_location_info={"page": 1}
            ),
            TextBlock(text=QUESTION),
        ],
        False,
    ),
    ([DocumentBlock(data=FACT.encode(), document_mimetype="text/plain"), TextBlock(text=QUESTION)], False),
    ([DocumentBlock(data=b"%PDF-1.7", document_mimetype="application/pdf"), TextBlock(text=QUESTION)], True),
    ([DocumentBlock(url="https://example.org/a.txt", document_mimetype="text/plain"), TextBlock(text=QUESTION)], True),
    ([CitableBlock(title="t", source="s", content=[ImageBlock(image=PNG)]), TextBlock(text=QUESTION)], True),
    ([ImageBlock(image=PNG), TextBlock(text=QUESTION)], True),
]


@pytest.mark.parametrize(("blocks", "other"), BLOCKS)
def test_cache_marks_citations_and_text_documents_are_text(blocks: list[Any], other: bool) -> None:
    message = ChatMessage(role=USER, blocks=blocks)
    assert has_other_content([message]) is other
    if not other:
        query = read_messages([message]).query
        brings = any(part.block_type in ("citable", "citation", "document") for part in blocks)
        assert query == Query(QUESTION, (FACT,) if brings else (), source="message" if brings else "none")


def test_earlier_answers_are_no_evidence(server: OpenAIServer) -> None:
    script(server, "accept")
    messages = [
        ChatMessage(f"{FACT} Who built it?", role=USER),
        ChatMessage("Piet Okoro.", role=MessageRole.ASSISTANT),
        ChatMessage("Sure?", role=USER),
    ]
    response = cascade(server, k=1, without_context="prompt").chat(messages)
    assert route_of(response).context_source == "prompt"
    (check,) = server.calls(verdict=True)
    assert "Piet" not in str(block(check.question, "context"))
    assert FACT in str(block(check.question, "context"))
    assert "Assistant: Piet Okoro." in str(block(check.question, "history"))


def test_auxiliary_is_another_name_of_errands(server: OpenAIServer) -> None:
    assert cascade(server).errands == cascade(server).auxiliary == "large"
    assert cascade(server, auxiliary="small").errands == "small"
    assert cascade(server, errands="small").auxiliary == "small"
    assert cascade(server, errands="small", auxiliary="small").errands == "small"
    with pytest.raises(ConfigError, match="auxiliary is another name of errands; give one of them"):
        cascade(server, errands="large", auxiliary="small")
