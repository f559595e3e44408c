"""The outcome of a call: every model's answer to what the caller asked, and all verdicts on each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..checking.query import Query
from ..decision import Draft
from ..evidence.asked import asked_in
from ..outcomes.verdict_cost import VerdictCost
from ..routing.effects import Check, Checks, Reply
from ..routing.ending import Ending
from ..routing.price import Price
from ..routing.route import Route
from ..usage import Usage

if TYPE_CHECKING:
    from ..outcomes.scoring import Scorer

Ask: TypeAlias = Callable[[int], Reply]
"""Asks model number i what the caller asked."""
Draw: TypeAlias = Callable[[int, Reply, int], Checks]
"""Draws n verdicts on a reply of model number i."""


class Cascade(Protocol):
    """What an adapter's cascade tells of itself."""

    @property
    def names(self) -> Sequence[str]:
        """The models' names."""
        ...

    @property
    def prices(self) -> Sequence[Price | None] | None:
        """Their prices, None where there are none."""
        ...

    @property
    def k(self) -> int:
        """The most verdicts drawn on one draft."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """A call that is over, and how to ask the models that did not answer it.

    `replies` are the answers at hand, by model; `checks` the verdicts already drawn on them; `k` how many verdicts an
    outcome records; `prompt` the digest of the checking prompt.
    """

    route: Route
    query: Query
    names: Sequence[str]
    prices: Sequence[Price | None] | None
    k: int
    replies: Mapping[int, Reply]
    checks: Mapping[int, Sequence[Checks]]
    ask: Ask
    draw: Draw
    prompt: str | None = None

    @classmethod
    def of(
        cls,
        route: Route,
        query: Query,
        ending: Ending,
        answer: Reply | None,
        cascade: Cascade,
        perform: Callable[[Draft | Check], Any],
        prompt: str | None,
    ) -> Case:
        """The call that ended with `ending`; `perform` is what performs the effects of an adapter's calls."""
        replies, checks = at_hand(ending, answer)

        def ask(model: int) -> Reply:
            reply: Reply = perform(Draft(model))
            return reply

        def draw(model: int, reply: Reply, n: int) -> Checks:
            found: Checks = perform(Check(model, n, reply))
            return found

        return cls(
            route, query, cascade.names, cascade.prices, cascade.k, replies, checks, ask=ask, draw=draw, prompt=prompt
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """One model's part of an outcome: its reply, the verdicts on it, and what asking for them in the audit used."""

    reply: Reply
    checks: Sequence[Checks]
    asked: Sequence[tuple[Usage | None, Price | None]]


def at_hand(ending: Ending, answer: Reply | None) -> tuple[dict[int, Reply], dict[int, list[Checks]]]:
    """The answers that a call left behind, and the checks of each draft; a failed or repeated one is not among them."""
    replies: dict[int, Reply] = {}
    checks: dict[int, list[Checks]] = {}
    for step in ending.steps:
        if isinstance(step.result, Reply):
            replies[step.model], checks[step.model] = step.result, []
        elif isinstance(step.result, Checks) and step.result.tally.drawn + (step.result.tally.probability is not None):
            checks.setdefault(step.model, []).append(step.result)
    if answer is not None:
        replies[ending.action.model] = answer
    return replies, checks


def record(case: Case, scorer: Scorer, *, texts: bool = True) -> dict[str, Any]:
    """The outcome of `case` as a file holds it: the missing answers and verdicts are asked for now.

    Scores are of agreement with the largest model's answer, by `scorer`. Costs are in USD, or in tokens where a price
    is not known. Verdicts stand in a random order, the same for the same call: the order in which they were drawn tells
    nothing. Raises what a model raises.
    """
    last = len(case.names) - 1
    parts = [_part(case, model, checked=model < last) for model in range(last + 1)]
    largest = parts[last].reply.text
    models = []
    for model, part in enumerate(parts):
        score = 1.0 if model == last else scorer(part.reply.text, [largest]) if largest.strip() else 0.0
        models.append(_model(case, model, part, score, texts))
    spent = [_usd(usage, price) for part in parts for usage, price in part.asked]
    known = [cost for cost in spent if cost is not None]
    found: dict[str, Any] = {"id": case.route.id, "reference": "largest", "models": models, "served": case.route.model}
    if signals := asked_in(case.query):
        found["query_signals"] = signals
    if texts:
        found |= {"question": case.query.question, "context": list(case.query.context)}
    return found | {"prompt": case.prompt, "audit_cost": sum(known) if len(known) == len(spent) else None}


def _part(case: Case, model: int, *, checked: bool) -> _Answer:
    asked: list[tuple[Usage | None, Price | None]] = []
    reply = case.replies.get(model)
    if reply is None:
        reply = case.ask(model)
        asked.append((reply.usage, _price(case, model)))
    checks = list(case.checks.get(model, ()))
    tally = sum((c.tally for c in checks[1:]), checks[0].tally) if checks else None
    wanted = case.k - (tally.drawn if tally else 0)
    if checked and not reply.problem and wanted > 0 and not (tally and tally.probability is not None):
        drawn = case.draw(model, reply, wanted)
        checks.append(drawn)
        asked.append((drawn.usage, drawn.price if drawn.model is None else _price(case, drawn.model)))
    return _Answer(reply, checks, asked)


def _model(case: Case, model: int, part: _Answer, score: float, texts: bool) -> dict[str, Any]:
    reply = part.reply
    found: dict[str, Any] = {"name": case.names[model], "score": score, "cost": _cost(case, model, reply.usage)}
    if texts:
        found["answer"] = reply.text
    if reply.problem:
        found["problem"] = reply.problem
    if reply.usage is not None:
        found["usage"] = reply.usage.to_dict()
    if reply.seconds is not None:
        found["seconds"] = reply.seconds
    if reply.signals:
        found["signals"] = dict(reply.signals)
    if part.checks:
        found |= _verdicts(case, part.checks)
        if seconds := [checks.seconds for checks in part.checks if checks.seconds is not None]:
            found["verdict_seconds"] = max(seconds)  # of the largest batch
    return found


def _verdicts(case: Case, checks: Sequence[Checks]) -> dict[str, Any]:
    tally = sum((c.tally for c in checks[1:]), checks[0].tally)
    if tally.probability is not None:
        return {"probability": tally.probability}
    verdicts: list[int | None] = [1] * tally.correct + [0] * tally.incorrect + [None] * tally.unreadable
    Random(case.route.id).shuffle(verdicts)
    return {"verdicts": verdicts, "verdict_cost": _verdict_cost(case, checks).to_dict()}


def _verdict_cost(case: Case, checks: Sequence[Checks]) -> VerdictCost:
    """Reading the prompt once a request, and each verdict's tokens; nothing where the tokens are not known."""
    reading = writing = 0.0
    drawn = requests = 0
    for part in checks:
        if part.usage is None or not part.tally.drawn:
            continue
        price = part.price if part.model is None else _price(case, part.model)
        reading += _of(replace(part.usage, output_tokens=0), price)
        writing += _of(Usage(0, part.usage.output_tokens), price)
        drawn += part.tally.drawn
        requests += part.requests
    if not drawn:
        return VerdictCost()
    if requests < drawn:
        each_read = reading / requests
        return VerdictCost(first=each_read, again=each_read, each=writing / drawn)
    return VerdictCost(each=(reading + writing) / drawn)


def _price(case: Case, model: int) -> Price | None:
    return None if case.prices is None else case.prices[model]


def _cost(case: Case, model: int, usage: Usage | None) -> float:
    return 0.0 if usage is None else _of(usage, _price(case, model))


def _of(usage: Usage, price: Price | None) -> float:
    return float(usage.input_tokens + usage.output_tokens) if price is None else price.of(usage)


def _usd(usage: Usage | None, price: Price | None) -> float | None:
    return None if usage is None or price is None else price.of(usage)
