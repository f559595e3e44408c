"""Collecting: every model's answer to every question, verdicts on the drafts, scores and costs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any, TypeVar

from automix_cli.collect.calls import CallError, Calls, Message
from automix_cli.collect.journal import Journal, Paid
from automix_cli.collect.plan import Plan
from automix_cli.endpoint.endpoint import Endpoint
from automix_core.checking import results as checking
from automix_core.checking.prompt import CASE, INSTRUCTIONS, SHOTS, case_variables, digest
from automix_core.checking.query import PASSAGE_BREAK, Query, passages
from automix_core.checking.thoughts import final_text
from automix_core.checking.verdict import read_verdict
from automix_core.errors import DataError
from automix_core.outcomes.outcome import UNANSWERABLE, Question
from automix_core.outcomes.scoring import Scorer

Result = TypeVar("Result")

EMPTY = {"history": "", "instructions": ""}
_IMPLAUSIBLE = 10
"""More characters a token than any language has: the count is of fewer texts."""


@dataclass(slots=True)
class Collected:
    """What came of it: outcome records in the order of the questions, and what failed, by question id."""

    outcomes: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    paid: int = 0
    found: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class _Draft:
    paid: Paid
    problem: str
    verdicts: tuple[bool | None, ...]
    texts: tuple[str, ...]
    price: dict[str, float] | None


def requests(questions: int, models: int) -> int:
    """About how many requests a run makes, if every server gives all verdicts at once."""
    return questions * (models + models - 1)


async def collect(
    questions: Sequence[Question],
    plan: Plan,
    endpoints: Sequence[Endpoint],
    score: Scorer,
    journal: Journal,
    answered: Callable[[], None] = lambda: None,
) -> Collected:
    """Ask every model every question; a question whose calls fail for good is left out and named.

    Raises `DataError` if the journal can't be written or the scorer misbehaves: where gold answers are given it is
    tried on one of them before anything is asked.
    """
    _try(score, questions)
    names = [model.url for model in plan.models]
    async with Calls(endpoints, names, journal, plan.concurrency, answered) as calls:
        run = _Run(plan, calls)
        results = await _all(partial(run.question, question) for question in questions)
        found = Collected(paid=calls.paid, found=calls.found)
    for question, result in zip(questions, results, strict=True):
        if isinstance(result, str):
            found.failed[question.id] = result
        else:
            try:
                found.outcomes.append(_outcome(question, plan, result, score, run))
            except DataError as error:
                raise DataError(
                    f"{error} The {len(journal)} answers paid for are kept in {journal.path}: mend the scorer and run "
                    "the same command again."
                ) from error
    found.estimated = run.estimated
    return found


class _Run:
    def __init__(self, plan: Plan, calls: Calls) -> None:
        self.plan, self.calls = plan, calls
        self.estimated = False

    async def question(self, question: Question) -> list[_Draft] | str:
        """Every model's draft, or why one could not be had."""
        try:
            return await _all(partial(self._model, question, m) for m in range(len(self.plan.models)))
        except CallError as error:
            return str(error)

    async def _model(self, question: Question, m: int) -> _Draft:
        settings = self.plan.models[m]
        asked = answer_messages(self.plan.prompt, question)
        paid = await self.calls.complete(m, asked, temperature=settings.temperature, max_tokens=settings.max_tokens)
        if not paid.texts:
            raise CallError(f"{settings.name} answered without a choice")
        problem = checking.problem(paid.texts[0], paid.finish[0])
        if m == len(self.plan.models) - 1 or problem:
            return _Draft(paid, problem, (), (), None)
        batches = await self._checks(question, final_text(paid.texts[0]), m)
        texts = tuple(text for batch in batches for text in batch.texts)[: self.plan.verify.k]
        return _Draft(paid, "", tuple(map(read_verdict, texts)), texts, self._verdict_cost(batches, m))

    async def _checks(self, question: Question, answer: str, m: int) -> list[Paid]:
        """k checks: in one request if the server gives them, what is missing one by one, at the same time."""
        verify, messages = self.plan.verify, check_messages(question, answer)

        async def draw(n: int, place: int) -> Paid:
            return await self.calls.complete(
                m, messages, temperature=verify.temperature, max_tokens=verify.max_tokens, n=n, place=place
            )

        try:
            first = [await draw(verify.k, 0)]
        except CallError as error:
            if " answered 400" not in str(error) and " answered 422" not in str(error):
                raise
            first = []
        missing = verify.k - sum(len(batch.texts) for batch in first)
        return [*first, *await _all(partial(draw, 1, place) for place in range(1, missing + 1))]

    def _verdict_cost(self, batches: Sequence[Paid], m: int) -> dict[str, float]:
        """What a batch cost: reading the prompt once a request, and each verdict's tokens."""
        verdicts = sum(len(batch.texts) for batch in batches)
        reading = fmean(self.cost(m, self._input(batch), 0) for batch in batches)
        writing = sum(self.cost(m, 0, self._output(batch)) for batch in batches) / max(verdicts, 1)
        if len(batches[0].texts) > 1:
            return {"first": reading, "again": reading, "each": writing, "round": 0.0}
        return {"first": 0.0, "again": 0.0, "each": reading + writing, "round": 0.0}

    def cost(self, m: int, read: float, written: float) -> float:
        """USD at the model's price; tokens where there are no prices."""
        if self.plan.prices is None:
            return read + written
        price = self.plan.prices[m]
        return (read * price.input + written * price.output) / 1_000_000

    def answer_cost(self, m: int, paid: Paid) -> float:
        """The cost of an answer."""
        return self.cost(m, self._input(paid), self._output(paid))

    def _input(self, paid: Paid) -> float:
        if paid.input_tokens is None:
            self.estimated = True
        return paid.input_tokens or 0

    def _output(self, paid: Paid) -> float:
        """Tokens written; some servers report those of one choice of several, which their texts give away."""
        characters = sum(map(len, paid.texts))
        if paid.output_tokens is None:
            self.estimated = True
            return sum(map(checking.approximate_tokens, paid.texts))
        if len(paid.texts) > 1 and characters > _IMPLAUSIBLE * max(paid.output_tokens, 1):
            self.estimated = True
            return paid.output_tokens * len(paid.texts)
        return paid.output_tokens


async def _all(jobs: Iterable[Callable[[], Coroutine[Any, Any, Result]]]) -> list[Result]:
    """The results of all jobs. Raises the first `CallError` once all have ended: what is under way is paid for."""
    failed: list[CallError] = []

    async def tried(job: Callable[[], Coroutine[Any, Any, Result]]) -> list[Result]:
        try:
            return [await job()]
        except CallError as error:
            failed.append(error)
            return []

    results = await asyncio.gather(*map(tried, jobs))
    if failed:
        raise failed[0]
    return [result for some in results for result in some]


def answer_messages(prompt: str, question: Question) -> list[Message]:
    """The request for an answer; braces in the question or the context are left alone."""
    values = {"context": PASSAGE_BREAK.join(passages(question.context)), "question": question.question}
    return [{"role": "user", "content": re.sub(r"\{(context|question)\}", lambda match: values[match[1]], prompt)}]


def check_messages(question: Question, answer: str) -> list[Message]:
    """The request for a check, with the examples as turns: what `SelfVerifier` sends."""
    messages: list[Message] = [{"role": "system", "content": INSTRUCTIONS}]
    for shot in SHOTS:
        example = EMPTY | {"context": shot.context, "question": shot.question, "answer": shot.answer}
        messages += [
            {"role": "user", "content": CASE.format(**example)},
            {"role": "assistant", "content": shot.check},
        ]
    case = case_variables(Query(question.question, passages(question.context)), answer)
    return [*messages, {"role": "user", "content": CASE.format(**case)}]


def _try(score: Scorer, questions: Sequence[Question]) -> None:
    """Score one gold answer as if a model had given it: a scorer that can't work is found before anything is paid."""
    golds = ((question, gold) for question in questions for gold in question.answers or ())
    for question, gold in golds:
        if gold.strip().lower() != UNANSWERABLE:
            _scored(score, question, gold, question.answers or ())
            return


def _scored(score: Scorer, question: Question, answer: str, golds: Sequence[str]) -> float:
    try:
        return score(answer, golds)
    except DataError as error:
        raise DataError(f"Question {question.id!r}: {error}") from error


def _outcome(question: Question, plan: Plan, drafts: Sequence[_Draft], score: Scorer, run: _Run) -> dict[str, Any]:
    answers = [final_text(draft.paid.texts[0]) for draft in drafts]
    golds = list(question.answers or ()) or [answers[-1]]
    models = []
    for m, (draft, answer, settings) in enumerate(zip(drafts, answers, plan.models, strict=True)):
        same = not question.answers and m == len(drafts) - 1
        model: dict[str, Any] = {
            "name": settings.name,
            "answer": answer,
            "score": 1.0 if same else _scored(score, question, answer, golds),
            "cost": run.answer_cost(m, draft.paid),
        }
        if draft.problem:
            model["problem"] = draft.problem
        if draft.price is not None:
            model["verdicts"] = [None if verdict is None else int(verdict) for verdict in draft.verdicts]
            model["verdict_texts"] = list(draft.texts)
            model["verdict_cost"] = draft.price
        models.append(model)
    record = question.model_dump(mode="json", exclude_none=True)
    return record | {"reference": "gold" if question.answers else "largest", "prompt": digest(), "models": models}
