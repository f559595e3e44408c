"""Keywords of a constructor: those that are known are handed on, the others named at the caller's line."""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, Field

from automix_core.errors import ConfigError
from automix_core.keywords import ignore_unknown, spelt_out
from automix_core.shown import chosen


class Judge(BaseModel):
    """What a part of an adapter looks like."""

    model: str | None = None
    k: int = 8
    secret: str = Field(default="", alias="api_key")

    @spelt_out
    def __init__(self, model: str | None = None, k: int = 8, *, api_key: str = "") -> None: ...


class Older(Judge):
    """A subclass with a field of its own, whose constructor nobody spelt out."""

    age: int = 0


class Wrapped(Judge):
    """A subclass with a constructor of its own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__("wrapped", **settings)


def test_what_is_given_is_handed_on_and_nothing_else() -> None:
    judge = Judge("a", api_key="x")
    assert (judge.model, judge.k, judge.secret) == ("a", 8, "x")
    assert judge.model_fields_set == {"model", "secret"}
    assert Judge.model_validate({"k": 3}).k == 3


def test_the_signature_is_what_editors_show() -> None:
    assert list(inspect.signature(Judge).parameters) == ["model", "k", "api_key"]


def test_subclasses_may_have_fields_and_constructors_of_their_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        older: Any = Older("a", age=70)  # type: ignore[call-arg]
        assert (older.model, older.age) == ("a", 70)
        assert Wrapped(k=2).model == "wrapped"


@pytest.mark.parametrize("make", [Judge, Judge.model_validate, Wrapped])
def test_an_unknown_keyword_is_ignored_with_a_warning_at_the_callers_line(make: Any) -> None:
    settings = {"kk": 3}
    with pytest.warns(UserWarning, match=r"ignores the unknown keyword 'kk'\. Did you mean 'k'\?$") as caught:
        made = make(settings) if make == Judge.model_validate else make(**settings)
    assert made.k == 8
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("given", "known", "advice"),
    [
        ({"threshold": 0.8}, ["policy"], " Write policy=Threshold(0.8)."),
        ({"threshold": "sk-secret"}, ["policy"], " Write policy=Threshold(...)."),
        ({"threshold": 0.8}, ["model"], " Leave it out."),
        ({"k": 4}, ["verifier"], " Write verifier=SelfVerifier(k=4)."),
        ({"large": object()}, ["models"], " Write models=[small, large]."),
        ({"polcy": None}, ["policy", "prices"], " Did you mean 'policy'?"),
        ({"streaming": True}, ["policy"], " Leave it out."),
        ({"temperature": 0}, ["models", "policy"], " Set it on each of the models."),
        ({"temprature": 0}, ["model", "temperature"], " Did you mean 'temperature'?"),
    ],
)
def test_a_likely_slip_is_told_what_to_write(given: dict[str, Any], known: list[str], advice: str) -> None:
    with pytest.warns(UserWarning, match="unknown") as caught:
        ignore_unknown("It", given, known)
    assert str(caught[0].message) == f"It ignores the unknown keyword {next(iter(given))!r}.{advice}"


def test_a_wrong_value_is_a_config_error_that_names_the_field_and_shows_no_value() -> None:
    wrong: dict[str, Any] = {"k": "many-secrets"}
    words = r"^Judge: k: Input should be a valid integer"
    with pytest.raises(ConfigError, match=words) as constructed:
        Judge(**wrong)
    with pytest.raises(ConfigError, match=words) as validated:
        Judge.model_validate(wrong)
    assert "many-secrets" not in str(constructed.value) + str(validated.value)


class Abstract(ABC):
    @abstractmethod
    def say(self) -> str: ...


def test_what_a_framework_s_class_can_not_be_made_of_is_a_config_error_too() -> None:
    def made(value: Any) -> Any:
        return Abstract()  # type: ignore[abstract]  # as pydantic makes an LLM of LlamaIndex's of a dict

    class Asks(Judge):
        who: Annotated[Any, BeforeValidator(made)] = None

    settings: dict[str, Any] = {"who": {}}
    with pytest.raises(ConfigError, match=r"^Asks can't be made of what it was given: .*abstract"):
        Asks(**settings)


def test_a_repr_shows_what_was_chosen_and_nothing_long() -> None:
    assert chosen(Judge("m", api_key="x" * 90), str.upper, ("k",)) == [("model", "M"), ("k", 8), ("secret", "...")]
    assert chosen(Judge(), str) == []
