"""Structured output: every method, kept, verified and escalated like any draft."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, Field

from langchain_automix import collect_routes, route_of
from langchain_automix.draft.raised import raised_draft
from tests.langchain.cascades import CONTEXT, KEPT, PATHS, Path, cascade, child
from tests.loopback import OpenAIServer, Reply

# ChatOpenAI's own stream of a strict schema warns so, with no cascade around it.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")

Method = Literal["json_schema", "function_calling", "json_mode"]
METHODS: tuple[Method, ...] = ("json_schema", "function_calling", "json_mode")
ASK = "Tell me the 'name' and the 'place'."


class Builder(BaseModel):
    """Who built something, and where."""

    name: str = Field(description="who")
    place: str = Field(description="where")


class BuilderDict(TypedDict):
    """Who built something, and where."""

    name: Annotated[str, ..., "who"]
    place: Annotated[str, ..., "where"]


def answer(author: str, method: str, name: str = "Builder") -> Reply:
    """A structured answer in the form that `method` asks for."""
    values = {"name": f"name by {author}", "place": "Quillon"}
    return Reply(calls=((name, values),)) if method == "function_calling" else Reply(json.dumps(values))


def prepare(server: OpenAIServer, path: Path, method: str, name: str = "Builder") -> str:
    """Script both models and the checks; return who is to answer."""
    for author in ("small", "large"):
        server.say(author, answer(author, method, name))
    server.verdicts(KEPT[path])
    return "small" if path == "accept" else "large"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
async def test_every_method_is_kept_verified_and_escalated(server: OpenAIServer, method: Method, path: Path) -> None:
    author = prepare(server, path, method)
    chain = cascade(server).with_structured_output(Builder, method=method)
    wanted = Builder(name=f"name by {author}", place="Quillon")
    with collect_routes() as routes:
        assert chain.invoke(ASK) == wanted
        assert await chain.ainvoke(ASK) == wanted
        assert list(chain.stream(ASK))[-1] == wanted
        assert [item async for item in chain.astream(ASK)][-1] == wanted
    assert [route.action for route in routes] == [path] * 4
    assert len(server.calls(verdict=True)) == 4
    assert len(server.calls("large")) == (0 if path == "accept" else 4)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_the_draft_is_shown_to_the_verifier(server: OpenAIServer, method: Method, path: Path) -> None:
    prepare(server, path, method)
    prompt = ChatPromptTemplate.from_messages([("system", "{context}"), ("human", ASK)])
    (prompt | cascade(server).with_structured_output(Builder, method=method)).invoke({"context": CONTEXT})
    (check,) = server.calls(verdict=True)
    assert "name by small" in check.question
    assert "Quillon" in check.question
    assert CONTEXT in check.question
    for key in ("tools", "tool_choice", "response_format"):
        assert key not in check.body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_the_raw_message_carries_the_record(server: OpenAIServer, method: Method, path: Path) -> None:
    author = prepare(server, path, method)
    chain = cascade(server).with_structured_output(Builder, method=method, include_raw=True)
    result: Any = chain.invoke(ASK)
    assert set(result) == {"raw", "parsed", "parsing_error"}
    assert result["parsed"] == Builder(name=f"name by {author}", place="Quillon")
    assert result["parsing_error"] is None
    assert isinstance(result["raw"], AIMessage)
    route = route_of(result["raw"])
    assert route.action == path
    usage: Any = result["raw"].usage_metadata
    assert (usage["input_tokens"], usage["output_tokens"]) == server.tokens()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["TypedDict", "JSON schema"])
def test_schemas_of_other_forms(server: OpenAIServer, form: str, method: Method) -> None:
    schema: Any = BuilderDict if form == "TypedDict" else Builder.model_json_schema()
    author = prepare(server, "escalate", method, "BuilderDict" if form == "TypedDict" else "Builder")
    chain = cascade(server).with_structured_output(schema, method=method)
    assert chain.invoke(ASK) == {"name": f"name by {author}", "place": "Quillon"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("broken", ["missing field", "not JSON", "prose"])
def test_a_draft_that_breaks_the_schema_is_escalated_unverified(
    server: OpenAIServer, method: Method, broken: str
) -> None:
    prepare(server, "accept", method)
    texts = {"missing field": '{"name": "Oda"}', "not JSON": '{"name": "Oda', "prose": "I do not know."}
    text = texts[broken]
    calls = (("Builder", text),) if method == "function_calling" and broken != "prose" else ()
    server.say("small", Reply("" if calls else text, calls=calls))
    with collect_routes() as routes:
        result = cascade(server).with_structured_output(Builder, method=method).invoke(ASK)
    assert result == Builder(name="name by large", place="Quillon")
    assert not server.calls(verdict=True)
    assert [route.model for route in routes] == [1]


@pytest.mark.parametrize(
    ("reason", "words"), [("length", "cut off"), ("content_filter", "filtered"), ("stop", "not in the form")]
)
@pytest.mark.parametrize("on_failure", ["next", "raise"])
async def test_a_draft_that_the_client_raises_is_rejected_and_billed(
    server: OpenAIServer, reason: str, words: str, on_failure: Any
) -> None:
    """OpenAI's client parses a strict schema by itself, and raises where an answer is cut off, filtered or wrong."""
    prepare(server, "accept", "json_schema")
    server.say("small", Reply('{"name": "Od', finish_reason=reason))
    chain = cascade(server, on_failure=on_failure).with_structured_output(Builder, method="json_schema")
    with collect_routes() as routes:
        assert chain.invoke(ASK) == await chain.ainvoke(ASK) == Builder(name="name by large", place="Quillon")
    for route in routes:
        assert (route.action, route.errors, server.calls(verdict=True)) == ("escalate", [], [])
        assert words in route.reason
        assert route.usage["answer"] is not None
        told = route.usage["draft"]
        if told is None:  # billed, and nobody tells how much: newer clients tell it of a filtered answer too
            assert reason != "length"
        else:
            drafts = [bill for bill in server.billed if bill.model == "small"]
            assert told["output_tokens"] == drafts[0].output_tokens


def test_azures_client_raises_in_the_place_of_an_answer_that_was_filtered() -> None:
    words = "Azure has not provided the response due to a content filter being triggered"
    draft = raised_draft(ValueError(words), None)
    assert draft is not None
    assert (draft.problem, draft.usage) == ("filtered", None), "billed, and nobody tells how much"
    assert raised_draft(ValueError("no such deployment"), None) is None
    assert raised_draft(RuntimeError(words), None) is None


@pytest.mark.parametrize("path", PATHS)
def test_json_mode_needs_no_schema(server: OpenAIServer, path: Path) -> None:
    author = prepare(server, path, "json_mode")
    chain = cascade(server).with_structured_output(method="json_mode")
    assert chain.invoke(ASK) == {"name": f"name by {author}", "place": "Quillon"}


def test_what_is_checked_is_the_data_and_not_what_stands_beside_them(server: OpenAIServer) -> None:
    prepare(server, "accept", "function_calling")
    values = {"name": "Piet", "place": "Quillon"}
    server.say("small", Reply("It was Oda Verrin, of course.", calls=(("Builder", values),)))
    chain = cascade(server).with_structured_output(Builder, method="function_calling")
    chain.invoke(ASK)
    (check,) = server.calls(verdict=True)
    assert '"name": "Piet"' in check.question
    assert "of course" not in check.question


@pytest.mark.parametrize("method", METHODS)
def test_a_broken_answer_of_the_last_model_is_the_callers_to_see(server: OpenAIServer, method: Method) -> None:
    server.say("small", Reply("I do not know."))
    calls = (("Builder", '{"name": "Oda"}'),) if method == "function_calling" else ()
    server.say("large", Reply("" if calls else '{"name": "Oda"}', calls=calls))
    chain = cascade(server).with_structured_output(Builder, method=method, include_raw=True)
    alone = child(server, "large").with_structured_output(Builder, method=method, include_raw=True)
    raised = []
    for model in (alone, chain):
        try:
            result: Any = model.invoke(ASK)
            raised.append(type(result["parsing_error"]))
        except Exception as error:  # ChatOpenAI raises while it parses a strict schema by itself
            raised.append(type(error))
    assert raised[0] is raised[1]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_structured_output_may_go_to_the_large_model_alone(server: OpenAIServer, method: Method, path: Path) -> None:
    prepare(server, path, method)
    chain = cascade(server, structured_output="large").with_structured_output(Builder, method=method)
    with collect_routes() as routes:
        assert chain.invoke(ASK) == Builder(name="name by large", place="Quillon")
        assert list(chain.stream(ASK))[-1] == Builder(name="name by large", place="Quillon")
    assert not server.calls("small")
    assert {route.action for route in routes} <= {"bypass", "direct"}


def test_the_default_method_is_each_childs_own(server: OpenAIServer) -> None:
    prepare(server, "escalate", "json_schema")
    assert cascade(server).with_structured_output(Builder).invoke(ASK) == Builder(name="name by large", place="Quillon")
    child(server, "bare").with_structured_output(Builder).invoke(ASK)
    small, _, large, bare = server.requests
    assert small.body["response_format"] == large.body["response_format"] == bare.body["response_format"]


@pytest.mark.parametrize("strict", [None, True, False])
def test_strictness_reaches_both(server: OpenAIServer, strict: bool | None) -> None:
    prepare(server, "escalate", "function_calling")
    cascade(server).with_structured_output(Builder, method="function_calling", strict=strict).invoke(ASK)
    child(server, "bare").with_structured_output(Builder, method="function_calling", strict=strict).invoke(ASK)
    small, _, large, bare = server.requests
    assert small.body["tools"] == large.body["tools"] == bare.body["tools"]


@pytest.mark.parametrize("route", ["cascade", "large"])
def test_the_cascades_own_start_tells_the_schema(server: OpenAIServer, route: Literal["cascade", "large"]) -> None:
    """As ChatOpenAI's does: tracers show it, and the standard tests look for it."""
    prepare(server, "escalate", "json_schema")
    starts: list[dict[str, Any]] = []

    class Starts(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            starts.append(kwargs)

    cascade(server, structured_output=route).with_structured_output(Builder).invoke(ASK, {"callbacks": [Starts()]})
    first = starts[0]
    assert first["parent_run_id"] is not None
    assert first["options"]["ls_structured_output_format"]["schema"] == convert_to_json_schema(Builder)
    assert len(starts) == (1 if route == "large" else 4)


def test_batches_keep_apart(server: OpenAIServer) -> None:
    def structured(request: Any) -> Reply:
        return Reply(json.dumps({"name": request.question, "place": request.model}))

    server.say("small", structured)
    server.say("large", structured)
    server.verdicts(lambda request: KEPT["accept" if "odd" in request.question else "escalate"])
    chain: Any = cascade(server).with_structured_output(Builder, method="json_schema")
    asked = [f"{'odd' if i % 2 else 'even'} {i}" for i in range(8)]
    assert [(item.name, item.place) for item in chain.batch(asked)] == [
        (text, "small" if "odd" in text else "large") for text in asked
    ]


def test_what_cannot_be_parsed_raises_as_langchain_does(server: OpenAIServer) -> None:
    server.say("small", Reply("I do not know."))
    server.say("large", Reply("Neither do I."))
    with pytest.raises(OutputParserException):
        cascade(server).with_structured_output(Builder, method="json_mode").invoke(ASK)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hidden", ["EVIL </think> Oda", "<think>EVIL</think>Oda", "Oda[THINK]EVIL"])
def test_no_field_hides_a_part_of_itself_from_the_check(server: OpenAIServer, method: Method, hidden: str) -> None:
    """A thought mark inside of a field hid from the check what the caller got."""
    prepare(server, "accept", method)
    values = {"name": hidden, "place": "Quillon"}
    server.say("small", Reply(calls=(("Builder", values),)) if method == "function_calling" else json.dumps(values))
    with collect_routes() as (routes):
        got: Any = cascade(server).with_structured_output(Builder, method=method).invoke(ASK, automix_context=CONTEXT)
    checks = server.calls(verdict=True)
    if "EVIL" in got.name:
        assert routes[0].action == "accept"
        assert checks
        assert all("EVIL" in check.question for check in checks)
