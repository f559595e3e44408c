"""Answers that pass as they come, and what stands in before the first word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from automix_core.decision import Accept, Draft, Finish
from automix_core.errors import ModelError
from automix_core.routing.effects import Reply
from automix_core.routing.ending import Ending, ending_of
from automix_core.routing.limits import Allowance, Limits
from automix_core.routing.streaming import Streamed
from tests.core.flows import A, script
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


def streamed(models: int = 2, **known: Any) -> Streamed[str]:
    return Streamed(Ending(Finish(0), "why", models=models, **known), lambda model: Letters())


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
