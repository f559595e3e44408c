"""`automix collect --app`: chains, query engines and functions of one's own, with real clients over HTTP."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from automix_cli.collect.app.app import _failure
from automix_cli.collect.app.langchain import _Seen
from automix_cli.collect.retrying import BusyError
from automix_cli.collect.system import CallError
from automix_core.cascade_file.settings import PROMPT, CascadeFile
from automix_core.checking.finish import problem
from automix_core.outcomes.outcome import read_outcomes
from tests.cli.served import ROOT
from tests.cli.test_collect import QUESTIONS, questions
from tests.cli.test_fit import Done, automix
from tests.docs.pasted import blocks
from tests.loopback import OpenAIServer, Reply

pytest.importorskip("langchain_openai", reason="langchain-openai is not installed (extra: demo)")
pytest.importorskip(
    "llama_index.llms.openai_like", reason="llama-index-llms-openai-like is not installed (extra: demo)"
)

PAGE = (ROOT / "docs" / "cli" / "collect.md").read_text("utf-8")
"""What `automix serve` reads, on a page of its own."""

HEAD = """
import os
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_openai import ChatOpenAI
from langchain_automix import AutoMixChatModel, with_context

def llm(model):
    return ChatOpenAI(model=model, base_url=os.environ["LOOPBACK"], api_key="sk-very-secret-key", max_retries=0)

class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document(page_content="The shelf says: in Paris.")]

prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{context} Q: {question}")])

def chain(model):
    found = {"context": Shelf(), "question": RunnablePassthrough()}
    return found | with_context(prompt) | llm(model) | StrOutputParser()

def with_function(model):
    found = {"context": RunnableLambda(lambda question: "Found."), "question": RunnablePassthrough()}
    return found | prompt | llm(model)

def plain(model):
    return prompt | llm(model)

def numbered(model: int):
    return prompt | llm(["small", "large"][model])

def asked(model):
    return lambda question: llm(model).invoke("Say: " + question), llm(model)

def two_arguments(model):
    async def answer(question, context):
        return {"answer": (await llm(model).ainvoke(f"{context} {question}")).text}
    return answer, llm(model)

def disguised(model):
    class OtherError(Exception):
        pass

    def said(question):
        try:
            return llm(model).invoke(question)
        except Exception as error:
            other = OtherError("busy")
            other.response = error.response
            raise other from None
    return said, llm(model)

def cascade(model):
    return prompt | AutoMixChatModel(models=[llm("small"), llm("large")])

def alone(model):
    return lambda question: "Paris"

def nothing(model):
    return None

def several(model):
    return prompt | llm(model) | StrOutputParser() | llm("other")

def strange(model):
    return ChatPromptTemplate.from_template("{topic} {question}") | llm(model)

def needs_more():
    return prompt | llm("small")

def broken(model):
    raise KeyError(model)

def filtered(model):
    def answer(question):
        if model == "small":
            raise ValueError("Azure has not provided the response due to a content filter being triggered")
        return llm(model).invoke(question)
    return answer, llm(model)

number = 3
"""

ENGINE = """
import os
from llama_index.core import Document, SummaryIndex
from llama_index.llms.openai_like import OpenAILike
from llamaindex_automix import AutoMixLLM

index = SummaryIndex.from_documents([Document(text="The shelf says: in Paris."), Document(text="Rain.")])

def llm(model):
    return OpenAILike(model=model, api_base=os.environ["LOOPBACK"], api_key="sk-very-secret-key", is_chat_model=True,
                      max_retries=0)

def engine(model):
    return index.as_query_engine(llm=llm(model))

def pair(model):
    return index.as_query_engine(llm=llm(model)), llm(model)

def asked(model):
    return lambda question: llm(model).complete("Say: " + question), llm(model)

def filtered(model):
    def answer(question):
        if model == "small":
            raise RuntimeError("Response was terminated early: SAFETY")
        return llm(model).complete(question)
    return answer, llm(model)

def cascade(model):
    return index.as_query_engine(llm=AutoMixLLM(models=[llm("small"), llm("large")]))
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        running.say("small", "Paris")
        running.say("large", Reply("Paris.", output_tokens=7, input_tokens=50))
        running.verdicts("Verdict: Correct", "Verdict: Incorrect")
        monkeypatch.setenv("LOOPBACK", running.url)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [*sys.path])
        Path("chains_app.py").write_text(HEAD)
        Path("engines_app.py").write_text(ENGINE)
        yield running
        for name in ("chains_app", "engines_app"):
            sys.modules.pop(name, None)


def collect(app: str, *more: object, fails: int = 0) -> Done:
    path = Path("questions.jsonl")
    file = path if path.exists() else questions(Path())
    models = ["--model=small", "--model=large"] if "--config" not in more else []
    return automix("collect", file, "-o", "o.jsonl", "--app", app, *models, "--json", *more, fails=fails)


APPS = ["chain", "with_function", "plain", "numbered", "asked", "two_arguments"]


@pytest.mark.parametrize("app", [*(f"chains_app:{name}" for name in APPS), "engines_app:engine", "engines_app:pair"])
def test_outcomes_of_an_app(app: str, server: OpenAIServer) -> None:
    """Its own answers, its model's checks, tokens as the server billed them; the same command again asks nobody."""
    facts = json.loads(collect(app, "--k=4", "--price=small=1/2", "--price=large=10/20").stdout)
    outcomes = read_outcomes("o.jsonl")
    assert len(outcomes) == 3
    assert [[model.answer for model in outcome.models] for outcome in outcomes] == [["Paris", "Paris."]] * 3
    assert all(len(outcome.models[0].verdicts) == 4 for outcome in outcomes)
    assert all(set(outcome.models[0].verdicts) == {True, False} for outcome in outcomes)
    if "asked" not in app and "two" not in app:  # what a function calls by itself is not seen
        bills = [bill for bill in server.billed if bill.model == "small" and not bill.verdict]
        spent = sum(bill.input_tokens + 2 * bill.output_tokens for bill in bills) / 1e6
        assert sum(outcome.models[0].cost for outcome in outcomes) == pytest.approx(spent)
        assert sum(outcome.models[1].cost for outcome in outcomes) == pytest.approx(3 * (50 * 10 + 7 * 20) / 1e6)
    checks = [bill for bill in server.billed if bill.verdict]
    drawn = sum(outcome.models[0].verdict_cost.of(4, first=True) for outcome in outcomes)
    assert drawn == pytest.approx(sum(bill.input_tokens + 2 * bill.output_tokens for bill in checks) / 1e6)
    assert facts["failed"] == {}
    before = Path("o.jsonl").read_bytes()
    server.clear()
    collect(app, "--k=4", "--price=small=1/2", "--price=large=10/20")
    assert server.requests == []
    assert Path("o.jsonl").read_bytes() == before
    assert b"sk-very-secret-key" not in Path("o.jsonl.journal").read_bytes()


def test_a_chain_is_checked_as_a_cascade_in_its_place_would_be(server: OpenAIServer) -> None:
    """The context is what was retrieved, the system text is shown as instructions, the draft is the chain's."""
    collect("chains_app:chain")
    check = server.calls("small", verdict=True)[0].question
    assert "The shelf says: in Paris." in check
    assert "Be brief." in check
    assert "{Paris}" not in check  # the question's own context was not used by this chain


def test_a_prompt_without_context_is_the_context(server: OpenAIServer) -> None:
    """And then nothing tells the question apart, so `echo` is missing."""
    collect("chains_app:plain")
    assert "It is in {Paris}. Q: Where is it?" in server.calls("small", verdict=True)[0].question
    signals = read_outcomes("o.jsonl")[0].models[0].signals
    assert "support" in signals
    assert "echo" not in signals
    assert set(read_outcomes("o.jsonl")[0].query_signals) == {"context_words", "passages"}


def test_an_engine_is_checked_against_what_it_found(server: OpenAIServer) -> None:
    collect("engines_app:engine")
    check = server.calls("small", verdict=True)[0].question
    assert "The shelf says: in Paris." in check
    assert "Where is it?" in check
    assert read_outcomes("o.jsonl")[0].models[0].signals["support"] == 1


def test_an_app_that_was_changed_is_asked_again(server: OpenAIServer) -> None:
    collect("chains_app:chain")
    server.clear()
    Path("chains_app.py").write_text(HEAD.replace("Be brief.", "Be very brief."))
    sys.modules.pop("chains_app")
    collect("chains_app:chain")
    assert len(server.calls("small", verdict=False)) == 3


def test_a_draft_of_an_app_that_was_cut_off_is_not_checked(server: OpenAIServer) -> None:
    server.say("small", Reply("Pa", finish_reason="length"))
    for app in ("chains_app:chain", "engines_app:engine"):
        collect(app)
        assert {outcome.models[0].problem for outcome in read_outcomes("o.jsonl")} == {"cut off"}
        Path("o.jsonl.journal").unlink()


@pytest.mark.parametrize("app", ["chains_app:filtered", "engines_app:filtered"])
def test_a_draft_in_whose_place_a_client_raises_is_one_that_is_not_checked(app: str, server: OpenAIServer) -> None:
    """As in a cascade: Azure's client does so in LangChain, and Gemini's in LlamaIndex."""
    collect(app)
    assert {outcome.models[0].problem for outcome in read_outcomes("o.jsonl")} == {"filtered"}
    assert not server.calls("small")


@pytest.mark.parametrize(
    "said",
    [
        {"finish_reason": "length"},
        {"stop_reason": "max_tokens"},
        {"stopReason": "max_tokens"},
        {"done_reason": "length"},
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    ],
)
async def test_a_cut_off_answer_is_known_in_each_clients_words(said: dict[str, Any]) -> None:
    """As in a cascade, which rejects such a draft: Ollama, Bedrock and the Responses API have words of their own."""
    seen = _Seen()
    message = AIMessage("Pa", response_metadata=said)
    await seen.on_llm_end(LLMResult(generations=[[ChatGeneration(message=message)]]), run_id=uuid4())
    assert problem("Pa", seen.finish) == "cut off"


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ({"status_code": 429}, BusyError),
        ({"code": 503}, BusyError),
        ({"response": {"ResponseMetadata": {"HTTPStatusCode": 503}}}, BusyError),
        ({"status_code": 400}, CallError),
        ({}, CallError),
    ],
)
def test_whether_to_ask_again_is_told_by_a_status_wherever_it_lies(
    place: dict[str, Any], kind: type[Exception]
) -> None:
    error = Exception("no")
    error.__dict__.update(place)
    try:
        found: Exception = _failure(error)
    except CallError as refused:
        found = refused
    assert type(found) is kind


@pytest.mark.parametrize("app", ["chain", "disguised"])
def test_a_provider_that_is_busy_is_asked_again(app: str, server: OpenAIServer) -> None:
    """Wherever its client keeps the status: on the error, or on the error's response."""
    server.fail("small", Reply(status=429, headers={"Retry-After": "0"}), times=2)
    collect(f"chains_app:{app}")
    assert len(read_outcomes("o.jsonl")) == 3


def test_a_provider_that_refuses_is_named_without_the_key(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-very-secret-key")
    server.fail("large", Reply(status=401, error="wrong key sk-very-secret-key"))
    said = collect("chains_app:chain", fails=1).stderr
    assert "large can't be asked (" in said
    assert "AuthenticationError: Error code: 401" in said
    assert "sk-very-secret-key" not in said
    assert len(server.calls("small")) == 1


def test_an_app_in_a_configuration(server: OpenAIServer) -> None:
    Path("c.toml").write_text(
        'app = "chains_app:plain"\n[verify]\nk = 2\n[[model]]\nname = "small"\n[[model]]\nname = "large"\n'
    )
    automix("collect", questions(Path(), QUESTIONS), "-o", "o.jsonl", "--config", "c.toml")
    assert [len(outcome.models[0].verdicts) for outcome in read_outcomes("o.jsonl")] == [2, 2, 2]


@pytest.mark.parametrize("place", [0, 1])
def test_the_apps_of_the_page(place: int, server: OpenAIServer) -> None:
    """As a reader would save and run them, with another address."""
    block = blocks(PAGE)[place].text.replace("http://127.0.0.1:11434/v1", server.url)
    for name, model in (("qwen2.5:0.5b", "small"), ("qwen2.5:7b", "large")):
        block = block.replace(name, model)
    Path("page_app.py").write_text(block)
    sys.modules.pop("page_app", None)
    collect("page_app:app")
    assert "The lighthouse was built by Oda Verrin." in server.calls("small", verdict=True)[0].question
    assert len(read_outcomes("o.jsonl")) == 3


def test_the_page_tells_the_prompt_and_a_configuration() -> None:
    """The prompt as it is, and a configuration that can be read."""
    assert f"```text\n{PROMPT}\n```" in PAGE
    shown = CascadeFile.model_validate(tomllib.loads(PAGE.split("```toml\n")[1].split("```")[0]))
    assert [model.name for model in shown.model] == ["small", "large"]


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("chains_app", "--app must be module:function, not 'chains_app'."),
        ("nowhere:chain", "--app 'nowhere:chain' can't be imported: ModuleNotFoundError: No module named 'nowhere'."),
        ("chains_app:none", "--app 'chains_app:none' can't be imported: AttributeError"),
        ("chains_app:number", "--app 'chains_app:number' is not a function"),
        ("chains_app:needs_more", "It is called with one argument, a model's name"),
        ("chains_app:broken", "--app 'chains_app:broken' raised KeyError for the model 'small': 'small'."),
        ("chains_app:alone", "returned a function; return its model too, which checks the drafts: (function, model)"),
        ("chains_app:nothing", "returned NoneType; it must return a LangChain Runnable, a LlamaIndex query engine or"),
        ("chains_app:several", "2 models were found in it, so it is not clear which one checks the drafts"),
        ("chains_app:cascade", "answers with a cascade; give it the model that it is called with"),
        ("engines_app:cascade", "answers with a cascade; give it the model that it is called with"),
        ("chains_app:strange", "the chain wants 'topic' as input; a question has question and context"),
    ],
)
def test_apps_that_are_none(app: str, words: str, server: OpenAIServer) -> None:
    assert words in collect(app, fails=2).stderr
    assert server.requests == []


def test_an_app_has_its_own_prompt_and_models(server: OpenAIServer) -> None:
    Path("c.toml").write_text('prompt = "{context} {question} please"\n[[model]]\nname = "s"\n[[model]]\nname = "l"\n')
    assert (
        "chains_app:plain has its own; leave out prompt"
        in collect("chains_app:plain", "--config", "c.toml", fails=2).stderr
    )
    models = [f"--model=small={server.url}#s", f"--model=large={server.url}#l"]
    said = automix("collect", questions(Path()), "-o", "o", "--app=chains_app:plain", *models, fails=2).stderr
    assert "small has a url, but chains_app:plain says where its models are" in said
