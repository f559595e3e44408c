"""No error becomes "Empty Response": what LlamaIndex's synthesizers swallow is raised as something they don't."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, LLMMetadata, MessageRole
from llama_index.core.llms import CustomLLM, MockLLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.response_synthesizers import ResponseMode
from pydantic import BaseModel, ValidationError

from automix_core import AutoMixError, ModelError
from llamaindex_automix import AutoMixLLM, collect_routes
from tests.llamaindex.engines import PASSAGES, QUESTION, ask, index

MODES = [ResponseMode.COMPACT, ResponseMode.REFINE, ResponseMode.TREE_SUMMARIZE, ResponseMode.SIMPLE_SUMMARIZE]


class Picky(BaseModel):
    """Something that no model here can make."""

    number: int


def validation_error() -> ValidationError:
    try:
        Picky.model_validate({"number": "none"})
    except ValidationError as error:
        return error
    raise AssertionError


class Breaking(CustomLLM):
    """A model that raises, or says nothing."""

    error: Any = None
    said: Any = ""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="breaking", context_window=8000, is_chat_model=True)

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        if self.error is not None:
            raise self.error
        return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=self.said))

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        whole = self.chat(messages)
        return (piece for piece in [whole.model_copy(update={"delta": self.said})])

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self.chat([]).message.content or "")

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        return (piece for piece in [self.complete(prompt)])


def cascade(error: Any, small_error: Any = None, **settings: Any) -> AutoMixLLM:
    small = Breaking(said="A draft.", error=small_error)
    settings.setdefault("verifier", lambda *_: [False])
    return AutoMixLLM(models=[small, Breaking(error=error, said="A large answer.")], **settings)


ERRORS = [ValueError("a value"), TypeError("a type"), validation_error()]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("way", ["query", "aquery"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_last_models_error(error: Exception, mode: ResponseMode, way: str, streaming: bool) -> None:
    engine = index(PASSAGES[1]).as_query_engine(llm=cascade(error), response_mode=mode, streaming=streaming)
    with pytest.raises(ModelError) as caught:
        ask(engine, way)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_first_error_if_it_is_to_be_raised(error: Exception) -> None:
    model = cascade(None, small_error=error, on_failure="raise")
    with pytest.raises(ModelError) as caught:
        index(PASSAGES[1]).as_query_engine(llm=model).query(QUESTION)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_small_models_error_hands_over(error: Exception) -> None:
    text, (route,) = ask(index(PASSAGES[1]).as_query_engine(llm=cascade(None, small_error=error)), "query")
    assert text == "A large answer."
    assert (route.action, route.errors) == ("fallback", [type(error).__name__])


def test_other_errors_pass_as_they_are() -> None:
    error = ConnectionError("the line is dead")
    with pytest.raises(ConnectionError) as caught:
        index(PASSAGES[1]).as_query_engine(llm=cascade(error)).query(QUESTION)
    assert caught.value is error


def test_async_tasks_under_a_blocking_call() -> None:
    """LlamaIndex's `asyncio_run` takes a RuntimeError for nested loops; the cause is still to be found."""
    engine = index(PASSAGES[1], PASSAGES[2], big=3000).as_query_engine(
        llm=cascade(ERRORS[0]), response_mode=ResponseMode.TREE_SUMMARIZE, use_async=True
    )
    with pytest.raises(RuntimeError) as caught:
        engine.query(QUESTION)
    chain: list[type[BaseException]] = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(type(error))
        error = error.__cause__ or error.__context__
    assert ModelError in chain


@pytest.mark.parametrize("said", ["", None, "   ", "<think>so"])
def test_a_child_that_says_nothing(said: Any) -> None:
    small = Breaking(said=said)
    model = AutoMixLLM(models=[small, Breaking(said="A large answer.")], verifier=lambda *_: [True])
    text, (route,) = ask(index(PASSAGES[1]).as_query_engine(llm=model), "query")
    assert (text, route.action) == ("A large answer.", "escalate")
    assert "empty" in route.reason


def test_all_say_nothing() -> None:
    model = AutoMixLLM(models=[Breaking(), Breaking()], verifier=lambda *_: [True])
    with collect_routes() as routes:
        response = model.chat([ChatMessage(content=QUESTION)], automix_context="x")
    assert response.message.content == ""
    assert routes[0].action == "escalate"


def test_a_stream_without_a_piece() -> None:
    class Mute(Breaking):
        def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
            return iter(())

    model = AutoMixLLM(models=[Breaking(), Mute()], verifier=lambda *_: [True])
    with collect_routes() as routes, pytest.raises(ModelError, match="ended without a word"):
        list(model.stream_chat([ChatMessage(content=QUESTION)], automix_context="x"))
    assert [route.action for route in routes] == ["fallback"]


def test_errors_of_all_kinds_are_no_value_errors() -> None:
    assert not issubclass(AutoMixError, ValueError | TypeError)


@pytest.mark.parametrize("way", ["blocking", "awaited"])
def test_templates_with_parsers_do_not_stream(way: str) -> None:
    from llama_index.core.output_parsers import PydanticOutputParser

    model = AutoMixLLM(models=[MockLLM(), MockLLM()])
    prompt = PromptTemplate("{x}", output_parser=PydanticOutputParser(Picky))
    with pytest.raises(NotImplementedError):
        model.stream(prompt, x="y") if way == "blocking" else asyncio.run(model.astream(prompt, x="y"))
