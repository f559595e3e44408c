"""Workflows of one's own: a step that asks the cascade is routed, streamed or not, with several steps at once."""

from __future__ import annotations

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step

from llamaindex_automix import AutoMixLLM, collect_routes
from tests.llamaindex.engines import PASSAGES, PATHS, QUESTION, Path, cascade, expected, script
from tests.loopback import OpenAIServer, Reply

pytestmark = [  # workflows look at all attributes of an agent
    pytest.mark.filterwarnings("ignore:.*:pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore:.*:pydantic.warnings.PydanticDeprecatedSince211"),
    pytest.mark.filterwarnings("ignore:is_running called:DeprecationWarning"),
]


class Piece(Event):
    """What an answer goes on with."""

    delta: str


class Found(Event):
    """The passages for a question."""

    passages: list[str]


class Asking(Workflow):
    """Retrieve, then answer with the cascade."""

    def __init__(self, llm: AutoMixLLM, streaming: bool) -> None:
        super().__init__(timeout=60)
        self.llm, self.streaming = llm, streaming

    @step
    async def retrieve(self, event: StartEvent) -> Found:
        return Found(passages=list(PASSAGES))

    @step
    async def answer(self, context: Context, event: Found) -> StopEvent:
        given = "\n".join(event.passages)
        if not self.streaming:
            return StopEvent(result=(await self.llm.acomplete(QUESTION, automix_context=given)).text)
        whole = ""
        async for piece in await self.llm.astream_complete(QUESTION, automix_context=given):
            whole += piece.delta or ""
            context.write_event_to_stream(Piece(delta=piece.delta or ""))
        return StopEvent(result=whole)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_a_step_that_asks_is_routed(server: OpenAIServer, path: Path, streaming: bool) -> None:
    script(server, path)
    with collect_routes() as routes:
        handler = Asking(cascade(server), streaming).run()
        pieces = [event.delta async for event in handler.stream_events() if isinstance(event, Piece)]
        assert await handler == expected(path)
    assert "".join(pieces) == (expected(path) if streaming else "")
    assert [(route.action, route.context_source) for route in routes] == [(path, "argument")]


async def test_agents_that_hand_over_have_their_turns_answered_whole(server: OpenAIServer) -> None:
    """Turns that may call tools, handing over among them, are not question answering."""
    to_other = Reply(calls=(("handoff", {"to_agent": "keeper", "reason": "He knows."}),))
    server.say("large", to_other, expected("escalate"))
    llm = cascade(server)
    front = FunctionAgent(name="front", description="Greets.", llm=llm, can_handoff_to=["keeper"], streaming=False)
    keeper = FunctionAgent(name="keeper", description="Keeps the lighthouse.", llm=llm, streaming=False)
    with collect_routes() as routes:
        answer = await AgentWorkflow(agents=[front, keeper], root_agent="front").run(user_msg=QUESTION)
    assert str(answer) == expected("escalate")
    assert routes[0].action == "bypass"
    assert len(routes) == 2
