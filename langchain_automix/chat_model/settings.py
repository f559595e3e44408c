"""The keywords of `AutoMixChatModel`, for type checkers: what `from_config` takes beside its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypedDict

from langchain_core.caches import BaseCache
from langchain_core.callbacks import Callbacks
from langchain_core.language_models import ModelProfile
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import Runnable

from automix_core.audit.audit import Audit
from automix_core.checking.custom import CheckFunction
from automix_core.checking.limiter import Limiter, RateLimiter
from automix_core.checking.measuring import Measurement
from automix_core.checking.query import Query
from automix_core.decision import Policy
from automix_core.policies.provider import PolicyProvider
from automix_core.routing.breaker import Breaker
from automix_core.routing.limits import OnLastFailure, WhenOut
from automix_core.routing.price import Price

from ..query.reading import Extractor
from ..verifier.self_verifier import SelfVerifier


class Settings(TypedDict, total=False):
    """The constructor's signature once more; a test holds the two equal."""

    models: Sequence[Runnable[Any, Any]]
    verifier: SelfVerifier | Runnable[Any, Any] | CheckFunction | None
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
    context_extractor: Extractor | None
    signals: Literal["auto"] | Sequence[str]
    measures: Mapping[str, SelfVerifier | Measurement | int] | None
    audit: Audit | None
    should_verify: Callable[[Query], bool] | None
    errands: Literal["large", "small"]
    only_errands: bool
    name: str | None
    cache: BaseCache | bool | None
    verbose: bool
    callbacks: Callbacks
    tags: list[str] | None
    metadata: dict[str, Any] | None
    custom_get_token_ids: Callable[[str], list[int]] | None
    rate_limiter: BaseRateLimiter | None
    disable_streaming: bool | Literal["tool_calling"]
    output_version: str | None
    profile: ModelProfile | None
