"""The keywords that a cascade's constructor has in every framework, for type checkers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Literal, TypedDict

from ..audit.audit import Audit
from ..checking.limiter import Limiter, RateLimiter
from ..checking.query import Query
from ..decision import Policy
from ..policies.provider import PolicyProvider
from ..routing.breaker import Breaker
from ..routing.limits import OnLastFailure, WhenOut
from ..routing.price import Price


class Keywords(TypedDict, total=False):
    """Those whose types name no framework; an adapter's `Settings` adds its own."""

    policy: Policy | PolicyProvider | str | PathLike[str] | None
    prices: Sequence[Price | None] | None
    without_context: Literal["prompt", "large", "small", "raise"]
    on_failure: Literal["next", "raise"]
    timeout: float | None
    max_cost: float | None
    when_out: WhenOut
    on_last_failure: OnLastFailure
    breaker: Breaker | None
    limiter: int | Limiter | RateLimiter | None
    hedge: bool
    passage_budget: int | None
    verify_concurrency: int
    structured_output: Literal["cascade", "large"]
    signals: Literal["auto"] | Sequence[str]
    audit: Audit | None
    should_verify: Callable[[Query], bool] | None
    errands: Literal["large", "small"]
    only_errands: bool
