"""The record of one call: who answered, why, after which steps, for how many tokens and how much money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from ..checking.query import Query
from ..decision import Accept, Counts
from ..errors import ConfigError
from ..usage import Tokens, Usage, total
from .bill import Bill, bills
from .effects import Checks, Dropped, Measured, Reply
from .ending import Ending
from .price import Price
from .record import CostRecord, StepRecord, UsageRecord
from .step import Step

RouteAction: TypeAlias = Literal["accept", "escalate", "direct", "bypass", "fallback"]


@dataclass(frozen=True, slots=True)
class Route:
    """The record of one call, the same in both frameworks.

    `action` is accept (a draft was kept), escalate (a later model answered after a rejection), direct (the policy let
    a model answer unchecked), bypass (the policy was not asked) or fallback (something failed, and so another answer
    was given than the policy chose, or none). `confidence` and `verdicts` are those of the last verified draft,
    `signals` and `evidence` those of the last draft. `errors` are the types of what failed, and what was found wrong
    with the answer. `usage` and `cost` are laid out as in `to_dict`; a figure that needs an unknown price or an
    unreported usage is None, never 0.
    """

    id: str
    model: int
    model_name: str | None
    action: RouteAction
    reason: str
    policy_version: str | None
    seconds: float | None
    confidence: float | None
    verdicts: Counts
    steps: Sequence[StepRecord]
    signals: Mapping[str, float]
    evidence: float | None
    context_source: str
    context_truncated: bool
    policy: str
    errors: Sequence[str]
    usage: UsageRecord
    usage_estimated: bool
    cost: CostRecord

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dict: what the adapters attach to a response."""
        return plain({name: getattr(self, name) for name in self.__slots__})  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Route:
        """The route that `to_dict` gave. Raises `ConfigError` if a field is missing."""
        try:
            return cls(**{name: data[name] for name in cls.__slots__})
        except KeyError as missing:
            raise ConfigError(
                f"This is not the record of a route: it has no field {missing}; pass what to_dict() gave."
            ) from None


def keeps_a_draft(model: int, steps: Sequence[Mapping[str, Any]], models: int) -> bool:
    """Whether a route kept a draft of a model before the last: by who answered, its steps, and how many models."""
    return model < models - 1 and bool(steps) and steps[-1]["do"] == "accept"


def settle(ending: Ending, query: Query, **known: Any) -> Route:
    """The route of one call, as `close_books` writes it."""
    return close_books(ending, query, **known)[0]


def close_books(
    ending: Ending,
    query: Query,
    *,
    policy: str,
    names: Sequence[str | None],
    prices: Sequence[Price | None] | None = None,
    answer: Reply | None = None,
    seconds: float | None = None,
    policy_version: str | None = None,
) -> tuple[Route, Usage | None]:
    """Close the books of one call: its route, and all its tokens with their details, None if a part was not reported.

    `answer` is the finishing reply, None when a draft was kept; what is wrong with it is said in the reason, the errors
    and its step.
    """
    model = ending.action.model
    priced = prices or (None,) * len(names)
    steps = ending.steps if answer is None else (*ending.steps, Step("finish", model, result=answer))
    listed = bills(steps, priced)
    said = answer or ending.reply
    reason, errors = ending.reason, list(ending.errors)
    if answer is not None and answer.problem:
        reason = f"{reason} The answer of model {model} is {answer.problem}.".lstrip()
        errors.append(answer.problem)
    whole = total(bill.usage for bill in listed)
    route = Route(
        id=uuid4().hex,
        model=model,
        model_name=(said.name if said else None) or names[model],
        action=_action(ending, model),
        reason=reason,
        policy_version=policy_version,
        seconds=None if seconds is None else round(seconds, 6),
        confidence=ending.tally.confidence,
        verdicts=ending.tally.to_dict(),
        steps=[step.to_dict() for step in steps],
        signals=dict(ending.signals),
        evidence=ending.evidence,
        context_source=query.source,
        context_truncated=query.truncated or ending.truncated,
        policy=policy,
        errors=errors,
        usage=_usage(listed, len(names), whole),
        usage_estimated=any(
            isinstance(s.result, Checks | Dropped | Measured) and s.result.estimated for s in ending.steps
        ),
        cost=_cost(listed, said, len(names) - 1, priced[-1]),
    )
    return route, whole


def _action(ending: Ending, model: int) -> RouteAction:
    """Where two fit, the later of accept, escalate, direct, bypass, fallback; direct means that none was rejected."""
    if ending.fallback:
        return "fallback"
    if ending.bypass:
        return "bypass"
    if any(step.do == "draft" and step.model < model for step in ending.steps):
        return "escalate"
    checked = any(step.do == "verify" and step.model == model for step in ending.steps)
    return "accept" if checked and isinstance(ending.action, Accept) else "direct"


def _usage(bills: Sequence[Bill], models: int, whole: Usage | None) -> UsageRecord:
    def by(*roles: str) -> Tokens | None:
        return _tokens([bill.usage for bill in bills if bill.role in roles])

    return {
        "total": None if whole is None else whole.to_dict(),
        "draft": by("draft", "hedge"),
        "verify": by("verify"),
        "answer": by("answer"),
        "by_model": [_tokens([bill.usage for bill in bills if bill.model == m]) for m in range(models)],
    }


def _tokens(usages: Sequence[Usage | None]) -> Tokens | None:
    """The sum as a route records it: two numbers, without the details."""
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages):
        return None
    read, written = sum(usage.input_tokens for usage in known), sum(usage.output_tokens for usage in known)
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


def _cost(bills: Sequence[Bill], said: Reply | None, last: int, price: Price | None) -> CostRecord:
    """What the call cost, and what the last model alone would have cost, net of verification."""
    costs = [bill.cost for bill in bills]
    known = [cost for cost in costs if cost is not None]
    spent = sum(known) if len(known) == len(costs) else None
    own = [bill.cost for bill in bills if bill.model == last and bill.role not in ("verify", "hedge")]
    guess = price.of(said.usage) if price and said and said.usage is not None else None
    alone = own[-1] if own else guess
    return {
        "total": spent,
        "always_large": alone,
        "always_large_estimated": not own and guess is not None,
        "saved": None if spent is None or alone is None else alone - spent,
        "currency": "USD",
    }


def plain(value: Any) -> Any:
    """`value` as data of its own, copied through: mappings as dicts, sequences as lists, numbers and text as they are.

    Most of what stands in a route is a number or a text, and is not worth a call of its own.
    """
    if isinstance(value, dict):
        return {key: item if type(item) in _SCALARS else plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in _SCALARS else plain(item) for item in value]
    return plain(dict(value)) if isinstance(value, Mapping) else value


_SCALARS = frozenset({type(None), str, int, float, bool})
