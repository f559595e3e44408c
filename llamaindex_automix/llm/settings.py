"""The keywords of `AutoMixLLM`, for type checkers: what `from_config` takes beside its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypedDict

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import BaseOutputParser, PydanticProgramMode

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

from ..verifier.self_verifier import SelfVerifier


class Settings(TypedDict, total=False):
    """The constructor's signature once more; a test holds the two equal."""

    models: Sequence[LLM]
    verifier: SelfVerifier | CheckFunction | None
    policy: Policy | PolicyProvider | str | PathLike[str] | None
    prices: Sequence[Price | None] | None
    without_context: Literal["prompt", "large", "small", "raise"]
    errands: Literal["large", "small"]
    auxiliary: Literal["large", "small"] | None
    only_errands: bool
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
    context_window: int | None
    context_extractor: Callable[[Sequence[ChatMessage]], Any] | None
    should_verify: Callable[[Query], bool] | None
    signals: Literal["auto"] | Sequence[str]
    measures: Mapping[str, SelfVerifier | Measurement | int] | None
    audit: Audit | None
    callback_manager: CallbackManager | None
    rate_limiter: Any
    system_prompt: str | None
    messages_to_prompt: Callable[[Sequence[ChatMessage]], str] | None
    completion_to_prompt: Callable[[str], str] | None
    output_parser: BaseOutputParser | None
    pydantic_program_mode: PydanticProgramMode
    query_wrapper_prompt: BasePromptTemplate | None
