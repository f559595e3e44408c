"""`route_of`: the route of a call, wherever the call left it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from automix_core.routing.attached import attach, route_of
from tests.core.test_route import ANSWER, DRAFT, NO, ending, settled

RECORD = settled(ending(DRAFT, NO), ANSWER)


@pytest.mark.parametrize("place", ["response_metadata", "additional_kwargs"])
def test_a_message_or_a_response_bears_its_route(place: str) -> None:
    answer = SimpleNamespace(**{place: {"automix": RECORD, "other": 1}})
    assert route_of(answer).to_dict() == RECORD
    assert route_of(answer, None) == route_of(answer)


def test_a_route_is_its_own() -> None:
    route = route_of(SimpleNamespace(response_metadata={"automix": RECORD}))
    assert route_of(route) is route


@pytest.mark.parametrize("result", ["an answer", None, 3, SimpleNamespace(response_metadata={}), ValueError("no call")])
def test_what_bears_no_route_is_an_error_that_names_the_other_way(result: Any) -> None:
    with pytest.raises(
        LookupError, match=rf"no route on this {type(result).__name__}\. .*query engines.*collect_routes"
    ):
        route_of(result)
    assert route_of(result, None) is None
    assert route_of(result, "a default") == "a default"


def test_the_error_of_a_failed_call_bears_its_route() -> None:
    route = route_of(SimpleNamespace(response_metadata={"automix": RECORD}))
    error = attach(ConnectionError("gone"), route)
    assert route_of(error) is route
    wrapped = RuntimeError("the chain failed")
    wrapped.__cause__ = error
    assert route_of(wrapped) is route


def test_of_a_cascade_within_a_cascade_the_outer_route_stands() -> None:
    inner = route_of(SimpleNamespace(response_metadata={"automix": RECORD}))
    outer = route_of(SimpleNamespace(response_metadata={"automix": {**RECORD, "model": 0}}))
    assert route_of(attach(attach(ConnectionError(), inner), outer)).model == 0
