"""The record of one call: who answered, why, after which steps, for how many tokens and how much money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from ..checking.query import Query
from ..decision import Accept, Counts, Tally
from ..errors import ConfigError
from ..usage import Tokens, Usage, total
from .effects import Checks, Measured, Reply
from .price import Price
from .procedure import Ending, Step
from .record import CostRecord, StepRecord, UsageRecord

RouteAction: TypeAlias = Literal["accept", "escalate", "direct", "bypass", "fallback"]


@dataclass(frozen=True, slots=True)
class Bill:
    """The tokens of one step: whose they are, at which price. `usage` None means that none were reported."""

    role: Literal["draft", "verify", "answer"]
    model: int | None
    usage: Usage | None
    price: Price | None

    @property
    def cost(self) -> float | None:
        """USD, or None where price or usage is unknown; no tokens cost nothing at any price."""
        if self.usage is None:
            return None
        if not self.usage.input_tokens and not self.usage.output_tokens:
            return 0.0
        return None if self.price is None else self.price.of(self.usage)


@dataclass(frozen=True, slots=True)
class Route:
    """The record of one call, the same in both hosts.

    `action` is accept (a draft was kept), escalate (a later model answered after a rejection), direct (the policy let
    a model answer unchecked), bypass (the policy was not asked) or fallback (something failed). `confidence` and
    `verdicts` are those of the last verified draft. `usage` and `cost` are laid out as in `to_dict`; a figure that
    needs an unknown price or an unreported usage is None, never 0.
    """

    model: int
    model_name: str | None
    action: RouteAction
    reason: str
    confidence: float | None
    verdicts: Counts
    steps: Sequence[StepRecord]
    context_source: str
    context_truncated: bool
    policy: str
    errors: Sequence[str]
    usage: UsageRecord
    usage_estimated: bool
    cost: CostRecord

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dict: what the hosts attach to a response."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Route:
        """The route that `to_dict` gave. Raises `ConfigError` if a field is missing."""
        try:
            return cls(**{name: data[name] for name in cls.__slots__})
        except KeyError as missing:
            raise ConfigError(
                f"This is not the record of a route: it has no field {missing}; pass what to_dict() gave."
            ) from None


def settle(
    ending: Ending,
    query: Query,
    *,
    policy: str,
    names: Sequence[str | None],
    prices: Sequence[Price | None] | None = None,
    answer: Reply | None = None,
) -> Route:
    """Close the books of one call: `answer` is the finishing reply, None when a draft was kept."""
    model = ending.action.model
    priced = prices or (None,) * len(names)
    steps = ending.steps if answer is None else (*ending.steps, Step("finish", model))
    bills = _bills(ending, answer, priced)
    said = answer or ending.reply
    return Route(
        model=model,
        model_name=(said.name if said else None) or names[model],
        action=_action(ending, model),
        reason=ending.reason,
        confidence=ending.tally.confidence,
        verdicts=ending.tally.to_dict(),
        steps=[_step(step) for step in steps],
        context_source=query.source,
        context_truncated=query.truncated or ending.truncated,
        policy=policy,
        errors=list(ending.errors),
        usage=_usage(bills, len(names)),
        usage_estimated=any(isinstance(s.result, Checks) and s.result.estimated for s in ending.steps),
        cost=_cost(bills, said, len(names) - 1, priced[-1]),
    )


def _action(ending: Ending, model: int) -> RouteAction:
    """Where two fit, the later of accept, escalate, direct, bypass, fallback; direct means that none was rejected."""
    if ending.errors:
        return "fallback"
    if ending.bypass:
        return "bypass"
    if any(step.do == "draft" and step.model < model for step in ending.steps):
        return "escalate"
    checked = any(step.do == "verify" and step.model == model for step in ending.steps)
    return "accept" if checked and isinstance(ending.action, Accept) else "direct"


def _step(step: Step) -> StepRecord:
    plain: StepRecord = {"do": cast("Any", step.do), "model": step.model}
    if step.do == "verify":
        plain["n"] = step.n or 0
        plain["verdicts"] = step.result.tally.to_dict() if isinstance(step.result, Checks) else Tally().to_dict()
    if step.do == "measure":
        plain["name"] = step.name or ""
        plain["value"] = step.result.value if isinstance(step.result, Measured) else None
    return plain


def spent(ending: Ending, answer: Reply | None = None) -> Usage | None:
    """All tokens of one call, None if a part was not reported."""
    return total(bill.usage for bill in _bills(ending, answer, (None,) * ending.models))


def _bills(ending: Ending, answer: Reply | None, prices: Sequence[Price | None]) -> list[Bill]:
    """One bill a step. A request that failed is taken as unbilled: no provider reports tokens for one."""
    bills = []
    for step in ending.steps:
        if isinstance(step.result, Reply):
            bills.append(Bill("draft", step.model, step.result.usage, prices[step.model]))
        elif isinstance(step.result, Checks | Measured):
            whose = step.result.model if isinstance(step.result, Checks) else step.result.by
            price = step.result.price if whose is None else prices[whose]
            bills.append(Bill("verify", whose, step.result.usage, price))
    if answer is not None:
        bills.append(Bill("answer", ending.action.model, answer.usage, prices[ending.action.model]))
    return bills


def _usage(bills: Sequence[Bill], models: int) -> UsageRecord:
    def by(role: str) -> Tokens | None:
        return _tokens(total(bill.usage for bill in bills if bill.role == role))

    return {
        "total": _tokens(total(bill.usage for bill in bills)),
        "draft": by("draft"),
        "verify": by("verify"),
        "answer": by("answer"),
        "by_model": [_tokens(total(bill.usage for bill in bills if bill.model == m)) for m in range(models)],
    }


def _tokens(usage: Usage | None) -> Tokens | None:
    return None if usage is None else usage.to_dict()


def _cost(bills: Sequence[Bill], said: Reply | None, last: int, price: Price | None) -> CostRecord:
    """What the call cost, and what the last model alone would have cost, net of verification."""
    costs = [bill.cost for bill in bills]
    known = [cost for cost in costs if cost is not None]
    spent = sum(known) if len(known) == len(costs) else None
    own = [bill.cost for bill in bills if bill.model == last and bill.role != "verify"]
    guess = price.of(said.usage) if price and said and said.usage is not None else None
    alone = own[-1] if own else guess
    return {
        "total": spent,
        "always_large": alone,
        "always_large_estimated": not own and guess is not None,
        "saved": None if spent is None or alone is None else alone - spent,
        "currency": "USD",
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):  # most are; telling a Mapping takes far longer
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
