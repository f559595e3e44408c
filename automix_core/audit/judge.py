"""A judge: whatever says how right an answer is, asked in the background of the call that the answer is from."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, TypeAlias

from ..checking.query import Query
from ..errors import AutoMixError, ConfigError, DataError
from ..routing.price import Price
from ..usage import Usage, total

log = logging.getLogger("automix")

NAMES = {
    "question": ("question", "query", "input", "inputs"),
    "answer": ("answer", "response", "prediction", "output", "outputs"),
    "context": ("context", "contexts"),
    "reference": ("reference", "reference_outputs", "reference_answer"),
}
"""What judges call the things that they are shown: functions, openevals, LangChain's and LlamaIndex's evaluators."""
_METHODS = ("evaluate_strings", "evaluate")
_AS_LIST = "contexts"


@dataclass
class Heard:
    """The tokens of the model calls that were made meanwhile, None for one that reported none."""

    usages: list[Usage | None] = field(default_factory=list)


Meter: TypeAlias = Callable[[], AbstractContextManager[Heard]]
"""Hears the model calls that are made within it, as an adapter's framework tells of them."""


def deaf() -> AbstractContextManager[Heard]:
    """Hears nothing."""
    return nullcontext(Heard())


class Judge:
    """`way` is a function or an evaluator; `price` that of the tokens which it spends.

    It is shown what it has a parameter for (`NAMES`). One that can be shown a reference gets the largest model's
    answer, which then scores 1 by definition; one that can't judges every answer. Raises `ConfigError` for what can't
    be asked.
    """

    def __init__(self, way: Any, price: Price | None = None) -> None:
        method = next((getattr(way, name) for name in _METHODS if callable(getattr(way, name, None))), None)
        if isinstance(way, type) or (method is None and not callable(way)):
            raise ConfigError(
                "Audit(judge) must be a function of question, context, answer and reference, or some of them, or an "
                f"evaluator of openevals, LangChain or LlamaIndex, not {way!r}."
            )
        self._ask: Callable[..., Any] = method or way
        self._price = price
        self._names = _parameters(self._ask)
        if callable(own := getattr(way, "aevaluate", None)):  # LlamaIndex's `evaluate` hands on to it what it has
            self._names |= _parameters(own)
        if "answer" not in self._names:
            raise ConfigError(f"Audit(judge) has no parameter called answer (or {', '.join(NAMES['answer'][1:])}).")
        needs = getattr(way, "requires_reference", None)
        self.compares = needs if isinstance(needs, bool) else "reference" in self._names

    def scores(
        self, query: Query, answers: Sequence[str], meter: Meter = deaf
    ) -> tuple[list[float] | None, float | None]:
        """What each answer scores, and what judging cost in USD, None where that is not known.

        The scores are None if the judge failed, which is logged.
        """
        with meter() as heard:
            found = self._scores(query, answers)
        if not heard.usages:
            return found, 0.0
        spent = total(heard.usages)
        return found, None if spent is None or self._price is None else self._price.of(spent)

    def _scores(self, query: Query, answers: Sequence[str]) -> list[float] | None:
        *others, last = answers
        reference = last if self.compares else None
        try:
            judged = [self._score(query, answer, reference) for answer in (others if self.compares else answers)]
        except Exception as error:
            # Others' messages may quote prompts.
            said = f"{type(error).__name__}: {error}" if isinstance(error, AutoMixError) else type(error).__name__
            log.warning("The judge of an audit failed with %s; agreement with the largest model is kept.", said)
            return None
        return [*judged, 1.0] if self.compares else judged

    def _score(self, query: Query, answer: str, reference: str | None) -> float:
        if not answer.strip():
            return 0.0
        shown: dict[str, Any] = {
            "question": query.question,
            "answer": answer,
            "context": query.context_text,
            "reference": reference,
        }
        given = {
            name: shown[what] for what, name in self._names.items() if not (what == "reference" and reference is None)
        }
        if _AS_LIST in given:
            given[_AS_LIST] = list(query.context)
        result = self._ask(**given)
        return score_in(asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result)


def score_in(result: Any) -> float:
    """The score from 0 to 1 in what a judge returned: a number, `passing`, or a score in a dict or an object.

    Raises `DataError` if there is none.
    """
    value = result
    if isinstance(result, Mapping):
        value = result.get("score")
    elif not isinstance(result, Real) and not hasattr(result, "item"):  # numpy's numbers have it
        passing = getattr(result, "passing", None)  # LlamaIndex's scores have scales of their own, such as 1 to 5
        value = getattr(result, "score", None) if passing is None else passing
    plain = value.item() if callable(getattr(value, "item", None)) else value
    if not isinstance(plain, Real) or not 0 <= float(plain) <= 1:
        raise DataError(f"it gave {plain!r}, and a score is a number from 0 (wrong) to 1 (right)")
    return float(plain)


def _parameters(ask: Callable[..., Any]) -> dict[str, str]:
    """What `ask` is to be shown, by its own names; all, by ours, where it takes whatever it is given."""
    try:
        parameters = inspect.signature(ask).parameters
    except (TypeError, ValueError):
        return {what: what for what in NAMES}
    found = {what: name for what, names in NAMES.items() for name in names if name in parameters}
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return found
    if not found:
        return {what: what for what in NAMES}
    # openevals fills its prompt from whatever it is given; evaluators that are methods name all that they use.
    return found if inspect.ismethod(ask) else {"context": "context"} | found


async def _awaited(result: Any) -> Any:
    return await result
