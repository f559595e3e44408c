"""Models that complete texts and don't chat; parsers of answers; contexts that are none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.output_parsers import PydanticOutputParser
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import BaseOutputParser
from pydantic import BaseModel

from automix_core import ConfigError
from llamaindex_automix import AutoMixLLM, SelfVerifier, collect_routes, route_of
from tests.llamaindex.engines import (
    PASSAGES,
    PATHS,
    QUESTION,
    Path,
    ask,
    cascade,
    cases,
    child,
    expected,
    index,
    script,
)
from tests.loopback import OpenAIServer, Reply

TEMPLATE = PromptTemplate("Read {context_str} and say {query_str}")
VALUES = {"context_str": PASSAGES[1], "query_str": QUESTION}


def completing(server: OpenAIServer, **settings: Any) -> AutoMixLLM:
    """A cascade of models without a chat."""
    plain = {"is_chat_model": False, "is_function_calling_model": False}
    return cascade(server, models=[child(server, name, **plain) for name in ("small", "large")], **settings)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("way", ["query", "aquery"])
def test_models_that_only_complete_are_asked_for_completions(
    server: OpenAIServer, way: str, streaming: bool, path: Path
) -> None:
    script(server, path)
    engine = index(PASSAGES[1]).as_query_engine(llm=completing(server), streaming=streaming)
    text, (route,) = ask(engine, way)
    assert text == expected(path)
    assert (route.action, route.context_source) == (path, "template")
    assert {request.path.rpartition("/v1")[2] for request in server.requests} == {"/completions"}
    assert all(PASSAGES[1] in case for case in cases(server))


class Shouting(BaseOutputParser):
    """Asks for capitals and gives them."""

    def parse(self, output: str) -> str:
        return output.upper()

    def format(self, query: str) -> str:
        return f"{query}\n\nSHOUT!"


@pytest.mark.parametrize("chats", [True, False])
@pytest.mark.parametrize("path", PATHS)
def test_the_wishes_of_an_output_parser_reach_every_model(server: OpenAIServer, path: Path, chats: bool) -> None:
    script(server, path)
    make = cascade if chats else completing
    said = make(server, output_parser=Shouting()).predict(TEMPLATE, **VALUES)
    assert said == expected(path).upper()
    answering = server.calls(verdict=False)
    assert answering
    assert all("SHOUT!" in request.text for request in answering)


def test_an_output_parser_reads_what_was_answered(server: OpenAIServer) -> None:
    class Built(BaseModel):
        who: str

    script(server, "accept")
    server.say("small", Reply('{"who": "Oda Verrin"}'))
    said = cascade(server, output_parser=PydanticOutputParser(output_cls=Built)).predict(TEMPLATE, **VALUES)
    assert "Oda Verrin" in str(said)


@pytest.mark.parametrize("context", [ChatMessage(PASSAGES[1]), [ChatMessage(PASSAGES[1])]])
def test_a_message_may_be_the_context(server: OpenAIServer, context: Any) -> None:
    script(server, "accept")
    response = cascade(server).chat([ChatMessage(QUESTION)], automix_context=context)
    assert route_of(response).context_source == "argument"
    assert all(f">\n{PASSAGES[1]}\n</context" in case for case in cases(server))


@pytest.mark.parametrize("way", ["chat", "complete", "stream_chat"])
def test_a_context_of_another_kind_is_refused_by_name(server: OpenAIServer, way: str) -> None:
    script(server, "accept")
    asked: Any = QUESTION if way == "complete" else [ChatMessage(QUESTION)]
    with pytest.raises(ConfigError, match="A context must be text, nodes or a list of them, not int"):
        getattr(cascade(server), way)(asked, automix_context=[7])
    assert server.requests == []


def test_a_verifier_without_a_model_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="SelfVerifier has no model of its own; pass model="):
        SelfVerifier()({"context": PASSAGES[1], "question": QUESTION, "answer": "Oda"})


@pytest.mark.parametrize("size", [0, -1])
def test_a_window_must_hold_something(server: OpenAIServer, size: int) -> None:
    with pytest.raises(ConfigError, match=f"context_window must be 1 or more, not {size}"):
        cascade(server, context_window=size)


@pytest.mark.parametrize("way", ["predict_and_call", "apredict_and_call"])
def test_tools_are_called_by_the_last_model_alone(server: OpenAIServer, way: str) -> None:
    from llama_index.core.tools import FunctionTool

    def steps(building: str) -> str:
        """How many steps a building has."""
        return f"{building}: 211"

    script(server, "accept")
    server.say("large", Reply(calls=(("steps", {"building": "lighthouse"}),)))
    tool = FunctionTool.from_defaults(steps)
    with collect_routes() as routes:
        called = getattr(cascade(server), way)([tool], user_msg="How many steps?")
        said = asyncio.run(called) if way.startswith("a") else called
    assert str(said) == "lighthouse: 211"
    assert {request.model for request in server.requests} == {"large"}
    assert [route.action for route in routes] == ["bypass"]
