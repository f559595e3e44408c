"""Every stream of every host shows the answer once, live, and nothing of drafts or verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, StreamingStdOutCallbackHandler
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from langgraph.graph import START, MessagesState, StateGraph

from automix_core import Route
from langchain_automix import AutoMixChatModel, route_of
from tests.langchain.cascades import (
    DRAFT,
    KEPT,
    LARGE,
    PATHS,
    PRIVATE,
    Path,
    cascade,
    child,
    eventually,
    expected,
    script,
)
from tests.loopback import Gate, OpenAIServer, Reply
from tests.loopback.streams import ASYNC, SYNC, chain, graph, read
from tests.loopback.streams import INPUT as ASKED
from tests.loopback.streams import MESSAGES as GRAPH_ASKED

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*version='v1' is deprecated:Warning"),  # v1 is what is tested
    pytest.mark.filterwarnings("ignore:astream_log is deprecated:Warning"),  # likewise
    pytest.mark.filterwarnings(
        "ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning"
    ),  # beta upstream
]

STREAMS = [*SYNC, *ASYNC]


class Speaking(GenericFakeChatModel):
    """A fake that can be offered tools."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        return self


def fakes(path: Path) -> AutoMixChatModel:
    """A cascade of fakes: the small one cannot stream, the large one streams word by word."""
    small = Speaking(messages=iter([AIMessage(DRAFT)]), disable_streaming=True)
    large = Speaking(messages=iter([AIMessage(LARGE)]))
    verdicts = [path == "accept"] * 2
    return AutoMixChatModel(models=[small, large], verifier=lambda context, question, answer, n: verdicts)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_answer_once_and_nothing_else(server: OpenAIServer, name: str, path: Path) -> None:
    script(server, path)
    seen = read(name, cascade(server))
    assert seen.text == expected(path)
    assert (len(seen.pieces) == 1) == (path == "accept"), "a kept draft is one chunk, a finishing answer comes live"
    for word in PRIVATE[path]:
        assert word not in seen.everything
    assert len(server.calls(verdict=True)) == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", STREAMS)
def test_the_same_with_fakes_and_a_callable_verifier(name: str, path: Path) -> None:
    seen = read(name, fakes(path))
    assert seen.text == expected(path)
    assert (len(seen.pieces) == 1) == (path == "accept")
    assert PRIVATE[path][0] not in seen.everything


@pytest.mark.parametrize("name", STREAMS)
def test_small_children_that_stream_by_themselves_do_not_leak(server: OpenAIServer, name: str) -> None:
    script(server, "escalate")
    model = cascade(server, models=[child(server, "small", streaming=True), child(server, "large", streaming=True)])
    seen = read(name, model)
    assert seen.text == LARGE
    for word in PRIVATE["escalate"]:
        assert word not in seen.everything


@pytest.mark.parametrize("name", STREAMS)
def test_the_large_models_tokens_are_live(server: OpenAIServer, name: str) -> None:
    """The server sends piece i + 1 only after piece i was read at the far end of the host."""
    script(server, "escalate")
    gate = Gate()
    server.say("large", Reply(LARGE, gate=gate))
    sent_when_read: list[int] = []

    def take(piece: str) -> None:
        sent_when_read.append(gate.sent)
        gate.open()

    seen = read(name, cascade(server), take)
    assert seen.text == LARGE
    assert not gate.starved
    assert sent_when_read == list(range(1, len(LARGE.split()) + 1))


@pytest.mark.parametrize("path", PATHS)
def test_chunks_add_up_to_the_invoked_message(server: OpenAIServer, path: Path) -> None:
    script(server, path)
    model = cascade(server)
    invoked = model.invoke("hello")
    chunks = list(model.stream("hello"))
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    assert [chunk.chunk_position for chunk in chunks if chunk.chunk_position] == ["last"]
    assert chunks[-1].chunk_position == "last"
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.text == invoked.text
    assert whole.usage_metadata == invoked.usage_metadata
    assert whole.response_metadata["model_name"] == invoked.response_metadata["model_name"]
    streamed, direct = route_of(whole), route_of(invoked)
    assert untimed(streamed) == untimed(direct)


def untimed(route: Route) -> dict[str, Any]:
    """The record, without what differs from call to call."""
    plain = route.to_dict()
    steps = [{**step, "seconds": None} for step in plain["steps"]]
    return {**plain, "id": "", "seconds": None, "steps": steps}


@pytest.mark.parametrize("path", PATHS)
async def test_v3_events_are_valid(server: OpenAIServer, path: Path) -> None:
    script(server, path)
    model = cascade(server)
    assert_valid_event_stream(list(model.stream_events("hello", version="v3")))
    stream = await model.astream_events("hello", version="v3")
    assert_valid_event_stream([event async for event in stream])
    assert (await stream.output).text == expected(path)


class Tokens(BaseCallbackHandler):
    """A user's handler of tokens, which also counts model starts and ends."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.starts = self.ends = 0

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(token)

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.starts += 1

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ends += 1


class AsyncTokens(AsyncCallbackHandler):
    """The same as a coroutine."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    async def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(token)


class Events(BaseCallbackHandler):
    """A user's handler of v3 events."""

    def __init__(self) -> None:
        self.text = ""
        self.starts = 0

    def on_stream_event(self, event: Any, **kwargs: Any) -> None:
        self.starts += event["event"] == "message-start"
        if event["event"] == "content-block-delta":
            self.text += event["delta"].get("text", "")


@pytest.mark.parametrize("children_stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_a_users_token_handler_sees_each_token_once(
    server: OpenAIServer, path: Path, children_stream: bool
) -> None:
    script(server, path)
    children = [child(server, name, streaming=children_stream) for name in ("small", "large")]
    model = cascade(server, models=children)
    handler, waiting = Tokens(), AsyncTokens()
    assert "".join(chain(model).stream(ASKED, {"callbacks": [handler]})) == expected(path)
    assert "".join(handler.tokens) == expected(path)
    runs = 3 if path == "accept" else 4  # the composite, draft, one request for the verdicts, answer
    assert (handler.starts, handler.ends) == (runs, runs), "starts and ends of the children are not withheld"
    handler = Tokens()
    config: RunnableConfig = {"callbacks": [handler, waiting]}
    assert "".join([piece async for piece in chain(model).astream(ASKED, config)]) == expected(path)
    assert "".join(handler.tokens) == expected(path)
    assert "".join(waiting.tokens) == expected(path)


@pytest.mark.parametrize("children_stream", [False, True])
async def test_a_users_token_handler_is_silent_where_nothing_streams(
    server: OpenAIServer, children_stream: bool
) -> None:
    script(server, "escalate")
    children = [child(server, name, streaming=children_stream) for name in ("small", "large")]
    model = cascade(server, models=children)
    for attached in (True, False):
        handler, waiting = Tokens(), AsyncTokens()
        config: RunnableConfig = {"callbacks": [handler, waiting]} if attached else {}
        bound = model if attached else cascade(server, models=children, callbacks=[handler, waiting])
        assert bound.invoke("hello", config).text == LARGE
        assert (await bound.ainvoke("hello", config)).text == LARGE
        assert "Smallish" not in "".join(handler.tokens)
        assert "Verdict" not in "".join(handler.tokens)


@pytest.mark.parametrize("how", ["stream", "v3"])
def test_handlers_of_the_model_itself_see_each_token_once(server: OpenAIServer, how: str) -> None:
    script(server, "escalate")
    tokens, events = Tokens(), Events()
    model = cascade(server, callbacks=[tokens, events])
    _ = list(model.stream("hello")) if how == "stream" else list(model.stream_events("hello", version="v3"))
    assert (("".join(tokens.tokens)) if how == "stream" else events.text) == LARGE


@pytest.mark.parametrize("path", PATHS)
async def test_nodes_that_stream_by_themselves(server: OpenAIServer, path: Path) -> None:
    script(server, path)
    model = cascade(server)

    def answer(state: MessagesState) -> dict[str, Any]:
        chunks = list(model.stream(state["messages"]))
        return {"messages": [sum(chunks[1:], chunks[0])]}

    async def aanswer(state: MessagesState) -> dict[str, Any]:
        chunks = [chunk async for chunk in model.astream(state["messages"])]
        return {"messages": [sum(chunks[1:], chunks[0])]}

    for node in (answer, aanswer):
        builder = StateGraph(MessagesState)
        builder.add_node("answer", node)
        builder.add_edge(START, "answer")
        compiled: Any = builder.compile()
        parts = [part async for part in compiled.astream(GRAPH_ASKED, stream_mode="messages")]
        assert "".join(part[0].text for part in parts) == expected(path)
        for word in PRIVATE[path]:
            assert word not in repr(parts)


@pytest.mark.parametrize("path", PATHS)
def test_a_users_v3_handler_sees_each_event_once(server: OpenAIServer, path: Path) -> None:
    script(server, path)
    handler = Events()
    list(cascade(server).stream_events("hello", version="v3", config={"callbacks": [handler]}))
    assert (handler.text, handler.starts) == (expected(path), 1)


def test_printing_to_the_terminal(server: OpenAIServer, capsys: pytest.CaptureFixture[str]) -> None:
    script(server, "escalate")
    list(cascade(server).stream("hello", {"callbacks": [StreamingStdOutCallbackHandler()]}))
    assert capsys.readouterr().out == LARGE


def test_two_streams_read_in_turns(server: OpenAIServer) -> None:
    """Interleaved generators of one instance in one thread keep apart."""
    server.say("small", lambda request: f"draft {request.question}")
    server.say("large", lambda request: f"{request.question} says the large model")
    server.verdicts(KEPT["escalate"])
    model = cascade(server)
    left, right = model.stream("left"), model.stream("right")
    texts = {"left": "", "right": ""}
    routes = []
    open_streams = {"left": left, "right": right}
    while open_streams:
        for side, stream in list(open_streams.items()):
            chunk = next(stream, None)
            if chunk is None:
                del open_streams[side]
                continue
            texts[side] += chunk.text
            route = route_of(chunk, None)
            if route is not None:
                routes.append(route.action)
    assert texts == {side: f"{side} says the large model" for side in texts}
    assert routes == ["escalate", "escalate"]


async def test_closing_a_stream_stops_the_large_model(server: OpenAIServer) -> None:
    script(server, "escalate")
    server.say("large", Reply(LARGE, gate=Gate()))
    stream = cascade(server).astream("hello")
    async for chunk in stream:
        if chunk.text:
            break
    await stream.aclose()  # type: ignore[attr-defined]
    await eventually(lambda: server.disconnects == 1)


@pytest.mark.parametrize("name", ["LangGraph messages", "LangGraph messages, async"])
def test_a_nested_cascade_streams_cleanly(server: OpenAIServer, name: str) -> None:
    script(server, "escalate")
    server.say("largest", "Finally the largest speaks.")
    inner = cascade(server)
    outer = cascade(server, models=[inner, child(server, "largest")])
    seen = read(name, outer)
    assert seen.text == "Finally the largest speaks."
    for word in (*PRIVATE["escalate"], "Largely"):
        assert word not in seen.everything


def test_graph_state_holds_the_answer_alone(server: OpenAIServer) -> None:
    script(server, "escalate")
    out = graph(cascade(server)).invoke(GRAPH_ASKED)
    assert [message.text for message in out["messages"]][-1] == LARGE
    assert len(out["messages"]) == 3


def test_large_children_that_cannot_stream_give_one_chunk(server: OpenAIServer) -> None:
    script(server, "escalate")
    large: BaseChatModel = child(server, "large", disable_streaming=True)
    seen = read("stream", cascade(server, models=[child(server, "small"), large]))
    assert seen.pieces == [LARGE]
