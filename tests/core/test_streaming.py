"""Streams and finishing calls, blocking and awaited: they pass as they come, with their books on whatever ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from queue import Queue
from typing import Any

import pytest

from automix_core.checking.finish import UNFINISHED
from automix_core.decision import Accept, Draft, Finish
from automix_core.errors import ModelError, TimeLimitError
from automix_core.routing import waiting
from automix_core.routing.drivers import afinish, arun, finish, run
from automix_core.routing.effects import Reply
from automix_core.routing.ending import Ending, ending_of
from automix_core.routing.limits import Allowance, Limits
from automix_core.routing.step import Step
from automix_core.routing.streaming import Streamed
from automix_core.routing.waiting import await_call_within, call_within
from tests.core.flows import A, B, script
from tests.core.timed import play


@dataclass
class Letters:
    """A meter of letters; a space shows nothing."""

    text: str = ""
    problem: str = ""

    def add(self, piece: str) -> bool:
        self.text += piece
        return bool(piece.strip())

    def reply(self) -> Reply:
        return Reply(self.text, problem=self.problem or ("" if self.text.strip() else "empty"))


class Source:
    """An awaited stream of what it is given, errors raised; it notes its closing."""

    def __init__(self, *pieces: str | BaseException) -> None:
        self.left, self.closed = list(pieces), False

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> str:
        await asyncio.sleep(0)
        if not self.left:
            raise StopAsyncIteration
        piece = self.left.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    async def aclose(self) -> None:
        self.closed = True


def streamed(models: int = 2, problem: str = "", **known: Any) -> Streamed[str]:
    return Streamed(Ending(Finish(0), "why", models=models, **known), lambda model: Letters(problem=problem))


async def read(stream: Streamed[str], *sources: Source) -> list[str]:
    async def ask(model: int) -> AsyncIterator[str]:
        return sources[model]

    return [piece async for piece in stream.apieces(ask)]


async def test_an_awaited_stream_passes_as_it_comes_and_its_source_is_closed() -> None:
    stream, source = streamed(), Source(" ", "a", "b")
    assert await read(stream, source) == [" ", "a", "b"]
    assert stream.answer == Reply(" ab")
    assert source.closed


async def test_an_awaited_stream_without_a_word_hands_over_and_shows_nothing_of_it() -> None:
    stream = streamed()
    assert await read(stream, Source(" ", TimeoutError()), Source("b")) == ["b"]
    assert (stream.ending.errors, stream.ending.action, stream.answer) == (("TimeoutError",), Finish(1), Reply("b"))
    with pytest.raises(ModelError, match="model 0 ended without a word"):
        await read(streamed(models=1), Source())


async def test_what_shows_nothing_is_passed_on_where_the_whole_is_an_answer_all_the_same() -> None:
    stream = streamed(problem="filtered")
    assert await read(stream, Source(" ", " ")) == [" ", " "]
    assert stream.answer == Reply("  ", problem="filtered")
    assert list(streamed(problem="filtered").pieces(lambda model: iter([" "]))) == [" "]


@pytest.mark.parametrize("words", [("a", ZeroDivisionError("sk-secret")), ("a",)], ids=["raises", "unfinished"])
async def test_an_awaited_stream_that_breaks_after_a_word_is_the_callers_error(words: tuple[Any, ...]) -> None:
    stream = streamed(problem=UNFINISHED)
    with pytest.raises((ZeroDivisionError, ModelError)) as caught:
        await read(stream, Source(*words))
    books = ending_of(caught.value)
    assert books is not None
    assert books.errors == (type(caught.value).__name__,)
    assert [step.do for step in books.steps] == ["finish"]
    assert stream.answer is None


def test_a_stream_without_a_finish_reason_is_broken() -> None:
    with pytest.raises(ModelError, match="model 0 broke off: it ended without a finish reason"):
        list(streamed(problem=UNFINISHED).pieces(lambda model: iter(["a"])))


async def test_an_abandoned_awaited_stream_leaves_its_books() -> None:
    stream, source = streamed(), Source("a", "b")

    async def ask(model: int) -> AsyncIterator[str]:
        return source

    pieces = stream.apieces(ask)
    assert await anext(pieces) == "a"
    await pieces.aclose()
    assert stream.stopped is not None
    assert "abandoned" in stream.stopped.reason
    assert source.closed


async def test_a_draft_that_stands_in_before_the_first_word_is_all_there_is() -> None:
    allowance = Allowance.of(Limits(on_last_failure="draft"))
    known: dict[str, Any] = {"steps": (Step("draft", 0, result=A),), "best": 0, "allowance": allowance}
    stream: Streamed[str] = Streamed(Ending(Finish(1), "", models=2, **known), lambda model: Letters())
    assert await read(stream, Source(), Source(" ", TimeoutError())) == []
    assert (stream.answer, stream.ending.reply, stream.ending.action) == (None, A, Accept(0))


async def test_an_awaited_stream_that_never_comes_is_cut_off_when_time_is_up() -> None:
    async def ask(model: int) -> AsyncIterator[str]:
        await asyncio.Event().wait()
        return Source()

    allowance = Allowance.of(Limits(timeout=0.02))
    stream: Streamed[str] = Streamed(Ending(Finish(1), "", models=2, allowance=allowance), lambda model: Letters())
    with pytest.raises(TimeLimitError):
        await anext(stream.apieces(ask))


# --- the finishing call


def over(**known: Any) -> Ending:
    """Model 1 is to finish; the time is up, and the draft of model 0 is in hand."""
    allowance = Allowance(Limits(timeout=1), until=0.0, clock=lambda: 5.0)
    return Ending(Finish(1), "", models=2, steps=(Step("draft", 0, result=A),), allowance=allowance, **known)


async def test_a_finishing_call_for_which_there_is_no_time_is_never_made() -> None:
    def ask(model: int) -> Reply:
        raise AssertionError("nobody is to be asked")

    async def aask(model: int) -> Reply:
        return ask(model)

    for ending, answer in (finish(over(best=0), ask), await afinish(over(best=0), aask)):
        assert (ending.action, ending.errors, answer) == (Accept(0), ("TimeLimitError",), None)
    for nothing in (lambda: finish(over(), ask), lambda: asyncio.run(afinish(over(), aask))):
        with pytest.raises(TimeLimitError):
            await asyncio.to_thread(nothing)


async def test_a_kept_draft_needs_no_finishing_call() -> None:
    kept = Ending(Accept(0), "", models=2, steps=(Step("draft", 0, result=A),))
    assert finish(kept, lambda model: B) == (kept, None)

    async def aask(model: int) -> Reply:
        return B

    assert await afinish(kept, aask) == (kept, None)
    ending, answer = await afinish(Ending(Finish(1), "", models=2), aask)
    assert (ending.action, answer) == (Finish(1), B)


async def test_an_interrupted_finishing_call_leaves_its_books() -> None:
    def ask(model: int) -> Reply:
        raise KeyboardInterrupt

    async def aask(model: int) -> Reply:
        raise asyncio.CancelledError

    with pytest.raises(KeyboardInterrupt) as caught:
        finish(Ending(Finish(1), "", models=2), ask)
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await afinish(Ending(Finish(1), "", models=2), aask)
    for error in (caught.value, cancelled.value):
        books = ending_of(error)
        assert books is not None
        assert (books.errors, books.fallback) == ((type(error).__name__,), False)
        assert [(step.do, step.model) for step in books.steps] == [("finish", 1)]


async def test_an_interruption_passes_even_where_a_flow_would_go_on() -> None:
    def stubborn() -> Any:
        try:
            yield Draft(0)
        except BaseException:
            yield "again"

    def perform(effect: Any) -> Any:
        raise KeyboardInterrupt

    async def aperform(effect: Any) -> Any:
        raise asyncio.CancelledError

    with pytest.raises(KeyboardInterrupt):
        run(stubborn(), perform)
    with pytest.raises(asyncio.CancelledError):
        await arun(stubborn(), aperform)


async def test_a_stop_iteration_of_a_blocking_call_can_be_awaited() -> None:
    with pytest.raises(RuntimeError, match=r"The call raised StopIteration\('over'\)"):
        await await_call_within(_stop, Allowance())


def _stop() -> int:
    raise StopIteration("over")


def test_an_interruption_while_waiting_for_a_blocking_call_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Queue[Any]):
        def get(self, *args: Any, **kwargs: Any) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setattr(waiting, "Queue", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_within(lambda: 1, Allowance.of(Limits(timeout=10)))


def test_a_stream_passes_as_it_comes() -> None:
    stream = streamed()
    assert list(stream.pieces(lambda model: iter([" ", "a", "b"]))) == [" ", "a", "b"]
    assert stream.answer == Reply(" ab")
    assert stream.ending.errors == ()


def test_an_empty_stream_hands_over_and_from_the_last_model_is_an_error() -> None:
    stream = streamed()
    assert list(stream.pieces(lambda model: iter([" "] if model == 0 else ["b"]))) == ["b"]
    assert (stream.ending.errors, stream.ending.action) == (("ModelError",), Finish(1))
    with pytest.raises(ModelError, match="model 0 ended without a word"):
        list(streamed(models=1).pieces(lambda model: iter([])))


def test_a_stream_that_breaks_after_a_word_is_the_callers_error() -> None:
    def breaking() -> Iterator[str]:
        yield "a"
        raise ZeroDivisionError

    stream = streamed()
    with pytest.raises(ZeroDivisionError) as caught:
        list(stream.pieces(lambda model: breaking()))
    books = ending_of(caught.value)
    assert books is not None
    assert (books.errors, [step.do for step in books.steps]) == (("ZeroDivisionError",), ["finish"])


def test_an_abandoned_stream_leaves_its_books() -> None:
    stream = streamed()
    pieces = stream.pieces(lambda model: iter(["a", "b"]))
    assert next(pieces) == "a"
    pieces.close()
    assert stream.stopped is not None
    assert (stream.stopped.errors, stream.stopped.fallback) == ((), False)
    assert "abandoned" in stream.stopped.reason


def test_before_the_first_word_a_draft_may_stand_in() -> None:
    late = TimeoutError()

    def failing() -> Iterator[str]:
        yield " "
        raise late

    allowance = Allowance.of(Limits(on_last_failure="draft"))
    ending = play(script(Draft(0), Finish(1)), [(A, 0)], Limits(on_last_failure="draft"))
    stream: Streamed[str] = Streamed(ending, lambda model: Letters())
    assert list(stream.pieces(lambda model: failing())) == []
    assert allowance.until is None
    assert (stream.answer, stream.ending.reply, stream.ending.action) == (None, A, Accept(0))


# A model that keeps failing is left alone for a while.
