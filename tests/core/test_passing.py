"""Routed, or passed to which model and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import pytest

from automix_core.checking.passing import (
    ERRAND,
    NO_CONTEXT,
    NOT_TO_VERIFY,
    OTHER_CONTENT,
    Asked,
    Which,
    WithoutContext,
    passed,
)
from automix_core.checking.query import ContextSource, Query
from automix_core.errors import QueryError

WHOLE = Query("Who?", ("the whole prompt",), source="prompt")


@dataclass(frozen=True)
class Configured:
    models: tuple[str, ...] = ("small", "middle", "large")
    without_context: WithoutContext = "prompt"
    errands: Which = "large"
    only_errands: bool = False
    should_verify: Callable[[Query], bool] | None = None


def asked(source: ContextSource = "none", *, errand: bool = False, other: bool = False) -> Asked:
    context = () if source == "none" else ("a passage",)
    return Asked(Query("Who?", context, source=source), errand, other)


def decided(call: Asked, **settings: object) -> Asked:
    return passed(call, replace(Configured(), **settings), lambda: WHOLE)  # type: ignore[arg-type]


CASES: list[tuple[Asked, dict[str, object], str, int]] = [
    (asked("argument"), {}, "", 0),
    (asked("template"), {}, "", 0),
    (asked(), {}, "", 0),
    (asked(), {"without_context": "large"}, NO_CONTEXT, 2),
    (asked(), {"without_context": "small"}, NO_CONTEXT, 0),
    (asked("argument"), {"without_context": "large"}, "", 0),
    # An errand by `errand()` wins over a context that is given, and over everything
    (asked("argument"), {"only_errands": True}, ERRAND, 2),
    (asked("argument"), {"only_errands": True, "errands": "small"}, ERRAND, 0),
    (asked(), {"only_errands": True, "without_context": "raise"}, ERRAND, 2),
    (asked("argument", other=True), {"only_errands": True, "errands": "small"}, ERRAND, 0),
    # A context that is given wins over a recognised errand, and that over without_context
    (asked("argument", errand=True), {}, "", 0),
    (asked("message", errand=True), {}, "", 0),
    (asked(errand=True), {}, ERRAND, 2),
    (asked("template", errand=True), {"errands": "small"}, ERRAND, 0),
    (asked(errand=True), {"without_context": "raise"}, ERRAND, 2),
    # What no verifier reads
    (asked("argument", other=True), {"errands": "small"}, OTHER_CONTENT, 2),
    (asked(errand=True, other=True), {"errands": "small"}, OTHER_CONTENT, 2),
    # should_verify
    (asked("argument"), {"should_verify": lambda query: True}, "", 0),
    (asked("argument"), {"should_verify": lambda query: False}, NOT_TO_VERIFY, 2),
    (asked("argument"), {"should_verify": lambda query: False, "errands": "small"}, NOT_TO_VERIFY, 0),
    (asked(), {"should_verify": lambda query: query.source != "prompt"}, NOT_TO_VERIFY, 2),
]


@pytest.mark.parametrize(("call", "settings", "passing", "to"), CASES)
def test_who_serves_a_call(call: Asked, settings: dict[str, object], passing: str, to: int) -> None:
    served = decided(call, **settings)
    assert (served.passing, served.to) == (passing, to)


def test_should_verify_is_asked_only_about_questions_with_a_context() -> None:
    seen: list[Query] = []

    def ask(query: Query) -> bool:
        seen.append(query)
        return True

    for call, where in product((asked(), asked("argument"), asked(errand=True)), ("large", "prompt")):
        decided(call, without_context=where, should_verify=ask)
    assert [query.source for query in seen] == ["prompt", "argument", "argument"]


def test_a_missing_context_may_be_an_error_or_the_prompt() -> None:
    assert decided(asked()).query == WHOLE
    with pytest.raises(QueryError, match=r"automix_context=.*without_context"):
        decided(asked(), without_context="raise")
    assert decided(asked("argument"), without_context="raise").passing == ""
