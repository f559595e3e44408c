"""Queries: passages, and what is cut from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.checking.prompt import case_variables
from automix_core.checking.query import Query, passages
from automix_core.checking.results import approximate_tokens, shortened
from tests.strategies import queries

COUNTERS: list[Callable[[str], int]] = [len, lambda text: len(text.split()), approximate_tokens]


def room(tokens: int, count: Callable[[str], int] = len) -> Callable[[Query], bool]:
    return lambda query: count(query.context_text) <= tokens


def test_passages() -> None:
    assert passages(None) == passages("") == passages(" \n") == passages([]) == passages(["", "\t"]) == ()
    assert passages("one") == ("one",)
    assert passages(["one", "", " two"]) == ("one", " two")
    assert Query("q", ("one", "two")).context_text == "one\n\ntwo"


@pytest.mark.parametrize(
    ("context", "tokens", "kept"),
    [
        (("aaaa", "bbbb", "cccc"), 16, ("aaaa", "bbbb", "cccc")),
        (("aaaa", "bbbb", "cccc"), 15, ("aaaa", "bbbb")),
        (("aaaa", "bbbb", "cccc"), 9, ("aaaa",)),
        (("aaaa", "bbbb", "cccc"), 4, ("aaaa",)),
        (("aaaa", "bbbb", "cccc"), 3, ("aaa",)),
        (("aaaa", "bbbb", "cccc"), 0, ()),
        (("aaaa bbbb",), 9, ("aaaa bbbb",)),
        (("aaaa bbbb",), 5, ("aaaa",)),
        (("aaaa bbbb",), 0, ()),
        (("a" * 100, "b"), 10, ("a" * 10,)),
    ],
)
def test_whole_passages_from_the_end_else_the_tail(
    context: tuple[str, ...], tokens: int, kept: tuple[str, ...]
) -> None:
    query = Query("q" * 50, context, "h" * 50, "i" * 50, "argument")
    cut = query.cut_to(room(tokens))
    assert cut == replace(query, context=kept, truncated=kept != context)


def test_without_a_context_there_is_nothing_to_cut() -> None:
    query = Query("q")
    assert query.cut_to(lambda query: False) is query


@settings(deadline=None)
@given(queries(), st.integers(0, 60), st.sampled_from(COUNTERS))
def test_it_fits_or_is_empty(query: Query, tokens: int, count: Callable[[str], int]) -> None:
    cut = query.cut_to(room(tokens, count))
    assert count(cut.context_text) <= tokens
    assert replace(cut, context=query.context, truncated=False) == query, "nothing else is cut"
    assert cut.truncated == (cut.context != query.context)
    for kept, whole in zip(cut.context, query.context, strict=False):
        assert whole.startswith(kept)
        assert kept == whole or len(cut.context) == 1
    if cut.truncated and len(query.context) > len(cut.context) and cut.context:
        more = replace(query, context=query.context[: len(cut.context) + 1])
        assert count(more.context_text) > tokens or cut.context[0] != query.context[0], "no passage goes needlessly"


@settings(deadline=None)
@given(queries(), st.integers(1, 120), st.integers(0, 20), st.sampled_from(COUNTERS))
def test_the_whole_prompt_fits_its_window_or_has_no_context(
    query: Query, window: int, reply: int, count: Callable[[str], int]
) -> None:
    def rendered(query: Query) -> str:
        return "\n".join(case_variables(query, "an answer").values())

    cut = shortened(query, rendered, window, reply, count)
    assert count(rendered(cut)) + reply <= window or not cut.context
    assert shortened(query, rendered, None, reply, count) is query, "an unknown window cuts nothing"
