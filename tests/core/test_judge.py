"""Judges of every shape: what they are shown, and what is read from what they return."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from automix_core.audit.judge import Heard, Judge, score_in
from automix_core.checking.query import Query
from automix_core.errors import ConfigError, DataError
from automix_core.routing.price import Price
from automix_core.usage import Usage

QUERY = Query("Who built it?", ("Oda built it.", "In 1850."))


def shown(judge: Any, answers: tuple[str, ...] = ("Oda", "Oda V.")) -> list[float] | None:
    return Judge(judge).scores(QUERY, answers)[0]


def test_one_like_openevals_compares_and_is_given_the_context_for_its_prompt() -> None:
    seen: list[Any] = []

    def evaluator(*, inputs: Any = None, outputs: Any = None, reference_outputs: Any = None, **kwargs: Any) -> Any:
        seen.append((inputs, outputs, reference_outputs, kwargs))
        return {"key": "correctness", "score": True, "comment": "it does"}

    assert shown(evaluator) == [1.0, 1.0]
    assert seen == [("Who built it?", "Oda", "Oda V.", {"context": "Oda built it.\n\nIn 1850."})]


def test_an_awaited_one_is_awaited() -> None:
    async def judge(question: str, answer: str) -> float:
        return 0.5

    assert shown(judge) == [0.5, 0.5]


def test_one_that_takes_anything_is_shown_everything_by_our_names() -> None:
    def judge(**given: Any) -> float:
        assert set(given) == {"question", "answer", "context", "reference"}
        return 0.25

    assert shown(judge) == [0.25, 1.0]


class Strings:
    """As LangChain's string evaluators are."""

    requires_reference = False

    def evaluate_strings(self, *, prediction: str, reference: Any = None, input: Any = None, **kwargs: Any) -> Any:
        assert (reference, input, kwargs) == (None, "Who built it?", {})
        return {"score": 0 if prediction == "Oda" else 1, "value": "Y"}


def test_one_that_needs_no_reference_is_shown_none() -> None:
    assert shown(Strings()) == [0.0, 1.0]


class Engine:
    """As LlamaIndex's evaluators are."""

    class Result:
        passing, score = True, 4.5

    def evaluate(self, query: Any = None, response: Any = None, contexts: Any = None, **kwargs: Any) -> Any:
        assert contexts == ["Oda built it.", "In 1850."]
        return self.Result()


def test_a_verdict_of_passing_stands_for_a_score_on_a_scale_of_its_own() -> None:
    assert shown(Engine()) == [1.0, 1.0]


def test_an_empty_answer_scores_nothing_and_is_not_judged() -> None:
    assert shown(lambda answer: 1.0, (" ", "Oda")) == [0.0, 1.0]


@pytest.mark.parametrize("wrong", [4, -0.5, float("nan"), None, "yes", {"score": None}, {"grade": 1}, [1.0], object()])
def test_what_is_no_score_is_said(wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert shown(lambda answer: wrong) is None
    assert "The judge of an audit failed with DataError: it gave" in caplog.text
    with pytest.raises(DataError, match="a score is a number from 0"):
        score_in(wrong)


def test_what_others_raise_is_told_by_its_type(caplog: pytest.LogCaptureFixture) -> None:
    def judge(answer: str) -> float:
        raise ValueError("a private prompt")

    assert shown(judge) is None
    assert "failed with ValueError; agreement" in caplog.text
    assert "private" not in caplog.text


class Numeric:
    def item(self) -> float:
        return 0.5


@pytest.mark.parametrize(("given", "read"), [(True, 1.0), (0, 0.0), (Numeric(), 0.5), ({"score": 0.5}, 0.5)])
def test_scores_of_every_kind_are_read(given: Any, read: float) -> None:
    assert score_in(given) == read


@pytest.mark.parametrize("wrong", ["gpt", 3, Strings, lambda question: 1.0])
def test_what_cannot_be_asked_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"Audit\(judge\)"):
        Judge(wrong)


def test_a_function_without_an_answer_is_refused() -> None:
    with pytest.raises(ConfigError, match="no parameter called answer"):
        Judge(len)


@pytest.mark.parametrize(
    ("price", "usages", "cost"),
    [
        (Price(1, 2), [Usage(1_000_000, 0), Usage(0, 1_000_000)], 3.0),
        (Price(1, 2), [Usage(1, 1), None], None),
        (None, [Usage(1, 1)], None),
        (None, [], 0.0),
    ],
)
def test_the_cost_is_that_of_the_calls_that_were_heard(
    price: Price | None, usages: list[Any], cost: float | None
) -> None:
    def meter() -> AbstractContextManager[Heard]:
        return nullcontext(Heard(usages))

    assert Judge(lambda answer: 1.0, price).scores(QUERY, ["Oda", "Oda"], meter)[1] == cost
