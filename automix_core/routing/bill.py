"""What the steps of a call used, and what that cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..usage import Usage
from .effects import Checks, Dropped, Failure, Measured, Reply
from .price import Price
from .step import Step

Role: TypeAlias = Literal["draft", "verify", "hedge", "answer"]
ROLES: dict[str, Role] = {
    "draft": "draft",
    "verify": "verify",
    "measure": "verify",
    "hedge": "hedge",
    "finish": "answer",
}


@dataclass(frozen=True, slots=True)
class Bill:
    """The tokens of one step: whose they are, at which price. `usage` None means that none were reported."""

    role: Role
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


def bills(steps: Iterable[Step], prices: Sequence[Price | None]) -> list[Bill]:
    """One bill a step that used tokens, or may have."""
    return [bill for step in steps if (bill := bill_of(step, prices)) is not None]


def bill_of(step: Step, prices: Sequence[Price | None]) -> Bill | None:
    """The bill of one step.

    A request that failed is taken as unbilled, as no provider reports tokens for one; one that was left while its model
    was still at work is billed by nobody knows how much.
    """
    result = step.result
    if isinstance(result, Checks | Measured):
        whose = result.model if isinstance(result, Checks) else result.by
        return Bill("verify", whose, result.usage, result.price if whose is None else prices[whose])
    if isinstance(result, Reply | Dropped):
        return Bill(ROLES[step.do], step.model, result.usage, prices[step.model])
    if isinstance(result, Failure) and result.left:
        return Bill(ROLES[step.do], step.model, None, prices[step.model])
    return None
