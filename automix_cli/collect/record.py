"""Outcome records: answers scored, requests priced, verdicts read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automix_cli.collect import measures
from automix_cli.collect.journal import Paid
from automix_cli.collect.plan import Plan
from automix_core.checking import results as checking
from automix_core.checking.prompt import digest
from automix_core.checking.query import Query, passages
from automix_core.checking.sampling import one_counted
from automix_core.checking.thoughts import final_text
from automix_core.checking.verdict import read_verdict
from automix_core.errors import DataError
from automix_core.evidence.asked import asked_in
from automix_core.evidence.reported import reported_tokens
from automix_core.evidence.wanted import draft_signals
from automix_core.outcomes.outcome import Question, Tokens
from automix_core.outcomes.pricing import Cost, answer_cost, count, verdict_cost
from automix_core.outcomes.scoring import Scorer


@dataclass(frozen=True, slots=True)
class Draft:
    """A model's answer, why it can't be checked if it can't ("cut off"), and the requests that checked it, or that
    measured a paid signal, by its name."""

    paid: Paid
    problem: str = ""
    checks: Sequence[Paid] = ()
    measured: Mapping[str, Sequence[Paid]] = field(default_factory=dict)


class Books:
    """Tokens and costs. `estimated` is set once a server's count had to be replaced by an estimate."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.estimated = False

    def cost(self, m: int) -> Cost:
        """What tokens of a model cost: USD at its price, the number of tokens where there are no prices."""
        return count if self._plan.prices is None else self._plan.prices[m].of

    def spent(self, requests: Sequence[Paid]) -> Tokens:
        """The tokens of all requests."""
        if any(paid.input_tokens is None for paid in requests):
            self.estimated = True
        return Tokens(
            input_tokens=sum(paid.input_tokens or 0 for paid in requests),
            output_tokens=sum(map(self._output, requests)),
            cached_input_tokens=sum(paid.cached_tokens for paid in requests),
            requests=sum(paid.requests for paid in requests),
        )

    def _output(self, paid: Paid) -> int:
        """Tokens written; some servers report those of one choice of several, which their texts give away."""
        if paid.output_tokens is None:
            self.estimated = True
            return sum(map(checking.approximate_tokens, paid.texts))
        if one_counted(paid.texts, paid.output_tokens):
            self.estimated = True
            return paid.output_tokens * len(paid.texts)
        return paid.output_tokens


def scored(score: Scorer, question: Question, answer: str, golds: Sequence[str]) -> float:
    """The score of an answer. Raises `DataError`, naming the question, if the scorer misbehaves."""
    try:
        return score(answer, golds)
    except DataError as error:
        raise DataError(f"Question {question.id!r}: {error}") from error


def outcome(
    question: Question, plan: Plan, drafts: Sequence[Draft], score: Scorer, books: Books, *, texts: bool = True
) -> dict[str, Any]:
    """The record of a question, as a file of outcomes holds it."""
    answers = [final_text(draft.paid.texts[0]) for draft in drafts]
    golds = question.golds or (answers[-1],)
    models = []
    for m, (draft, answer, settings) in enumerate(zip(drafts, answers, plan.models, strict=True)):
        same = not question.golds and m == len(drafts) - 1
        spent, cost = books.spent([draft.paid]), books.cost(m)
        model: dict[str, Any] = {
            "name": settings.name,
            "answer": answer,
            "score": 1.0 if same else scored(score, question, answer, golds),
            "cost": answer_cost(cost, spent),
        }
        if draft.problem:
            model["problem"] = draft.problem
        if not draft.problem and (found := signals(question, draft.paid, answer, plan.signals)):
            model["signals"] = found
        if draft.measured:
            values = {name: measures.value(name, answer, asked) for name, asked in draft.measured.items()}
            known = {name: value for name, value in values.items() if value is not None}
            model["signals"] = {**model.get("signals", {}), **known}
            spent_on = {name: books.spent(asked) for name, asked in draft.measured.items()}
            model["signal_cost"] = {name: answer_cost(cost, tokens) for name, tokens in spent_on.items()}
        if draft.checks:
            model |= _checked(draft.checks, plan.verify.k, books, cost)
        model["usage"] = None if draft.paid.input_tokens is None else _usage(spent)
        if draft.paid.seconds is not None:
            model["seconds"] = draft.paid.seconds
        models.append(model)
    record: dict[str, Any] = question.model_dump(mode="json", exclude_none=True)
    if question.golds is not None:
        record["answers"] = list(question.golds)
    record |= {"reference": "gold" if question.golds else "largest", "prompt": digest(), "models": models}
    if known := asked_in(_query(question, drafts[0].paid)):
        record["query_signals"] = known
    return record if texts else _without_texts(record)


def signals(question: Question, paid: Paid, answer: str, names: Collection[str]) -> dict[str, float]:
    """What the answer's words and tokens tell; of an app's answer, in the light of what its model was shown."""
    return draft_signals(_query(question, paid), answer, names, reported_tokens(paid.logprobs))


def _query(question: Question, paid: Paid) -> Query:
    if paid.case is None:
        return Query(question.question, passages(question.context))
    return Query(paid.case["question"], tuple(paid.case["context"]), source=paid.case.get("source", "none"))


def _checked(checks: Sequence[Paid], k: int, books: Books, cost: Cost) -> dict[str, Any]:
    texts = [text for batch in checks for text in batch.texts]
    spent = books.spent(checks)
    verdicts = [read_verdict(text) for text in texts[:k]]
    known = all(batch.input_tokens is not None for batch in checks)
    seconds = [batch.seconds for batch in checks if batch.seconds is not None]
    return {
        "verdicts": [None if verdict is None else int(verdict) for verdict in verdicts],
        "verdict_texts": texts[:k],
        "verdict_cost": verdict_cost(cost, spent, len(texts)).to_dict(),
        "verdict_usage": _usage(spent) if known else None,
        **({"verdict_seconds": max(seconds)} if seconds else {}),
    }


def _usage(spent: Tokens) -> dict[str, int]:
    """Tokens in the form of a file; what says nothing is left out."""
    found = {"input_tokens": spent.input_tokens, "output_tokens": spent.output_tokens}
    found["total_tokens"] = spent.input_tokens + spent.output_tokens
    if spent.cached_input_tokens:
        found["cached_input_tokens"] = spent.cached_input_tokens
    return found | ({"requests": spent.requests} if spent.requests > 1 else {})


def _without_texts(record: dict[str, Any]) -> dict[str, Any]:
    private = {"question", "context", "answers", "answer", "verdict_texts"}
    models = [{name: value for name, value in model.items() if name not in private} for model in record["models"]]
    return {name: value for name, value in record.items() if name not in private} | {"models": models}
