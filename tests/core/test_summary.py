"""What many routes amount to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from automix_core.checking.query import Query
from automix_core.decision import Accept
from automix_core.routing.effects import Reply
from automix_core.routing.ending import Ending
from automix_core.routing.price import Price
from automix_core.routing.route import settle
from automix_core.routing.step import Step
from automix_core.routing.summary import summary
from automix_core.usage import Usage


def used(tokens: int) -> dict[str, int]:
    return {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}


def call(model: int, action: str, cost: float | None, saved: float | None, **fields: Any) -> dict[str, Any]:
    last = "accept" if action == "accept" else "finish"
    large = None if saved is None or cost is None else cost + saved
    return {
        "model": model,
        "model_name": ("small", "large")[model],
        "action": action,
        "steps": [{"do": "draft", "model": 0, "seconds": 0.5}, {"do": last, "model": model}],
        "errors": [],
        "usage": {
            "total": used(30),
            "draft": used(10),
            "verify": used(20),
            "answer": used(0),
            "by_model": [used(30), used(0)],
        },
        "cost": {"total": cost, "always_large": large, "saved": saved},
        **fields,
    }


def test_shares_money_tokens_and_seconds_are_summed() -> None:
    routes = [
        call(0, "accept", 1.0, 9.0, seconds=1.0),
        call(1, "escalate", 12.0, -2.0, seconds=3.0),
        call(1, "fallback", None, None, errors=["TimeoutError"]),
        call(0, "accept", 1.0, None, seconds=2.0),
    ]
    found = summary(routes)
    assert (found.calls, found.kept_share) == (4, 0.5)
    assert found.actions == {"accept": 2, "escalate": 1, "fallback": 1}
    assert (found.cost, found.cost_known) == (14.0, 3)
    assert (found.saved, found.always_large, found.saved_known) == (7.0, 20.0, 2)
    assert found.tokens == {"draft": 40, "verify": 80, "answer": 0}
    assert found.seconds["draft"].n == 4
    assert found.seconds["call"].median == 2.0
    assert found.errors == {"TimeoutError": 1}
    assert json.loads(json.dumps(found.to_dict()))["by_model"] == {"small": 2, "large": 2}
    assert "35% less than the largest model alone, over 2 calls" in str(found)


def test_unreported_tokens_are_counted_as_unknown() -> None:
    usage = {"total": None, "draft": used(5), "verify": None, "answer": used(0), "by_model": [None, used(0)]}
    assert summary([call(0, "accept", None, None, usage=usage)]).tokens_unknown == 1


def test_no_routes_are_no_error() -> None:
    found = summary([])
    assert found.calls == 0
    assert found.kept_share is None
    assert str(found) == "No calls."


def test_a_cascade_that_costs_more_is_said_to() -> None:
    assert "20% more than the largest model alone" in str(summary([call(1, "escalate", 12.0, -2.0)]))


def test_what_is_not_known_is_not_said() -> None:
    told = str(summary([call(1, "direct", None, None, steps=[{"do": "finish", "model": 1, "seconds": None}])]))
    assert "1 calls, 0% of them" in told
    assert not [word for word in ("Cost", "largest model", "Seconds", "Errors") if word in told]


def test_errors_and_seconds_are_said_with_how_often_and_how_long() -> None:
    routes = [call(1, "fallback", None, None, errors=["TimeoutError", "empty"], seconds=n) for n in (1.0, 2.0, 9.0)]
    told = str(summary(routes))
    assert "Errors: 3 TimeoutError, 3 empty." in told
    assert "Seconds of a call: 2 median, 9 p95." in told


def test_a_kept_draft_of_the_last_model_and_a_call_without_steps_are_not_kept() -> None:
    assert summary([call(1, "accept", None, None), call(0, "bypass", None, None, steps=[])]).kept_share == 0.0


def test_a_route_counts_like_its_dict() -> None:
    route = settle(
        Ending(Accept(0), "why", (Step("draft", 0, result=Reply("a", Usage(5, 2))), Step("accept", 0)), models=2),
        Query("Who?"),
        policy="p",
        names=["small", "large"],
        prices=[Price(1, 2), Price(10, 20)],
        seconds=0.5,
    )
    found = summary([route])
    assert found == summary([route.to_dict()])
    assert (found.kept_share, found.tokens["draft"], found.seconds["call"].longest) == (1.0, 7, 0.5)


@pytest.mark.parametrize("ends", [("accept", "escalate", "direct"), ("escalate", "direct", "accept")])
def test_what_came_as_often_stands_by_name_in_whatever_order_the_calls_ended(ends: tuple[str, ...]) -> None:
    found = summary([call(1, end, None, None, errors=[f"{end}Error"]) for end in (*ends, "escalate")])
    assert list(found.actions.items()) == [("escalate", 2), ("accept", 1), ("direct", 1)]
    assert list(found.errors) == ["escalateError", "acceptError", "directError"]
