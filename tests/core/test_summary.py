"""What many routes amount to."""

from __future__ import annotations

import json
from typing import Any

from automix_core.routing.summary import summary


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
