"""Route records: the design's shape, the action rules, and what is zero and what is unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.checking.query import Query
from automix_core.decision import Accept, Finish, State, Tally
from automix_core.errors import ConfigError
from automix_core.routing.drivers import run
from automix_core.routing.effects import Checks, Decide, Failure, Reply
from automix_core.routing.ending import Ending
from automix_core.routing.price import Price
from automix_core.routing.procedure import route
from automix_core.routing.route import Route, close_books, settle
from automix_core.routing.step import Step
from automix_core.usage import Usage
from tests.strategies import Anything, prices, replies, results, usages

QUERY = Query("Who?", ("Verrin.",), source="argument")
NAMES = ("small", "large")
SMALL, LARGE = Price(1, 2), Price(10, 20)
DRAFT = Step("draft", 0, result=Reply("a", Usage(100, 10)))
YES = Step("verify", 0, 8, Checks(Tally(6, 2), Usage(300, 80), model=0))
NO = Step("verify", 0, 8, Checks(Tally(2, 6), Usage(300, 80), model=0))
KEPT = Step("accept", 0)
ANSWER = Reply("b", Usage(100, 20), name="large-2026")


def ending(*steps: Step, action: Accept | Finish | None = None, tally: Tally | None = None, **more: Any) -> Ending:
    if action is None:
        action = Accept(steps[-1].model) if steps and steps[-1].do == "accept" else Finish(more.get("models", 2) - 1)
    said = [step.result.tally for step in steps if isinstance(step.result, Checks)]
    return Ending(action, "because", steps, tally=tally or (said[-1] if said else Tally()), **{"models": 2, **more})


def settled(end: Ending, answer: Reply | None = None, prices: Any = (SMALL, LARGE), **more: Any) -> dict[str, Any]:
    names = more.pop("names", NAMES)
    found = settle(end, QUERY, policy="Threshold(0.75)", names=names, prices=prices, answer=answer, **more)
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert Route.from_dict(plain) == found
    assert Route.from_dict(json.loads(json.dumps(plain))).to_dict() == plain
    return plain


def tokens(read: int, written: int) -> dict[str, int]:
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


NOTHING = tokens(0, 0)


def test_the_shape_is_the_designs() -> None:
    """DESIGN section 4, an escalated call, field by field and in order."""
    verdicts = {"correct": 2, "incorrect": 6, "unreadable": 0, "failed": 0}
    draft = Step("draft", 0, result=Reply("a", Usage(100, 10), seconds=0.5))
    plain = settled(ending(draft, NO), replace(ANSWER, seconds=1.25), seconds=1.9)
    assert list(plain.items()) == [
        ("id", plain["id"]),
        ("model", 1),
        ("model_name", "large-2026"),
        ("action", "escalate"),
        ("reason", "because"),
        ("policy_version", None),
        ("seconds", 1.9),
        ("confidence", 0.25),
        ("verdicts", verdicts),
        (
            "steps",
            [
                {"do": "draft", "model": 0, "seconds": 0.5},
                {"do": "verify", "model": 0, "n": 8, "verdicts": verdicts, "seconds": None},
                {"do": "finish", "model": 1, "seconds": 1.25},
            ],
        ),
        ("signals", {}),
        ("evidence", None),
        ("context_source", "argument"),
        ("context_truncated", False),
        ("policy", "Threshold(0.75)"),
        ("errors", []),
        (
            "usage",
            {
                "total": tokens(500, 110),
                "draft": tokens(100, 10),
                "verify": tokens(300, 80),
                "answer": tokens(100, 20),
                "by_model": [tokens(400, 90), tokens(100, 20)],
            },
        ),
        ("usage_estimated", False),
        (
            "cost",
            {
                "total": pytest.approx(((400 + 180) + (1000 + 400)) / 1e6),
                "always_large": pytest.approx(1400 / 1e6),
                "always_large_estimated": False,
                "saved": pytest.approx(-580 / 1e6),
                "currency": "USD",
            },
        ),
    ]


def test_a_kept_draft() -> None:
    plain = settled(ending(DRAFT, YES, KEPT))
    assert (plain["model"], plain["model_name"], plain["action"], plain["confidence"]) == (0, "small", "accept", 0.75)
    assert plain["steps"][-1] == {"do": "accept", "model": 0, "seconds": 0.0}
    assert plain["usage"]["answer"] == NOTHING
    assert plain["usage"]["by_model"][1] == NOTHING
    guess = (100 * 10 + 10 * 20) / 1e6
    assert plain["cost"] == {
        "total": pytest.approx(580 / 1e6),
        "always_large": pytest.approx(guess),
        "always_large_estimated": True,
        "saved": pytest.approx(guess - 580 / 1e6),
        "currency": "USD",
    }


def test_a_bypass_has_one_step() -> None:
    plain = settled(ending(bypass=True), ANSWER)
    assert plain["steps"] == [{"do": "finish", "model": 1, "seconds": None}]
    assert (plain["action"], plain["confidence"]) == ("bypass", None)
    assert plain["verdicts"] == Tally().to_dict()
    assert plain["usage"]["draft"] == plain["usage"]["verify"] == NOTHING
    assert plain["cost"]["saved"] == pytest.approx(0)


LATER = Step("draft", 1, result=Reply("b", Usage(100, 20)))
CHECKED = Step("verify", 1, 8, Checks(Tally(8), Usage(1, 1), model=1))
FAILED = Step("draft", 0)

ACTIONS: list[tuple[str, Ending]] = [
    ("accept", ending(DRAFT, YES, KEPT)),
    ("accept", ending(DRAFT, LATER, YES, CHECKED, KEPT, models=3)),
    ("escalate", ending(DRAFT, NO)),
    ("escalate", ending(DRAFT)),
    ("escalate", ending(DRAFT, NO, LATER, CHECKED, Step("accept", 1), models=3)),
    ("escalate", ending(DRAFT, NO, LATER, Step("accept", 1), models=3)),
    ("direct", ending()),
    ("direct", ending(action=Finish(0))),
    ("direct", ending(DRAFT, KEPT)),
    ("direct", ending(LATER, Step("accept", 1), models=3)),
    ("bypass", ending(bypass=True)),
    ("bypass", ending(DRAFT, KEPT, bypass=True)),
    ("accept", ending(DRAFT, YES, KEPT, errors=("TimeoutError",))),
    ("escalate", ending(DRAFT, NO, errors=("TimeoutError",))),
    ("fallback", ending(DRAFT, YES, KEPT, errors=("TimeoutError",), fallback=True)),
    ("fallback", ending(FAILED, errors=("TimeoutError",), fallback=True)),
    ("fallback", ending(bypass=True, errors=("TimeoutError",), fallback=True)),
]


@pytest.mark.parametrize(("action", "end"), ACTIONS)
def test_where_two_actions_fit_it_is_the_later(action: str, end: Ending) -> None:
    names = ("small", "middle", "large")[: end.models]
    plain = settled(end, ANSWER if isinstance(end.action, Finish) else None, None, names=names)
    assert plain["action"] == action
    assert plain["errors"] == list(end.errors)


@pytest.mark.parametrize(
    ("tally", "confidence"),
    [
        (Tally(), None),
        (Tally(unreadable=8), None),
        (Tally(failed=8), None),
        (Tally(0, 8), 0.0),
        (Tally(1, 0, 7), 1.0),
        (Tally(probability=0.3), 0.3),
    ],
)
def test_an_undefined_confidence_is_never_zero(tally: Tally, confidence: float | None) -> None:
    assert settled(ending(DRAFT, Step("verify", 0, 8, Checks(tally, Usage()))), ANSWER)["confidence"] == confidence


UNKNOWN = Step("draft", 0, result=Reply("a"))
UNKNOWN_CHECK = Step("verify", 0, 8, Checks(Tally(6, 2), None, model=0))
OUTSIDE = Step("verify", 0, 8, Checks(Tally(6, 2), Usage(300, 80), model=None))
PRICED = Step("verify", 0, 8, Checks(Tally(6, 2), Usage(300, 80), model=None, price=Price(5, 5)))
BROKEN = Step("verify", 0, 8, Checks(Tally(failed=8), Usage()))
CACHED = Step("draft", 0, result=Reply("a", Usage(0, 0, 0, {"input.cache_read": 0})))

LEDGERS: list[tuple[str, tuple[Step, ...], Reply | None, Any, dict[str, Any]]] = [
    ("a draft without usage", (UNKNOWN, YES, KEPT), None, (SMALL, LARGE),
     {"usage": (None, None, (300, 80), (0, 0), None, (0, 0)), "cost": (None, None, False, None)}),
    ("checks without usage", (DRAFT, UNKNOWN_CHECK, KEPT), None, (SMALL, LARGE),
     {"usage": (None, (100, 10), None, (0, 0), None, (0, 0)), "cost": (None, 1200, True, None)}),
    ("an answer without usage", (DRAFT, NO), Reply("b"), (SMALL, LARGE),
     {"usage": (None, (100, 10), (300, 80), None, (400, 90), None), "cost": (None, None, False, None)}),
    ("no prices", (DRAFT, YES, KEPT), None, None,
     {"usage": ((400, 90), (100, 10), (300, 80), (0, 0), (400, 90), (0, 0)), "cost": (None, None, False, None)}),
    ("the small price unknown", (DRAFT, YES, KEPT), None, (None, LARGE),
     {"usage": ((400, 90), (100, 10), (300, 80), (0, 0), (400, 90), (0, 0)), "cost": (None, 1200, True, None)}),
    ("the large price unknown, not needed for the total", (DRAFT, YES, KEPT), None, (SMALL, None),
     {"usage": ((400, 90), (100, 10), (300, 80), (0, 0), (400, 90), (0, 0)), "cost": (580, None, False, None)}),
    ("free is not unknown", (DRAFT, YES, KEPT), None, (Price(0, 0), Price(0, 0)),
     {"usage": ((400, 90), (100, 10), (300, 80), (0, 0), (400, 90), (0, 0)), "cost": (0, 0, True, 0)}),
    ("a judge outside the cascade", (DRAFT, OUTSIDE, KEPT), None, (SMALL, LARGE),
     {"usage": ((400, 90), (100, 10), (300, 80), (0, 0), (100, 10), (0, 0)), "cost": (None, 1200, True, None)}),
    ("a judge whose price is known", (DRAFT, PRICED, KEPT), None, (SMALL, LARGE),
     {"usage": ((400, 90), (100, 10), (300, 80), (0, 0), (100, 10), (0, 0)), "cost": (2020, 1200, True, -820)}),
    ("broken checks are billed by nobody", (DRAFT, BROKEN), ANSWER, (SMALL, LARGE),
     {"usage": ((200, 30), (100, 10), (0, 0), (100, 20), (100, 10), (100, 20)), "cost": (1520, 1400, False, -120)}),
    ("so are broken drafts", (FAILED,), ANSWER, (None, LARGE),
     {"usage": ((100, 20), (0, 0), (0, 0), (100, 20), (0, 0), (100, 20)), "cost": (1400, 1400, False, 0)}),
    ("no tokens cost nothing at any price", (CACHED, YES, KEPT), None, (None, LARGE),
     {"usage": ((300, 80), (0, 0), (300, 80), (0, 0), (300, 80), (0, 0)), "cost": (None, 0, True, None)}),
    ("the same, alone", (CACHED, KEPT), None, (None, LARGE),
     {"usage": ((0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)), "cost": (0, 0, True, 0)}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "answer", "prices", "expected"), [row[1:] for row in LEDGERS], ids=[r[0] for r in LEDGERS]
)
def test_unknown_is_null_and_never_zero(
    steps: tuple[Step, ...], answer: Reply | None, prices: Any, expected: dict[str, Any]
) -> None:
    plain = settled(ending(*steps), answer, prices)
    usage, cost = plain["usage"], plain["cost"]
    parts = [usage[name] for name in ("total", "draft", "verify", "answer")] + usage["by_model"]
    assert parts == [None if part is None else tokens(*part) for part in expected["usage"]]
    total, alone, estimated, saved = expected["cost"]
    for name, value in (("total", total), ("always_large", alone), ("saved", saved)):
        assert cost[name] == (None if value is None else pytest.approx(value / 1e6)), name
    assert cost["always_large_estimated"] is estimated


def test_three_models() -> None:
    """The middle model answers: the last one's price on its tokens is the estimate."""
    end = ending(DRAFT, NO, LATER, CHECKED, Step("accept", 1), models=3)
    plain = settled(end, prices=(SMALL, Price(3, 4), LARGE), names=("small", "middle", "large"))
    assert plain["model_name"] == "middle"
    assert plain["usage"]["draft"] == tokens(200, 30)
    assert plain["usage"]["by_model"] == [tokens(400, 90), tokens(101, 21), NOTHING]
    assert plain["cost"]["always_large"] == pytest.approx((100 * 10 + 20 * 20) / 1e6)
    assert plain["cost"]["always_large_estimated"] is True
    finished = settled(
        ending(action=Finish(1), models=3), ANSWER, (SMALL, Price(3, 4), LARGE), names=("small", "middle", "large")
    )
    assert (finished["cost"]["always_large_estimated"], finished["action"]) == (True, "direct")


def test_the_last_models_own_draft_is_its_own_answer() -> None:
    end = ending(DRAFT, NO, LATER, Step("accept", 1))
    cost = settled(end)["cost"]
    assert (cost["always_large"], cost["always_large_estimated"]) == (pytest.approx(1400 / 1e6), False)
    own = Checks(Tally(8), Usage(500, 500), model=1)  # the last model only judged the small one's draft
    cost = settled(ending(DRAFT, Step("verify", 0, 8, own), KEPT))["cost"]
    assert cost["always_large_estimated"] is True


def test_cached_input_has_its_own_price() -> None:
    draft = Step("draft", 0, result=Reply("a", Usage(100, 10, cached_input_tokens=60)))
    cost = settled(ending(draft, KEPT), prices=(Price(1, 2, cached_input=0.1), Price(10, 20, cached_input=1)))["cost"]
    assert cost["total"] == pytest.approx((40 * 1 + 60 * 0.1 + 10 * 2) / 1e6)
    assert cost["always_large"] == pytest.approx((40 * 10 + 60 * 1 + 10 * 20) / 1e6)


def test_an_answer_is_examined_and_the_finding_is_on_record() -> None:
    plain = settled(ending(DRAFT, NO), replace(ANSWER, problem="cut off"))
    assert (plain["action"], plain["errors"]) == ("escalate", ["cut off"])
    assert plain["reason"] == "because The answer of model 1 is cut off."
    assert plain["steps"][-1]["problem"] == "cut off"


@pytest.mark.parametrize(("do", "role"), [("draft", "draft"), ("verify", "verify"), ("finish", "answer")])
def test_what_was_left_at_work_costs_nobody_knows_how_much(do: str, role: str) -> None:
    left = Step(do, 0, 8, Failure(TimeoutError(), left=True))
    plain = settled(ending(DRAFT, left), ANSWER if do != "finish" else None)
    assert plain["usage"][role] is None
    assert plain["usage"]["total"] is None
    assert plain["cost"]["total"] is None
    assert settled(ending(DRAFT, Step(do, 0, 8, Failure(TimeoutError()))), ANSWER)["usage"]["total"] is not None


def test_what_is_written_into_a_cache_has_its_own_price() -> None:
    draft = Step("draft", 0, result=Reply("a", Usage(100, 10, cache_write_tokens=60)))
    cost = settled(ending(draft, KEPT), prices=(Price(1, 2, cache_write=1.25), Price(10, 20)))["cost"]
    assert cost["total"] == pytest.approx((40 * 1 + 60 * 1.25 + 10 * 2) / 1e6)
    assert cost["always_large"] == pytest.approx((100 * 10 + 10 * 20) / 1e6)


def test_flags() -> None:
    cut = Step("verify", 0, 8, Checks(Tally(8), Usage(1, 1), model=0, truncated=True, estimated=True))
    plain = settled(ending(DRAFT, cut, KEPT))
    assert (plain["context_truncated"], plain["usage_estimated"]) == (True, True)


def test_a_route_is_not_read_from_anything_else() -> None:
    with pytest.raises(ConfigError, match=r"no field 'id'; pass what to_dict\(\) gave"):
        Route.from_dict({})
    plain = settled(ending(DRAFT, YES, KEPT))
    assert Route.from_dict({**plain, "added_later": 1}).to_dict() == plain


def test_the_record_is_nobody_elses() -> None:
    found = settle(ending(DRAFT, YES, KEPT), QUERY, policy="p", names=NAMES)
    plain = found.to_dict()
    plain["usage"]["draft"]["input_tokens"] = -1
    plain["steps"].clear()
    assert found.to_dict() != plain


def _sum(parts: list[dict[str, int] | None]) -> dict[str, int] | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return {name: sum(part[name] for part in known) for name in NOTHING}


@settings(deadline=None, max_examples=150)
@given(data=st.data(), seed=st.integers(), models=st.integers(2, 4))
def test_books_of_any_call_balance(data: st.DataObject, seed: int, models: int) -> None:
    def perform(effect: Any) -> Any:
        if isinstance(effect, Decide):
            return Anything(seed).decide(effect.state)
        result = data.draw(results(effect))
        return data.draw(replies()) if isinstance(result, Failure) else result

    end = run(route(State.start(models, 4)), lambda effect: _judged(effect, perform))
    answer = data.draw(replies(fit=True)) if isinstance(end.action, Finish) else None
    priced = data.draw(st.one_of(st.none(), st.lists(st.one_of(st.none(), prices), min_size=models, max_size=models)))
    plain = settled(end, answer, priced, names=[f"m{m}" for m in range(models)])
    usage, cost = plain["usage"], plain["cost"]
    assert usage["total"] == _sum([usage[name] for name in ("draft", "verify", "answer")])
    assert usage["total"] == _sum(usage["by_model"]), "every check here was by a model of the cascade"
    whole = close_books(end, QUERY, policy="p", names=[f"m{m}" for m in range(models)], answer=answer)[1]
    assert usage["total"] == (None if whole is None else whole.to_dict())
    assert plain["model"] == plain["steps"][-1]["model"]
    assert plain["steps"][-1]["do"] in ("accept", "finish")
    if cost["saved"] is not None:
        assert cost["saved"] == pytest.approx(cost["always_large"] - cost["total"])
    if priced is None:
        assert cost["saved"] in (None, 0), "only what used no tokens has a price then"
    assert cost["always_large_estimated"] <= (cost["always_large"] is not None)


def _judged(effect: Any, perform: Any) -> Any:
    """Checks by the draft's own model, as no verifier outside is in play here."""
    result = perform(effect)
    if isinstance(result, Checks):
        return replace(result, model=effect.model)
    if isinstance(result, Reply) and hasattr(effect, "n"):
        return Checks(Tally(), result.usage, model=effect.model)
    return result


@given(usages, prices)
def test_no_call_costs_less_than_nothing(usage: Usage, price: Price) -> None:
    assert price.of(usage) >= 0
