"""Which signals are found out, paid ones by name, templates of the frameworks, and what a caller passes with a call."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from automix_core.checking.measuring import checked, number_of
from automix_core.checking.query import Query, read_coin
from automix_core.checking.results import check_case
from automix_core.checking.templates import is_formatted, texts_at
from automix_core.decision import Tally
from automix_core.errors import ConfigError
from automix_core.evidence import TEXTUAL, TOKENS, Token
from automix_core.evidence.wanted import draft_signals, needs_tokens, offered_signals, wanted_signals
from automix_core.routing.counting import measured_by
from automix_core.routing.effects import Checks


def policy(*names: str) -> Any:
    return SimpleNamespace(signal_names=names)


def test_the_signals_that_the_policy_uses_are_found_out_else_the_textual_ones() -> None:
    assert wanted_signals("auto", policy("support", "logprob_min", "p_correct")) == ("logprob_min", "support")
    assert wanted_signals("auto", policy("p_correct")) == tuple(sorted(TEXTUAL))
    assert wanted_signals("auto", object()) == tuple(sorted(TEXTUAL))


def test_named_signals_are_sorted_and_each_is_there_once() -> None:
    assert wanted_signals(["support", "echo", "support"], policy("quote")) == ("echo", "support")
    assert wanted_signals([], policy("quote")) == ()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("all", "must be \"auto\" or a list of names, not 'all'"),
        (["echo", "zeal"], "there is no signal zeal; there are"),
    ],
)
def test_a_signal_that_does_not_exist_is_named(wanted: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        wanted_signals(wanted, None)


def test_a_policy_may_find_the_wanted_signals_known_and_measure_the_paid_ones() -> None:
    assert offered_signals("auto", ["p_correct"]) == {*TEXTUAL, *TOKENS, "p_correct"}
    assert offered_signals(["echo"]) == {"echo"}


def test_log_probabilities_are_asked_for_only_where_a_signal_needs_them() -> None:
    assert needs_tokens(["echo", "logprob_min"])
    assert not needs_tokens(TEXTUAL)


def test_signals_that_need_the_question_are_missing_where_it_does_not_stand_apart() -> None:
    names = ("echo", "support", "logprob_min")
    apart = Query("Where is it?", ("It is in Paris.",), source="argument")
    prompt = Query("Where is it?", ("It is in Paris.",), source="prompt")
    tokens = [Token("Paris", -0.5)]
    assert draft_signals(apart, "Paris", names, tokens) == {"echo": 0.0, "support": 1.0, "logprob_min": -0.5}
    assert draft_signals(prompt, "Paris", names, tokens) == {"support": 1.0, "logprob_min": -0.5}
    assert draft_signals(apart, "Paris", ["support"], tokens) == {"support": 1.0}
    assert draft_signals(Query(""), "Paris", names) == {}


def test_measures_are_functions_or_verifiers_by_name() -> None:
    verifier, function = SimpleNamespace(check=len), len
    assert checked(None) == {}
    assert checked({"p_correct": verifier, "mine": function}) == {"p_correct": verifier, "mine": function}


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        ([len], "measures must be a dict"),
        ({1: len}, "a signal's name must be text, not 1"),
        ({"": len}, "a signal's name must be text, not ''"),
        ({"echo": len}, "echo is the name of a signal that costs nothing"),
        ({"mine": 3}, r"measures\['mine'\] must be a TokenVerifier or a function"),
        ({"mine": int}, r"measures\['mine'\] must be a TokenVerifier or a function"),
    ],
)
def test_measures_that_can_not_work_are_named(measures: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        checked(measures, TEXTUAL)


@pytest.mark.parametrize(
    ("given", "number"),
    [(2, 2.0), (np.float32(0.5), 0.5), (np.array([3]), 3.0), (None, None), (math.nan, None), (-math.inf, None)],
)
def test_a_measured_number_is_plain_and_one_that_is_not_finite_is_missing(given: Any, number: float | None) -> None:
    found = number_of("mine", given)
    assert found == number
    assert type(found) in (float, type(None))


def test_a_number_that_is_not_finite_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "automix"):
        assert [number_of("infinite", value) for value in (math.inf, -math.inf, None)] == [None] * 3
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("measures['infinite'] returned inf, which is no number to go by")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (None, '"auto" or a list of names, not None'),
        (3, '"auto" or a list of names, not 3'),
        (["p_correct", "support"], "p_correct costs requests; say in measures= how it is measured"),
    ],
)
def test_what_are_no_free_signals_is_said(wanted: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        wanted_signals(wanted, object())
    if not isinstance(wanted, list):
        with pytest.raises(ConfigError, match=words):
            offered_signals(wanted)


def test_a_measure_that_gives_no_number_is_named_with_what_it_gave() -> None:
    with pytest.raises(ConfigError, match=r"measures\['mine'\] returned str; it must return a number or None"):
        number_of("mine", "high")


def test_a_confidence_is_measured_as_its_log_odds() -> None:
    def value(confidence: float | None) -> float | None:
        return measured_by(Checks(Tally(unreadable=1, probability=confidence)), 0).value

    assert value(None) is None
    assert value(0.5) == pytest.approx(0)
    assert (value(0.9) or 0) > 0 > (value(0.1) or 0)


@pytest.mark.parametrize("coin", [0, 0.0, 0.999])
def test_a_coin_passed_with_a_call_is_a_number_below_1(coin: float) -> None:
    assert read_coin(coin) == coin
    assert type(read_coin(coin)) is float


def test_no_coin_is_none_and_anything_else_is_refused() -> None:
    assert read_coin(None) is None
    for wrong in (1, -0.1, True, "0.5", math.nan):
        with pytest.raises(ConfigError, match=r"automix_coin must be a number from 0 up to"):
            read_coin(wrong)


def test_a_verifiers_case_has_text_for_question_and_answer_and_any_context() -> None:
    check_case({"context": ["a", "b"], "question": "q", "answer": "a"})
    wrong: Mapping[str, Any] = {
        "needs a dict with the keys context, question and answer, not str": "q",
        "'context' is missing": {"question": "q", "answer": "a"},
        "'answer' is missing": {"context": None, "question": "q"},
        "'question' must be text, not int": {"context": None, "question": 1, "answer": "a"},
    }
    for said, case in wrong.items():
        with pytest.raises(ConfigError, match=said):
            check_case(case)


def test_a_prompt_is_known_as_a_template_with_its_variables_filled_in() -> None:
    templates = ["Say {what} to {whom}, {what}!", "Nothing else."]
    assert is_formatted("  Say hello\nthere to Ann, hello\nthere!", templates)
    assert not is_formatted("Say hello to Ann, goodbye!", templates)
    assert is_formatted("Nothing else.", templates)
    assert not is_formatted("Nothing elses", templates)
    assert not is_formatted("Nothing else.", [])


def test_only_templates_of_modules_that_are_loaded_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    places = (("framework_of_a_test", ("FIRST", "GONE")), ("never_imported", ("X",)))

    def texts(template: Any) -> list[str]:
        return [] if template is None else [template]

    assert texts_at(places, texts) == frozenset()
    module = ModuleType("framework_of_a_test")
    module.__dict__["FIRST"] = "Say {what}"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert texts_at(places, texts) == {"Say {what}"}
