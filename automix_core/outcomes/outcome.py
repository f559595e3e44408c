"""Questions and outcomes: the records that policies are fitted and measured on, one JSON object a line.

An outcome is one question with every model's answer, its score and cost, and the verdicts recorded on it. Texts may be
missing; a given score is never recomputed. All costs are in one unit.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ..errors import ConfigError, DataError
from ..files import read_lines
from .evaluation_sets import as_question, made_id, read_records
from .kinds import UNANSWERABLE, mistaken
from .later import Later
from .parquet import is_parquet, read_rows
from .verdict_cost import VerdictCost

log = logging.getLogger("automix")


def _verdict(value: Any) -> bool | None:
    if value is None or value is True or value is False:
        return value
    if type(value) is int and value in (0, 1):
        return bool(value)
    raise ValueError("a verdict is 1 (correct), 0 (incorrect) or null (unreadable)")


def _verdict_cost(value: Any) -> VerdictCost:
    try:
        found = VerdictCost.parse(value)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    for cost in found.to_dict().values():
        _cost(cost)
    return found


def _known(value: Any) -> Any:
    """A number that is null is missing."""
    if value is None:
        return {}
    return {name: number for name, number in value.items() if number is not None} if isinstance(value, dict) else value


def _cost(value: float) -> float:
    """Costs so large that sums and products of them leave the range of floating-point numbers are refused."""
    if value > 1e100:
        raise ValueError("a cost is at most 1e+100; count in a larger unit")
    return value


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, arbitrary_types_allowed=True)


class Tokens(_Frozen):
    """Tokens as a provider counted them; `cached_input_tokens` is the part of the input that a prompt cache served.

    `requests` is how many requests they are the sum of.
    """

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cached_input_tokens: int = Field(default=0, ge=0)
    requests: int = Field(default=1, ge=1)


Recorded: TypeAlias = Annotated[bool | None, BeforeValidator(_verdict)]
Cost: TypeAlias = Annotated[float, Field(ge=0), AfterValidator(_cost)]


class ModelOutcome(_Frozen):
    """What one model answered, what it scored in [0, 1] and cost, and what checks of its answer said, in order.

    `verdicts` are True, False or None (unreadable); `probability` is a direct confidence that may stand for them.
    Without a `verdict_cost` verdicts are free. `signals` are numbers known about the answer, a missing one is missing;
    `signal_cost` prices those that are paid for. `usage` is the answer's tokens, `verdict_usage` those of all checks
    together, None where the provider reported none. `problem` says why the answer would be rejected unverified, e.g.
    "cut off"; an empty one is. `seconds` is how long the answer took, `verdict_seconds` how long one round of checks
    did.
    """

    name: str
    score: float = Field(ge=0, le=1)
    cost: Cost
    answer: str | None = None
    verdicts: tuple[Recorded, ...] = ()
    verdict_texts: tuple[str | None, ...] | None = None
    verdict_cost: Annotated[VerdictCost, BeforeValidator(_verdict_cost)] = VerdictCost()
    probability: float | None = Field(default=None, ge=0, le=1)
    problem: str | None = None
    signals: Annotated[dict[str, float], BeforeValidator(_known)] = Field(default_factory=dict)
    signal_cost: Annotated[dict[str, Cost], BeforeValidator(_known)] = Field(default_factory=dict)
    usage: Tokens | None = None
    verdict_usage: Tokens | None = None
    seconds: float | None = Field(default=None, ge=0)
    verdict_seconds: float | None = Field(default=None, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _no_verdicts(cls, data: Any) -> Any:
        return {**data, "verdicts": ()} if isinstance(data, dict) and data.get("verdicts", ()) is None else data


def _answer(text: str) -> str:
    if not text.strip():
        raise ValueError(
            f'an answer is empty; leave answers out where none is known, or write "{UNANSWERABLE}" where the context '
            "lacks it"
        )
    return text


class Question(_Frozen):
    """A question, the context it is to be answered from, and its gold answers (None: collected label-free).

    An empty list of answers is SQuAD's way to say that the context lacks the answer: the gold is `unanswerable`.
    """

    id: str = Field(min_length=1, coerce_numbers_to_str=True)
    question: str = Field(min_length=1)
    context: str | tuple[str, ...] | None = None
    answers: tuple[Annotated[str, AfterValidator(_answer)], ...] | None = None

    @property
    def golds(self) -> tuple[str, ...] | None:
        """The gold answers to score against; None where there are none to be had."""
        return (UNANSWERABLE,) if self.answers == () else self.answers


class Outcome(_Frozen):
    """One question with every model's outcome, cheapest first.

    `reference` is what scores were measured against: gold answers, or the largest model's answer. `prompt` is the
    digest of the checking prompt. `served` is the number of the model whose answer the caller got, where the outcome
    is of a call that was audited; `audit_cost` what the audit cost, in USD. `query_signals` are numbers known of the
    question and its context before any draft.
    """

    id: str = Field(min_length=1, coerce_numbers_to_str=True)
    models: tuple[ModelOutcome, ...] = Field(min_length=2)
    question: str | None = None
    context: str | tuple[str, ...] | None = None
    answers: tuple[str, ...] | None = None
    reference: Literal["gold", "largest"] | None = None
    prompt: str | None = None
    served: int | None = Field(default=None, ge=0)
    audit_cost: float | None = Field(default=None, ge=0)
    query_signals: Annotated[dict[str, float], BeforeValidator(_known)] = Field(default_factory=dict)

    @property
    def routed(self) -> bool:
        """Whether a policy would be asked: not about an audited call that came without context."""
        return self.served is None or self.context is None or self.context != ()

    def record(self) -> dict[str, Any]:
        """The outcome as a line of JSON Lines holds it; what is None is left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def told(self, later: Later) -> Outcome:
        """The outcome once `later` was said of it. Gold answers need the texts of all answers to be recorded."""
        if later.score is not None:
            return self.scored(later.score)
        found = later.scores([model.answer for model in self.models])
        if None in found:
            log.warning("Gold answers of the call %s are left out: its outcome was recorded without texts.", self.id)
            return self
        models = (model.model_copy(update={"score": score}) for model, score in zip(self.models, found, strict=True))
        return self.model_copy(update={"models": tuple(models), "answers": later.answers, "reference": "gold"})

    def scored(self, score: float) -> Outcome:
        """The outcome once the served answer (the last model's, if that is not known) was given `score`.

        Models that gave the same answer share it; the others keep theirs.
        """
        served = len(self.models) - 1 if self.served is None else min(self.served, len(self.models) - 1)
        said = self.models[served].answer

        def same(model: ModelOutcome, place: int) -> bool:
            return place == served or (said is not None and model.answer is not None and _alike(said, model.answer))

        models = (
            model.model_copy(update={"score": score}) if same(model, place) else model
            for place, model in enumerate(self.models)
        )
        return self.model_copy(update={"models": tuple(models)})


def _alike(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


_LONGEST_LATER = 65_536

_TOLD = 5_000
"""Lines after which it is told how many bytes are read."""

_LATER = re.compile(r'"score"\s*:|"by"\s*:')

Record = TypeVar("Record", Question, Outcome)


def read_questions(path: str | os.PathLike[str]) -> list[Question]:
    """The questions in a file: JSON Lines, or JSON or CSV by its name, in the usual names of evaluation sets.

    A question without an id is given one, the same for the same text. Raises `DataError`, naming file and line, where
    a record is wrong or an id comes twice.
    """
    return [question for _, question in once(path, _questions(path))]


def read_outcomes(path: str | os.PathLike[str]) -> list[Outcome]:
    """The outcomes in a file, all of the same models, with what was said of them later (`score`) joined to them.

    JSON Lines, or Parquet by its name or as a folder of parts (the extra `parquet`). Raises `DataError`, naming file
    and line, where a record is wrong, an id comes twice or the models change.
    """
    later: dict[str, Later] = {}
    outcomes = [outcome for _, outcome in same_models(path, once(path, each_outcome(path, later)))]
    return list(told_later(path, outcomes, later))


def told_later(
    path: str | os.PathLike[str], outcomes: Iterable[Outcome], later: Mapping[str, Later]
) -> Iterator[Outcome]:
    """The outcomes with what was said of each `later` joined to them; scores of calls without one are warned of."""
    unknown = dict(later)
    for outcome in outcomes:
        said = unknown.pop(outcome.id, None)
        yield outcome if said is None else outcome.told(said)
    if unknown:
        log.warning(
            "%s holds %d scores of calls that it has no outcome of (%s); they are left out.",
            path,
            len(unknown),
            ", ".join(sorted(unknown)[:3]) + (", ..." if len(unknown) > 3 else ""),
        )


def same_models(path: str | os.PathLike[str], outcomes: Iterable[tuple[str, Outcome]]) -> Iterator[tuple[str, Outcome]]:
    """The outcomes. Raises `DataError` where the models are not those of the first."""
    first: list[str] = []
    for place, outcome in outcomes:
        names = [model.name for model in outcome.models]
        first = first or names
        if names != first:
            raise DataError(
                f"{path}, {place}: the models are {', '.join(names)}, on the first line {', '.join(first)}; "
                "all outcomes of a file must be of the same models in the same order."
            )
        yield place, outcome


def digest(outcomes: Iterable[Outcome]) -> str:
    """SHA-256 of what decisions depend on: ids, scores, costs, verdicts, signals; not on texts or the order."""
    return hashlib.sha256("\n".join(sorted(map(decisive, outcomes))).encode()).hexdigest()


def decisive(outcome: Outcome) -> str:
    """What decisions depend on, as a line of which the digest is made."""
    return json.dumps([outcome.id, [_decisive(model) for model in outcome.models]], separators=(",", ":"))


def _decisive(model: ModelOutcome) -> list[Any]:
    price = {name: float(cost) for name, cost in model.verdict_cost.to_dict().items()}
    found = [model.score, model.cost, model.verdicts, price, model.probability]
    return [*found, sorted(model.signals.items()), sorted(model.signal_cost.items())] if model.signals else found


def coin(outcome_id: str) -> float:
    """The coin in [0, 1) that a mixed policy draws for an outcome in a replay: the first 53 bits of sha256(id)."""
    return (int.from_bytes(hashlib.sha256(outcome_id.encode()).digest()[:8]) >> 11) / 2**53


def each_outcome(
    path: str | os.PathLike[str], later: dict[str, Later], told: Callable[[int], object] = lambda _: None
) -> Iterator[tuple[str, Outcome]]:
    """The outcomes with their places, one after the other; scores that came later go into `later`, by id.

    `told` is called with about how many bytes are read, of JSON Lines.
    """
    if is_parquet(path):
        yield from (checked(path, place, record) for place, record in read_rows(path))
        return
    read = 0
    for line, text in read_lines(path):
        if line % _TOLD == 0:
            told(read)
        read += len(text)
        try:
            if len(text) < _LONGEST_LATER and '"models"' not in text and _LATER.search(text):
                said = Later.model_validate_json(text)
                later[said.id] = said
                continue
            yield f"line {line}", Outcome.model_validate_json(text)
        except ValidationError as error:
            raise DataError(f"{path}, line {line}: {mistaken(text, 'outcomes') or _first(error)}") from None


def checked(path: str | os.PathLike[str], place: str, record: dict[str, Any]) -> tuple[str, Outcome]:
    """The record as an outcome. Raises `DataError`, naming its place."""
    try:
        return place, Outcome.model_validate(record)
    except ValidationError as error:
        raise DataError(f"{path}, {place}: {mistaken(record, 'outcomes') or _first(error)}") from None


def _questions(path: str | os.PathLike[str]) -> Iterator[tuple[str, Question]]:
    made: Counter[str] = Counter()
    for place, record in read_records(path):
        if isinstance(record, dict):
            if wrong := mistaken(record, "questions"):
                raise DataError(f"{path}, {place}: {wrong}")
            record = as_question(record)
            record = record if "id" in record else {**record, "id": made_id(record, made)}
        try:
            question = Question.model_validate(record)
        except ValidationError as error:
            raise DataError(f"{path}, {place}: {_first(error)}") from None
        yield place, question


def once(
    path: str | os.PathLike[str], records: Iterable[tuple[str, Record]], most: int = sys.maxsize
) -> Iterator[tuple[str, Record]]:
    """The records. Raises `DataError` where an id comes twice; the first `most` ids are remembered."""
    seen: dict[str, str] = {}
    for place, record in records:
        if record.id in seen:
            raise DataError(f"{path}, {place}: the id {record.id!r} was already used on {seen[record.id]}.")
        if len(seen) < most:
            seen[record.id] = place
        yield place, record


def _first(error: ValidationError) -> str:
    """The first thing wrong, with the field it is about."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return f"not a whole JSON object ({first['msg'].removeprefix('Invalid JSON: ')})."
    field = ".".join(str(part) for part in first["loc"]) or "record"
    field = field if field.isprintable() else repr(field)  # a file may name its fields as it likes
    words = first["msg"].removeprefix("Value error, ")
    return f"field {field}: {words[0].lower()}{words[1:]}{'' if words.endswith('.') else '.'}"
