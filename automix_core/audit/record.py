"""The outcome of a call: every model's answer to what the caller asked, and all verdicts on each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..checking.passing import NO_CONTEXT, Asked
from ..checking.query import Query
from ..decision import Draft
from ..evidence.asked import asked_in
from ..evidence.wanted import draft_signals
from ..outcomes.verdict_cost import VerdictCost
from ..routing.effects import Check, Checks, Gauge, Measured, Reply
from ..routing.ending import Ending
from ..routing.price import Price
from ..routing.route import Route
from ..usage import Usage, total
from .judge import Judge, Meter, deaf

if TYPE_CHECKING:
    from ..outcomes.scoring import Scorer

log = logging.getLogger("automix")

Ask: TypeAlias = Callable[[int], Reply]
"""Asks model number i what the caller asked."""
Draw: TypeAlias = Callable[[int, Reply, int], Checks]
"""Draws n verdicts on a reply of model number i."""
Measuring: TypeAlias = Callable[[int, Reply, str], Measured]
"""Measures a paid signal of a reply of model number i, by its name."""


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

    @property
    def signals(self) -> Sequence[str]:
        """The signals that are found out about each draft."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """A call that is over, and how to ask the models that did not answer it.

    `replies` are the answers at hand, by model; `checks` the verdicts already drawn on them; `k` how many verdicts an
    outcome records; `prompt` the digest of the checking prompt; `meter` hears the model calls of a judge.
    `measures` are the paid signals that an outcome records, `bought` those at hand, by model and name, and `measure`
    measures one.
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
    meter: Meter = deaf
    measures: Sequence[str] = ()
    bought: Mapping[int, Mapping[str, Measured]] = field(default_factory=dict)
    measure: Measuring | None = None

    @classmethod
    def of(
        cls,
        route: Route,
        query: Query,
        ending: Ending,
        answer: Reply | None,
        cascade: Cascade,
        perform: Callable[[Draft | Check | Gauge], Any],
        prompt: str | None,
        meter: Meter = deaf,
        measures: Sequence[str] = (),
    ) -> Case:
        """The call that ended with `ending`; `perform` is what performs the effects of an adapter's calls.

        An answer that was not a draft is given its textual signals. Without a context no verdict is drawn: there is
        nothing to check an answer against. `measures` are the paid signals that could be bought in the call.
        """
        replies, checks = at_hand(ending, answer)
        for model, said in replies.items():
            if not said.signals and not said.problem and model < len(cascade.names) - 1:
                replies[model] = replace(said, signals=draft_signals(query, said.text, cascade.signals))

        def ask(model: int) -> Reply:
            reply: Reply = perform(Draft(model))
            return reply

        def draw(model: int, reply: Reply, n: int) -> Checks:
            found: Checks = perform(Check(model, n, reply.judged))
            return found

        def measure(model: int, reply: Reply, name: str) -> Measured:
            found: Measured = perform(Gauge(model, name, reply.judged))
            return found

        k, names = (cascade.k, measures) if query.context else (0, ())
        parts = (replies, checks, ask, draw, prompt, meter, names, bought(ending), measure)
        return cls(route, query, cascade.names, cascade.prices, k, *parts)


@dataclass(frozen=True, slots=True)
class _Answer:
    """One model's part of an outcome: its reply, the verdicts on it and the signals bought, and what asking for them in
    the audit used."""

    reply: Reply
    checks: Sequence[Checks]
    asked: Sequence[tuple[Usage | None, Price | None]]
    bought: Mapping[str, Measured]


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


class NotAnAnswerError(Exception):
    """A model called a tool where the others answered: the turn answers nothing yet. `cost` is what was spent."""

    def __init__(self, cost: float | None) -> None:
        super().__init__()
        self.cost = cost


def is_question(asked: Asked, ending: Ending, answer: Reply | None) -> bool:
    """Whether a call is one that audits take up: no errand, no tool turn, nothing that was not to be verified."""
    if asked.passing:
        return asked.passing == NO_CONTEXT and answer is not None and bool(answer.text.strip())
    return not ending.bypass


def bought(ending: Ending) -> dict[int, dict[str, Measured]]:
    """The signals that a call bought of each model's last draft."""
    found: dict[int, dict[str, Measured]] = {}
    for step in ending.steps:
        if step.do == "draft":
            found.pop(step.model, None)
        elif isinstance(step.result, Measured) and step.name:
            found.setdefault(step.model, {})[step.name] = step.result
    return found


def record(case: Case, scorer: Scorer, *, texts: bool = True, judge: Judge | None = None) -> dict[str, Any]:
    """The outcome of `case` as a file holds it: the missing answers and verdicts are asked for now.

    Scores are the `judge`'s, else of agreement with the largest model's answer, by `scorer`. Costs are in USD, or in
    tokens where a price is not known. Verdicts stand in a random order, the same for the same call: the order in which
    they were drawn tells nothing. Raises what a model raises, and `NotAnAnswerError` for a tool turn.
    """
    last = len(case.names) - 1
    parts = [_part(case, model, checked=model < last) for model in range(last + 1)]
    spent = [_usd(usage, price) for part in parts for usage, price in part.asked]
    if any(part.reply.passes for part in parts):
        raise NotAnAnswerError(_sum(spent))
    answers = [part.reply.text for part in parts]
    judged: list[float] | None = None
    if judge is not None:
        judged, cost = judge.scores(case.query, answers, case.meter)
        spent.append(cost)
    scores = judged or [scorer(text, answers[last:]) if answers[last].strip() else 0.0 for text in answers[:last]] + [
        1.0
    ]
    models = [_model(case, model, part, scores[model], texts) for model, part in enumerate(parts)]
    found: dict[str, Any] = {"id": case.route.id, "models": models, "served": case.route.model}
    if judged is None or (judge is not None and judge.compares):
        found["reference"] = "largest"
    if judge is not None:
        found["judged"] = judged is not None
    if signals := asked_in(case.query):
        found["query_signals"] = signals
    if texts:
        found["question"] = case.query.question
    if texts or not case.query.context:
        found["context"] = list(case.query.context)
    return found | {"prompt": case.prompt if case.query.context else None, "audit_cost": _sum(spent)}


def _sum(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


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
    signals = dict(case.bought.get(model, {}))
    if checked and not reply.problem and case.measure is not None:
        for name in case.measures:
            if name not in signals and (found := _measured(case.measure, model, reply, name)) is not None:
                signals[name] = found
                asked.append((found.usage, _price_of(case, found)))
    return _Answer(reply, checks, asked, signals)


def _measured(measure: Measuring, model: int, reply: Reply, name: str) -> Measured | None:
    """A signal that can't be had is missing: the rest of the outcome is paid for."""
    try:
        return measure(model, reply, name)
    except Exception as error:
        log.warning("An audit could not measure %s (%s); the outcome goes without.", name, type(error).__name__)
        return None


def _model(case: Case, model: int, part: _Answer, score: float, texts: bool) -> dict[str, Any]:
    reply = part.reply
    found: dict[str, Any] = {"name": case.names[model], "score": score, "cost": _cost(case, model, reply.usage)}
    if texts:
        found["answer"] = reply.text
    if reply.problem:
        found["problem"] = reply.problem
    if reply.usage is not None:
        found["usage"] = _tokens(reply.usage)
    if reply.seconds is not None:
        found["seconds"] = reply.seconds
    values = {name: one.value for name, one in part.bought.items() if one.value is not None}
    if reply.signals or values:
        found["signals"] = {**reply.signals, **values}
    if part.bought:
        found["signal_cost"] = {name: _paid(case, one) for name, one in part.bought.items()}
    if part.checks:
        found |= _verdicts(case, model, part.checks)
        if seconds := [checks.seconds for checks in part.checks if checks.seconds is not None]:
            found["verdict_seconds"] = max(seconds)  # of the largest batch
    return found


def _verdicts(case: Case, model: int, checks: Sequence[Checks]) -> dict[str, Any]:
    tally = sum((c.tally for c in checks[1:]), checks[0].tally)
    if tally.probability is not None:
        return {"probability": tally.probability}
    verdicts: list[int | None] = [1] * tally.correct + [0] * tally.incorrect + [None] * tally.unreadable
    Random(case.route.id).shuffle(verdicts)
    found: dict[str, Any] = {"verdicts": verdicts, "verdict_cost": _verdict_cost(case, checks).to_dict()}
    spent = total(part.usage for part in checks)
    if spent is not None and all(part.model == model for part in checks):  # so they can be priced anew as this model's
        found["verdict_usage"] = _tokens(spent) | {"requests": sum(part.requests for part in checks)}
    return found


def _tokens(usage: Usage) -> dict[str, int]:
    found = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    found["total_tokens"] = usage.input_tokens + usage.output_tokens
    return found | ({"cached_input_tokens": usage.cached_input_tokens} if usage.cached_input_tokens else {})


def _verdict_cost(case: Case, checks: Sequence[Checks]) -> VerdictCost:
    """Reading the prompt once a request, and each verdict's tokens; nothing where the tokens are not known."""
    reading = writing = 0.0
    drawn = requests = 0
    for part in checks:
        if part.usage is None or not part.tally.drawn:
            continue
        price = part.price if part.model is None else _price(case, part.model)
        reading += _of(case, replace(part.usage, output_tokens=0), price)
        writing += _of(case, Usage(0, part.usage.output_tokens), price)
        drawn += part.tally.drawn
        requests += part.requests
    if not drawn:
        return VerdictCost()
    if requests < drawn:
        each_read = reading / requests
        return VerdictCost(first=each_read, again=each_read, each=writing / drawn)
    return VerdictCost(each=(reading + writing) / drawn)


def _paid(case: Case, found: Measured) -> float:
    """What a signal cost; nothing where its tokens are not known."""
    return 0.0 if found.usage is None else _of(case, found.usage, _price_of(case, found))


def _price_of(case: Case, found: Measured) -> Price | None:
    return found.price if found.by is None else _price(case, found.by)


def _price(case: Case, model: int) -> Price | None:
    return None if case.prices is None else case.prices[model]


def _cost(case: Case, model: int, usage: Usage | None) -> float:
    return 0.0 if usage is None else _of(case, usage, _price(case, model))


def _of(case: Case, usage: Usage, price: Price | None) -> float:
    """In USD; in tokens where a price of the cascade's is unknown, as all costs of an outcome are in one unit."""
    if price is None or case.prices is None or None in case.prices:
        return float(usage.input_tokens + usage.output_tokens)
    return price.of(usage)


def _usd(usage: Usage | None, price: Price | None) -> float | None:
    return None if usage is None or price is None else price.of(usage)
