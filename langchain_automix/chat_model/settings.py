"""The keywords of `AutoMixChatModel`, for type checkers: what `from_config` takes beside its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.caches import BaseCache
from langchain_core.callbacks import Callbacks
from langchain_core.language_models import ModelProfile
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import Runnable

from automix_core.cascade_file.keywords import Keywords
from automix_core.checking.custom import CheckFunction
from automix_core.checking.measuring import Measurement

from ..query.reading import Extractor
from ..verifier.self_verifier import SelfVerifier


class Settings(Keywords, total=False):
    """With what both frameworks have, the constructor's signature once more; a test holds the two equal."""

    models: Sequence[Runnable[Any, Any]]
    verifier: SelfVerifier | Runnable[Any, Any] | CheckFunction | None
    context_extractor: Extractor | None
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
    measures: Mapping[str, SelfVerifier | Measurement | int] | None
