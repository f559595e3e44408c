"""Children make no run of their own where nobody would hear of it, and say the same with one and without."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager, get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ChatMessage, HumanMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI

from automix_core import Always
from langchain_automix import AutoMixChatModel, SelfVerifier, route_of
from tests.langchain.cascades import PATHS, Path, cascade, child, expected, script
from tests.loopback import OpenAIServer

MESSAGES = [HumanMessage("Who built it?")]
TIMED = ("id", "seconds", "steps", "reason")


class Ears(BaseCallbackHandler):
    """Notes the runs that begin."""

    def __init__(self) -> None:
        self.heard: list[str | None] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, *, name: str | None = None, **_: Any) -> None:
        self.heard.append(name)


async def asked(model: Any, way: str, **config: Any) -> AIMessage:
    match way:
        case "invoke":
            found = model.invoke(MESSAGES, config)
        case "ainvoke":
            found = await model.ainvoke(MESSAGES, config)
        case "stream":
            found = add_ai_message_chunks(*model.stream(MESSAGES, config))
        case _:
            found = add_ai_message_chunks(*[chunk async for chunk in model.astream(MESSAGES, config)])
    assert isinstance(found, AIMessage)
    return found


WAYS = ("invoke", "ainvoke", "stream", "astream")


@pytest.fixture
def managers(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is appended to with each run that core prepares."""
    made: list[object] = []
    for name in ("configure", "aconfigure"):
        _counted(monkeypatch, name, made)
    return made


def _counted(monkeypatch: pytest.MonkeyPatch, name: str, made: list[object]) -> None:
    from langchain_core.callbacks import AsyncCallbackManager

    for kind in (CallbackManager, AsyncCallbackManager):
        if (core := getattr(kind, name, None)) is not None:
            monkeypatch.setattr(kind, name, _noting(core, made))


def _noting(core: Callable[..., Any], made: list[object]) -> Callable[..., Any]:
    def configure(*args: Any, **kwargs: Any) -> Any:
        made.append(core)
        return core(*args, **kwargs)

    return configure


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("settings", [{}, {"streaming": True}, {"n": 1, "temperature": 0.5}])
async def test_with_a_listener_and_without_the_same_is_asked_and_said(
    server: OpenAIServer, path: Path, way: str, settings: dict[str, Any], managers: list[object]
) -> None:
    script(server, path)
    model = cascade(server, models=[child(server, name, **settings) for name in ("small", "large")])
    ears, told = Ears(), []
    for callbacks in ([ears], None):
        before, prepared = len(server.requests), len(managers)
        message = await asked(model, way, callbacks=callbacks)
        route = {name: value for name, value in route_of(message).to_dict().items() if name not in TIMED}
        said = {name: value for name, value in message.response_metadata.items() if name not in ("automix", "id")}
        bodies = [request.body for request in server.requests[before:]]
        told.append((message.text, message.usage_metadata, said, route, bodies))
    assert told[0] == told[1]
    assert told[1][0] == expected(path)
    assert len(ears.heard) == (3 if path == "accept" else 4)
    own = 2 if way.endswith("stream") else 1  # streams look at the run before it begins
    assert len(managers) - prepared == own, "the cascade's own run alone"


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_listens_hears_the_children(server: OpenAIServer, way: str) -> None:
    """A callback of the child's own, of a binding, and of the context."""
    script(server, "escalate")
    ears = Ears()
    bound = child(server, "large").with_config(callbacks=[ears])
    await asked(cascade(server, models=[child(server, "small", callbacks=[ears]), bound]), way)
    assert len(ears.heard) == 3
    with get_usage_metadata_callback() as usage:
        message = await asked(cascade(server), way)
    spent = sum(tokens["total_tokens"] for tokens in usage.usage_metadata.values())
    assert spent == route_of(message).to_dict()["usage"]["total"]["total_tokens"]


@pytest.mark.parametrize("name", ["generate", "agenerate", "stream", "astream"])
async def test_a_tool_that_watches_cores_methods_sees_the_children(
    server: OpenAIServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some monitoring tools listen to no callback: they put a method of their own in the place of core's."""
    script(server, "escalate")
    model, seen, core = cascade(server), [], getattr(BaseChatModel, name)

    @functools.wraps(core)
    def watching(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(type(self))
        return core(self, *args, **kwargs)

    monkeypatch.setattr(BaseChatModel, name, watching)
    await asked(model, {"generate": "invoke", "agenerate": "ainvoke"}.get(name, name))
    assert ChatOpenAI in seen


class Unusual(BaseChatModel):
    """Says in pieces that bear no end, or nothing at all."""

    pieces: tuple[str, ...] = ("Oda ", "Verrin.")

    @property
    def _llm_type(self) -> str:
        return "unusual"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(self.pieces)))])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self.pieces:
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece), generation_info={"finish_reason": "stop"})


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("callbacks", [None, [Ears()]])
async def test_streams_end_as_cores_do(way: str, callbacks: Any) -> None:
    model = AutoMixChatModel(models=[Unusual(), Unusual()], policy=Always(1))
    found = await asked(model, way, callbacks=callbacks)
    assert (found.text, found.response_metadata["finish_reason"]) == ("Oda Verrin.", "stopstop")
    empty = AutoMixChatModel(models=[Unusual(), Unusual(pieces=())], policy=Always(1))
    with pytest.raises(ValueError, match="No generation chunks were returned"):
        await asked(empty, way, callbacks=callbacks)


@pytest.mark.parametrize("way", WAYS)
async def test_a_models_own_cache_and_pace_are_kept(
    server: OpenAIServer, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(server, "escalate")
    waited: list[bool] = []

    def acquire(self: object, *, blocking: bool = True) -> bool:
        waited.append(blocking)
        return True

    async def aacquire(self: object, *, blocking: bool = True) -> bool:
        waited.append(blocking)
        return True

    monkeypatch.setattr(InMemoryRateLimiter, "acquire", acquire)
    monkeypatch.setattr(InMemoryRateLimiter, "aacquire", aacquire)
    small = child(server, "small", cache=InMemoryCache())
    model = cascade(server, models=[small, child(server, "large", rate_limiter=InMemoryRateLimiter())])
    for _ in range(2):
        await asked(model, way)
    assert len(server.calls("small", verdict=False)) == 1
    assert waited == [True, True]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("callbacks", [None, [Ears()]])
async def test_a_message_of_another_kind_is_an_answer_too(way: str, callbacks: Any) -> None:
    class Chatty(Unusual):
        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
            return ChatResult(generations=[ChatGeneration(message=ChatMessage(role="bot", content="Oda Verrin."))])

    models = [Chatty(disable_streaming=True), Chatty(disable_streaming=True)]
    found = await asked(AutoMixChatModel(models=models, policy=Always(1)), way, callbacks=callbacks)
    assert found.text == "Oda Verrin."


async def test_what_is_no_plain_model_is_asked_as_ever(server: OpenAIServer) -> None:
    script(server, "escalate")
    heard: list[Any] = []

    def passed_on(messages: Any) -> Any:
        heard.append(messages)
        return messages

    chain: Any = RunnableLambda(passed_on) | child(server, "large")
    small = child(server, "small").with_retry(stop_after_attempt=2)
    message = await asked(cascade(server, models=[small, chain], verifier=SelfVerifier(k=2)), "ainvoke")
    assert (message.text, len(heard)) == (expected("escalate"), 1)


def test_a_request_for_several_choices_is_billed_once(server: OpenAIServer, managers: list[object]) -> None:
    script(server, "accept")
    model = cascade(server, k=4)
    heard = model.invoke(MESSAGES, {"callbacks": [Ears()]})
    assert heard.usage_metadata == model.invoke(MESSAGES).usage_metadata
    assert len(server.calls("small", verdict=True)) == 2
