"""Streams show the answer, live, and nothing else."""

from __future__ import annotations

import gc
from contextlib import closing

import httpx
import openai
import pytest

from automix_core import Always
from tests.loopback import Gate, OpenAIServer, Reply

from .adapter import (
    CONTEXT,
    DRAFT,
    LARGE,
    NO,
    QUESTION,
    YES,
    Adapter,
    Way,
    eventually,
    listed,
    script,
)


class Streams(Adapter):
    @pytest.mark.parametrize("way", ["stream", "astream"])
    def test_nothing_is_shown_before_the_verdict(self, server: OpenAIServer, way: Way) -> None:
        script(server, NO)
        answer = self.get(self.small_and_large(server), way)
        assert "".join(answer.told) == LARGE
        calls = [(request.model, request.asks_for_verdict, request.streams) for request in server.requests]
        assert calls[0] == ("small", False, False)
        assert calls[-1] == ("large", False, True)
        assert all(verdict for _, verdict, _ in calls[1:-1])

    def test_the_larger_models_pieces_come_as_it_sends_them(self, server: OpenAIServer) -> None:
        gate = Gate()
        script(server, NO)
        server.say("large", Reply(LARGE, gate=gate))
        pieces = []
        for piece in self.stream(self.small_and_large(server), QUESTION, automix_context=CONTEXT):
            if piece.text:
                pieces.append(piece.text)
                gate.open()
        assert "".join(pieces) == LARGE
        assert not gate.starved, "a piece was held back"

    async def test_the_same_awaited(self, server: OpenAIServer) -> None:
        gate = Gate()
        script(server, NO)
        server.say("large", Reply(LARGE, gate=gate))
        pieces = []
        async for piece in self.astream(self.small_and_large(server), QUESTION, automix_context=CONTEXT):
            if piece.text:
                pieces.append(piece.text)
                gate.open()
        assert "".join(pieces) == LARGE
        assert not gate.starved, "a piece was held back"

    async def test_closing_a_stream_closes_the_childs(self, server: OpenAIServer) -> None:
        gate = Gate(patience=20)
        script(server, NO)
        server.say("large", Reply(LARGE, gate=gate))
        model = self.small_and_large(server)
        with closing(self.stream(model, QUESTION, automix_context=CONTEXT)) as pieces:
            next(pieces)
        await eventually(lambda: gc.collect() >= 0 and server.disconnects == 1)  # LlamaIndex's client leaves a cycle
        apieces = self.astream(model, QUESTION, automix_context=CONTEXT)
        await anext(apieces)
        await apieces.aclose()
        await eventually(lambda: gc.collect() >= 0 and server.disconnects == 2)

    @pytest.mark.parametrize("verdict", [YES, NO])
    async def test_a_stream_read_later_belongs_to_the_block_it_was_asked_in(
        self, server: OpenAIServer, verdict: str
    ) -> None:
        script(server, verdict)
        model = self.small_and_large(server)
        with self.collect() as routes:
            pieces = self.stream(model, QUESTION, automix_context=CONTEXT)
            apieces = self.astream(model, QUESTION, automix_context=CONTEXT)
            next(pieces)
            await anext(apieces)
        with self.collect() as others:
            list(pieces)
            await listed(apieces)
        assert [route.model for route in routes] == [0 if verdict == YES else 1] * 2
        assert others == []

    @pytest.mark.parametrize("verdict", [YES, NO])
    async def test_a_stream_that_is_abandoned_has_a_route(self, server: OpenAIServer, verdict: str) -> None:
        script(server, verdict)
        model, way = self.small_and_large(server), "accept" if verdict == YES else "escalate"
        with self.collect() as routes:
            pieces = self.stream(model, QUESTION, automix_context=CONTEXT)
            next(pieces)
            pieces.close()
            assert [route.action for route in routes] == [way]
            apieces = self.astream(model, QUESTION, automix_context=CONTEXT)
            await anext(apieces)
            await apieces.aclose()
            await eventually(lambda: gc.collect() >= 0 and [route.action for route in routes] == [way] * 2)
        for route in routes:
            assert route.usage["verify"] is not None
            assert (route.usage["answer"] is None) == (verdict == NO), "nobody knows what was left unread"

    @pytest.mark.parametrize("way", ["stream", "astream"])
    def test_a_stream_that_breaks_is_not_begun_anew(self, server: OpenAIServer, way: Way) -> None:
        server.say("last", DRAFT)
        script(server)
        server.say("large", Reply(LARGE, cut_after=2))
        models = [self.child(server, name) for name in ("small", "large", "last")]
        model = self.cascade(models, policy=Always(1), verifier=self.verifier(k=1))
        with pytest.raises((httpx.TransportError, openai.APIError)):
            self.get(model, way)
        assert server.calls("last") == []
