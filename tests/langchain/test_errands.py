"""Calls that answer nobody's question: those by `errand()`, and those of LangChain's own that are recognised."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import LLMToolSelectorMiddleware, SummarizationMiddleware
from langchain_classic.chains import ConversationalRetrievalChain
from langchain_classic.chains.history_aware_retriever import create_history_aware_retriever
from langchain_classic.evaluation import load_evaluator
from langchain_classic.retrievers import RePhraseQueryRetriever
from langchain_classic.retrievers.document_compressors import LLMChainExtractor, LLMChainFilter
from langchain_classic.retrievers.multi_query import MultiQueryRetriever
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate, FewShotPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool

from automix_core import Route
from automix_core.checking.templates import _loaded as errands_cache
from langchain_automix import AutoMixChatModel, collect_routes
from langchain_automix.query import errands
from tests.langchain.cascades import cascade, script
from tests.loopback import OpenAIServer

FACT = "Oda Verrin built the lighthouse of Quillon."
DOCUMENTS = [Document(FACT)]


class Facts(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return DOCUMENTS


@tool
def look_up(name: str) -> str:
    """Look a name up."""
    return FACT


@tool
def row(to: str) -> str:
    """Row somewhere."""
    return "There."


CONDENSE = ChatPromptTemplate.from_messages(
    [
        ("system", "Write the last question so that it stands alone."),
        MessagesPlaceholder("chat_history"),
        ("human", "{input}"),
    ]
)
PAST = [HumanMessage("Is there a lighthouse?"), AIMessage("There is one.")]


def judged(llm: Any, kind: str) -> Any:
    case = {"input": "Who built it?", "prediction": "Oda.", "reference": "Oda Verrin."}
    judge: Any = load_evaluator(kind, llm=llm)  # type: ignore[arg-type]
    return judge.evaluate_strings(**case)


RECOGNISED: dict[str, Callable[[Any], Any]] = {
    "multi-query": lambda llm: MultiQueryRetriever.from_llm(Facts(), llm=llm).invoke("Who built it?"),
    "rephrasing": lambda llm: RePhraseQueryRetriever.from_llm(Facts(), llm=llm).invoke("Who built it?"),
    "extracting": lambda llm: LLMChainExtractor.from_llm(llm).compress_documents(DOCUMENTS, "Who built it?"),
    "filtering": lambda llm: LLMChainFilter.from_llm(llm).compress_documents(DOCUMENTS, "Who built it?"),
    "judging": lambda llm: judged(llm, "qa"),
}


@pytest.mark.parametrize(("errands", "model"), [("large", 1), ("small", 0)])
@pytest.mark.parametrize("name", RECOGNISED)
def test_langchains_own_errands_are_recognised(server: OpenAIServer, name: str, errands: str, model: int) -> None:
    script(server, "accept")
    server.say(None, "YES\nGRADE: CORRECT")
    with collect_routes() as routes:
        RECOGNISED[name](cascade(server, errands=errands))
    assert routes
    assert {(route.action, route.model) for route in routes} == {("bypass", model)}
    assert not server.calls(verdict=True)


def test_condensing_is_an_errand_and_the_answer_after_it_is_not(server: OpenAIServer) -> None:
    script(server, "accept")
    with collect_routes() as routes:
        chain = ConversationalRetrievalChain.from_llm(cascade(server), Facts())
        chain.invoke({"question": "And who built it?", "chat_history": [("Is there a lighthouse?", "There is one.")]})
    assert [route.action for route in routes] == ["bypass", "accept"]


def middleware(llm: Any, *layers: Any) -> list[Route]:
    agent: Any = create_agent(llm, [look_up, row], middleware=layers)
    with collect_routes() as routes:
        agent.invoke({"messages": [*PAST, HumanMessage("Who built it?")]})
    return routes


def test_summaries_of_the_middleware_are_errands(server: OpenAIServer) -> None:
    script(server, "accept")
    llm = cascade(server)
    routes = middleware(llm, SummarizationMiddleware(model=llm, trigger=("messages", 2), keep=("messages", 1)))
    assert [route.action for route in routes] == ["bypass", "accept"]


@pytest.mark.skipif(
    "lc_source" not in inspect.getsource(inspect.getmodule(LLMToolSelectorMiddleware) or inspect),
    reason="this version of langchain does not mark the calls of its tool selector",
)
def test_selecting_tools_is_an_errand(server: OpenAIServer) -> None:
    script(server, "accept")
    server.say(None, '{"tools": ["look_up"]}', when=lambda request: request.demands_structure)
    llm = cascade(server)
    routes = middleware(llm, LLMToolSelectorMiddleware(model=llm, max_tools=1))
    assert [route.action for route in routes] == ["bypass", "accept"]


@pytest.mark.parametrize("is_errand", [True, False])
def test_a_users_own_prompt_is_an_errand_if_it_is_said_to_be(server: OpenAIServer, is_errand: bool) -> None:
    script(server, "accept")
    llm = cascade(server)
    with collect_routes() as routes:
        retriever = create_history_aware_retriever(llm.errand() if is_errand else llm, Facts(), CONDENSE)
        retriever.invoke({"input": "Who built it?", "chat_history": PAST})
    (route,) = routes
    assert route.action == ("bypass" if is_errand else "accept")


def test_an_errand_model_is_a_chat_model_like_the_other(server: OpenAIServer) -> None:
    script(server, "accept")
    llm = cascade(server, without_context="raise", errands="small", structured_output="large")
    errand = llm.errand()
    assert isinstance(errand, AutoMixChatModel)
    assert errand._get_llm_string() != llm._get_llm_string(), "they share no cached answer"
    assert not llm.only_errands
    with collect_routes() as routes:
        errand.bind_tools([look_up]).invoke("Row.")
        errand.with_structured_output({"title": "T", "type": "object", "properties": {}}, include_raw=True).invoke(
            "Row."
        )
        errand.with_retry().invoke("Row.")
    assert {(route.action, route.model) for route in routes} == {("bypass", 0)}
    assert len(routes) == 3


# What a call looks like from which it is told


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of templates, as if it were LangChain's and somebody had imported it."""
    module = ModuleType("templates_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(errands, "PROMPTS", ((module.__name__, ("PROMPT",)), ("nobody_imported_this", ("PROMPT",))))
    return module


@pytest.mark.parametrize("source", ["summarization", "tool_selection", "tool_emulation", "an_agent", None])
def test_what_the_middleware_marks_is_an_errand_whatever_it_says(source: str | None) -> None:
    messages = [AIMessage("There is one."), HumanMessage("Who built it?")]
    assert errands.is_errand(messages, {"lc_source": source}) is (source not in (None, "an_agent"))


@pytest.mark.parametrize(
    ("template", "text", "found"),
    [
        (PromptTemplate.from_template("Rewrite: {question}"), "Rewrite: Who built it?", True),
        (PromptTemplate.from_template("Rewrite: {question}"), "Please rewrite: Who built it?", False),
        ("Extract {{output}} from {text}", f"Extract NOTHING from {FACT}", True),
        (CONDENSE, "Write the last question so that it stands alone.", False),
        (
            FewShotPromptTemplate(
                examples=[], example_prompt=PromptTemplate.from_template("{a}"), prefix="", suffix="Rewrite: {question}"
            ),
            "Rewrite: Who built it?",
            False,
        ),
        (None, "Rewrite: Who built it?", False),
    ],
)
def test_a_prompt_is_found_by_the_words_of_its_template(
    templates: ModuleType, template: Any, text: str, found: bool
) -> None:
    templates.PROMPT = template  # type: ignore[attr-defined]
    errands_cache.cache_clear()
    assert errands.is_errand([HumanMessage(text)], {}) is found


def test_only_a_user_s_single_message_is_compared_with_the_templates(templates: ModuleType) -> None:
    templates.PROMPT = "Rewrite: {question}"  # type: ignore[attr-defined]
    errands_cache.cache_clear()
    said = "Rewrite: Who built it?"
    assert errands.is_errand([HumanMessage(said)], {})
    assert not errands.is_errand([AIMessage(said)], {})
    assert not errands.is_errand([*PAST, HumanMessage(said)], {})
    assert not errands.is_errand([], {})
