"""Collecting: every model's answer to every question, and verdicts on the drafts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from automix_cli.collect.gather import all_of
from automix_cli.collect.journal import Journal, Paid
from automix_cli.collect.plan import Plan
from automix_cli.collect.record import Books, Draft, outcome, scored
from automix_cli.collect.system import CallError, System
from automix_core.checking import finish
from automix_core.checking.query import PASSAGE_BREAK, passages
from automix_core.endpoint.endpoint import key_variable
from automix_core.errors import DataError
from automix_core.outcomes.kinds import UNANSWERABLE
from automix_core.outcomes.outcome import Question
from automix_core.outcomes.scoring import Scorer

GIVE_UP = 5
"""Questions that fail one after the other until nothing more is asked."""
_HINTS = {
    401: "set {variable} or OPENAI_API_KEY to a key that is valid there",
    403: "set {variable} or OPENAI_API_KEY to a key that is valid there",
    404: "look at the URL's path and at the model's name",
    400: "look at the model's name and at the settings",
    422: "look at the model's name and at the settings",
}


@dataclass(slots=True)
class Collected:
    """What came of it: outcome records in the order of the questions, and what failed, by question id.

    `given_up` says why the last questions, `not_asked` in number and among the failed, were not asked.
    """

    outcomes: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    paid: int = 0
    found: int = 0
    estimated: bool = False
    given_up: str = ""
    not_asked: int = 0


def requests(questions: int, models: int) -> int:
    """About how many requests a run makes, if every server gives all verdicts at once."""
    return questions * (models + models - 1)


async def collect(
    questions: Sequence[Question], plan: Plan, system: System, score: Scorer, journal: Journal, *, texts: bool = True
) -> Collected:
    """Ask every model every question; a question whose calls fail for good is left out and named.

    Raises `DataError` if a model answers nothing at all, the journal can't be written or the scorer misbehaves: where
    gold answers are given it is tried on one of them before anything is asked. Without `texts` the records hold none.
    """
    _try(score, questions)
    run = _Run(plan, system, questions)
    await run.preflight()
    results = await all_of(partial(run.question, place) for place in range(len(questions)))
    found = Collected(paid=system.paid, found=system.found, given_up=system.over, not_asked=run.not_asked)
    books = Books(plan)
    for question, result in zip(questions, results, strict=True):
        if isinstance(result, str):
            found.failed[question.id] = result
        else:
            try:
                found.outcomes.append(outcome(question, plan, result, score, books, texts=texts))
            except DataError as error:
                raise DataError(
                    f"{error} The {len(journal)} answers paid for are kept in {journal.path}: fix the scorer and run "
                    "the same command again."
                ) from error
    found.estimated = books.estimated
    return found


class _Run:
    """The questions on their way. Equal ones are told apart by how many came before."""

    def __init__(self, plan: Plan, system: System, questions: Sequence[Question]) -> None:
        self.plan, self.system, self.questions = plan, system, questions
        self.not_asked = 0
        self._failed_in_a_row = 0
        self._begun = asyncio.Semaphore(plan.concurrency)
        self._tried: dict[tuple[int, int], Paid] = {}
        seen: Counter[tuple[str, str]] = Counter()
        self._nth = []
        for question in questions:
            alike = question.question, PASSAGE_BREAK.join(passages(question.context))
            self._nth.append(seen[alike])
            seen[alike] += 1

    async def preflight(self) -> None:
        """Each model answers one question before the others are asked, at the same time; the answers count.

        Raises `DataError` for a model that doesn't.
        """
        problems = await all_of(partial(self._attempt, m) for m in range(len(self.plan.models)))
        if told := "; ".join(filter(None, problems)):
            raise DataError(f"{told}. No other question was asked; the same command goes on once that is put right.")

    async def _attempt(self, m: int) -> str:
        """What is wrong with a model, if something is."""
        new = [place for place in range(len(self.questions)) if not self._known(m, place)]
        shortest = sorted(new[1:], key=lambda place: len(repr(self.questions[place])))[:1]
        for place in (tries := [*new[:1], *shortest]):
            try:
                self._tried[m, place] = await self.system.answer(m, self.questions[place], self._nth[place])
                return ""
            except CallError as error:
                if error.status in (400, 413, 422) and place != tries[-1]:  # perhaps it was the question's own fault
                    continue
                return self._refused(m, error)
        return ""

    def _known(self, m: int, place: int) -> bool:
        return self.system.known(m, self.questions[place], self._nth[place])

    def _refused(self, m: int, error: CallError) -> str:
        name, hint = self.plan.models[m].name, "" if self.plan.app else _HINTS.get(error.status or 0, "")
        then = f": {hint.format(variable=key_variable(name))}" if hint else ""
        return f"{name} can't be asked ({error}){then}"

    async def question(self, place: int) -> list[Draft] | str:
        """Every model's draft, or why one could not be had. A question is finished before many others are begun."""
        async with self._begun:
            return await self._question(place)

    async def _question(self, place: int) -> list[Draft] | str:
        if self.system.over:
            self.not_asked += 1
            return f"not asked: {self.system.over}"
        try:
            drafts = await all_of(partial(self._model, place, m) for m in range(len(self.plan.models)))
        except CallError as error:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= GIVE_UP and not self.system.over:
                self.system.over = f"{self._failed_in_a_row} questions in a row failed ({error})"
            return str(error)
        self._failed_in_a_row = 0
        return drafts

    async def _model(self, place: int, m: int) -> Draft:
        question, nth = self.questions[place], self._nth[place]
        paid = self._tried.pop((m, place), None) or await self.system.answer(m, question, nth)
        given = self.plan.app is None  # OpenAI's protocol has a reason in each answer
        problem = finish.problem(paid.texts[0], paid.finish[0], always_given=given)
        if m == len(self.plan.models) - 1 or problem:
            return Draft(paid, problem)
        checks = await self.system.checks(m, question, paid, nth)
        return Draft(paid, "", checks, await self.system.measured(m, question, paid, nth))


def _try(score: Scorer, questions: Sequence[Question]) -> None:
    """Score one gold answer as if a model had given it: a scorer that can't work is found before anything is paid."""
    golds = ((question, gold) for question in questions for gold in question.golds or ())
    for question, gold in golds:
        if gold.strip().lower() != UNANSWERABLE:
            scored(score, question, gold, question.golds or ())
            return
